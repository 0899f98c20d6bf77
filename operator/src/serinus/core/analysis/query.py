"""Query: a value that a person has set limits for. It has no statistics, so it spends no alpha.

One value outside proves little: right after a weight changed, a rate over some minutes still holds what was before, and one
scrape that is missing makes a spike. So it takes several looks in a row, in both directions.
"""

from typing import Final, Literal

from serinus.core.analysis.trouble import Trouble, trouble
from serinus.core.model import Frozen
from serinus.core.observation import Problem
from serinus.core.spec.signals import QuerySignal

OUTSIDE_LOOKS: Final = 2
INSIDE_LOOKS: Final = 3


class Query(Frozen):
    """The latest value, and at how many answers in a row it was outside its limits, or inside."""

    kind: Literal["Query"] = "Query"
    signal: QuerySignal
    value: float | None = None
    outside: int = 0
    inside: int = 0
    problem: Trouble | None = None

    @property
    def tests(self) -> int:
        """How many tests of level alpha can fail the candidate: a limit is no test."""
        return 0


def begin(signal: QuerySignal) -> Query:
    """Nothing was asked yet."""
    return Query(signal=signal)


def update(state: Query, answer: float | Problem | None) -> Query:
    """The state after a look. Who could not be asked has said nothing: the looks before count on."""
    if answer is None:
        return state
    if isinstance(answer, Problem):
        return state.model_copy(update={"problem": trouble(answer)})
    out = is_outside(state.signal, answer)
    counts = {"outside": state.outside + 1 if out else 0, "inside": 0 if out else state.inside + 1}
    return state.model_copy(update={"value": answer, "problem": None, **counts})


def is_outside(signal: QuerySignal, value: float) -> bool:
    """Whether the value is beyond a limit."""
    below = signal.min is not None and value < signal.min
    return below or (signal.max is not None and value > signal.max)
