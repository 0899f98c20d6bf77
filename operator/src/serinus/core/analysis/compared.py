"""Errors and latency: a rate of the candidate's requests, against stable's and against a limit."""

from typing import Annotated, Literal

from pydantic import Field

from serinus.core.analysis import ceiling, difference
from serinus.core.analysis.bets import REQUESTS
from serinus.core.analysis.counts import Pair
from serinus.core.analysis.difference import Difference
from serinus.core.analysis.wealth import Wealth
from serinus.core.model import Frozen
from serinus.core.spec.signals import ErrorsSignal, LatencySignal


class Compared(Frozen):
    """The evidence on one such signal. `problem` says why it could not be read at the last look."""

    kind: Literal["Compared"] = "Compared"
    signal: Annotated[ErrorsSignal | LatencySignal, Field(discriminator="type")]
    tally: Pair = Pair()
    difference: Difference
    ceiling: Wealth = ceiling.START
    problem: str = ""

    @property
    def tests(self) -> int:
        """How many tests can fail the candidate."""
        return 1 if self.signal.max is None else 2


def begin(signal: ErrorsSignal | LatencySignal) -> Compared:
    """No evidence yet."""
    return Compared(signal=signal, difference=difference.begin(signal.max_increase, REQUESTS))


def update(state: Compared, pair: Pair, seconds: float, alpha: float) -> Compared:
    """The evidence after one interval. `alpha` is the level of passing."""
    limit = state.signal.max
    return state.model_copy(
        update={
            "tally": state.tally + pair,
            "difference": difference.update(state.difference, pair, seconds, alpha, REQUESTS),
            "ceiling": state.ceiling if limit is None else ceiling.update(state.ceiling, pair.candidate, limit),
        }
    )
