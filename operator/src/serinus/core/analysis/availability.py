"""Availability: restarts and unready time against stable's, and the share of requests against the weight set.

A dead instance takes its counters with it, so a candidate that crashes between successes looks healthy by its counts
alone.
"""

from typing import Literal

from serinus.core.analysis import ceiling, difference
from serinus.core.analysis.bets import INTERVALS
from serinus.core.analysis.counts import Counts, Pair
from serinus.core.analysis.difference import Difference
from serinus.core.analysis.interval import Interval
from serinus.core.analysis.wealth import Wealth
from serinus.core.model import Frozen
from serinus.core.spec.signals import AvailabilitySignal

TESTS = 2
READY_INTERVALS = 5


class Availability(Frozen):
    """The evidence on availability.

    `tally`: intervals with a restart or unready time. `elsewhere`: requests that did not reach the candidate, in
    intervals of one known weight; `expected`: how many should have reached it. Where it gets copies, they count as
    requests too, and what stable failed on is left out: of a client that gives up there is no copy. `ready_intervals`:
    the latest ones, without a fault.
    """

    kind: Literal["Availability"] = "Availability"
    signal: AvailabilitySignal
    tally: Pair = Pair()
    difference: Difference
    elsewhere: Counts = Counts()
    expected: float = 0.0
    share: Wealth = ceiling.START
    ready_intervals: int = 0

    @property
    def tests(self) -> int:
        """How many tests can fail the candidate."""
        return TESTS


def begin(signal: AvailabilitySignal) -> Availability:
    """No evidence yet."""
    return Availability(signal=signal, difference=difference.begin(signal.max_increase, INTERVALS))


def update(state: Availability, interval: Interval, alpha: float) -> Availability:
    """The evidence after one interval. `alpha` is the level of passing."""
    pair = interval.unavailable
    if pair.candidate.total and pair.stable.total:
        state = state.model_copy(
            update={
                "tally": state.tally + pair,
                "difference": difference.update(state.difference, pair, interval.seconds, alpha, INTERVALS),
            }
        )
    if pair.candidate.total:
        ready = 0 if pair.candidate.bad else state.ready_intervals + 1
        state = state.model_copy(update={"ready_intervals": ready})
    return _update_share(state, interval)


def _update_share(state: Availability, interval: Interval) -> Availability:
    weight = interval.weight
    if weight is None or not 0 < weight < 100 + interval.mirrored:
        return state
    requests = interval.increment.requests
    stable = requests.stable.total - (requests.stable.bad if interval.mirrored else 0)
    total = requests.candidate.total + stable
    elsewhere = Counts(bad=stable, total=total)
    limit = _most_elsewhere(state.signal.min_share * weight / 100, mirrored=interval.mirrored)
    return state.model_copy(
        update={
            "elsewhere": state.elsewhere + elsewhere,
            "expected": state.expected + (stable if interval.mirrored else total) * weight / 100,
            "share": ceiling.update(state.share, elsewhere, limit),
        }
    )


def _most_elsewhere(least: float, *, mirrored: bool) -> float:
    """The largest acceptable rate of requests elsewhere, where the candidate is to have at least `least` of all.

    Copies come on top of the requests: of 1 + `least` that are counted, 1 went to stable.
    """
    return 1 / (1 + least) if mirrored else 1 - least
