"""`kubectl serinus`: the commands about ModelDeployments in a cluster, with kubectl's options."""

import sys

INTERRUPTED = 130  # as in serinus.cli.main


def main() -> None:
    """Run the plugin; kubectl finds it by the name of the program, kubectl-serinus."""
    try:
        from serinus.cli.app import plugin
        from serinus.cli.homes.choosing import PLUGIN

        plugin(prog_name=PLUGIN)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
