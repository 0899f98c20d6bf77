"""Why a signal could not be asked for: an error of asking, never evidence."""

from serinus.core.model import Frozen
from serinus.core.observation import Problem


class Trouble(Frozen):
    """`reason` for machines, `message` for people."""

    reason: str
    message: str


def trouble(problem: Problem) -> Trouble:
    """The problem, as it is remembered until the next look."""
    return Trouble(reason=problem.reason, message=problem.message)
