"""Where ModelDeployments live, as people see them: a state folder on this machine, or a cluster."""

from serinus.cli.homes.home import Found, Home

__all__ = ["Found", "Home"]
