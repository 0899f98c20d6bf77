"""Stable's rate as it was until now: what the bets of the next interval are placed around."""

import math

from serinus.core.analysis.counts import Counts
from serinus.core.model import Frozen

PRIOR_BAD = 0.5
PRIOR_TOTAL = 50.0
# Before anything is known: rates and the share of each bet that is placed around them. Most services are near the second,
# and a latency threshold may be exceeded often; a bet around a far wrong rate would lose all it has at once.
UNKNOWN = ((0.001, 0.04), (0.01, 0.84), (0.05, 0.04), (0.2, 0.04), (0.5, 0.04))
MEMORY_SECONDS = 600.0  # long beside an interval, short beside the time of day
LARGEST_STEP = 2.0  # a burst that hits stable moves the estimate by no more than this factor in one interval
CERTAIN = 1e-6


class BaseRate(Frozen):
    """Counts of stable, older ones discounted exponentially."""

    bad: float = 0.0
    total: float = 0.0

    @property
    def rate(self) -> float:
        """The posterior mean, kept off 0 and 1. Only past intervals are in it, so bets placed by it stay valid."""
        mean = (self.bad + PRIOR_BAD) / (self.total + PRIOR_TOTAL)
        return min(max(mean, CERTAIN), 1 - CERTAIN)

    @property
    def guesses(self) -> tuple[tuple[float, float], ...]:
        """Rates to place the next interval's bets around, each with its share; the shares sum to 1."""
        return ((self.rate, 1.0),) if self.total else UNKNOWN


def learn(base: BaseRate, stable: Counts, seconds: float) -> BaseRate:
    """The base rate after an interval that lasted `seconds`."""
    most = LARGEST_STEP * base.rate * stable.total + 3 if base.total else stable.bad
    kept = math.exp(-seconds / MEMORY_SECONDS)
    return BaseRate(bad=kept * base.bad + min(stable.bad, most), total=kept * base.total + stable.total)
