"""Why a ModelDeployment is as it is: pure functions from its state to sentences."""

from serinus.cli.explaining.explanation import Explanation, explain

__all__ = ["Explanation", "explain"]
