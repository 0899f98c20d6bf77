"""Which alternatives are bet on, and how much on each.

An alternative to "not worse" is a rate of the candidate whose odds are a multiple of the odds that are just acceptable.
The weights are a matter of power only: every choice is valid. They were tuned on tests/benchmarks/sequential.py.
"""

from dataclasses import dataclass
from functools import cached_property

from serinus.core.analysis.wealth import Wealth, stake


@dataclass(frozen=True)
class Bets:
    """Bets with `weights` on the multiples `odds`, and a share `idle` that is not bet."""

    odds: tuple[float, ...]
    weights: tuple[float, ...]
    idle: float

    @cached_property
    def start(self) -> Wealth:
        """The wealth before the first interval."""
        return stake(self.weights, self.idle)


# On rates of requests: mostly near three times the acceptable odds. Smaller harm takes long to find in any case, and
# larger is found at once by any bet.
REQUESTS = Bets(odds=(1.6, 2.8, 5.0, 30.0), weights=(0.8, 8.0, 1.0, 0.4), idle=0.25)

# On faults of intervals, of which there are few and each is one trial: a candidate that is at fault in most of them.
INTERVALS = Bets(odds=(5.0, 50.0, 1000.0), weights=(1.0, 1.0, 2.0), idle=0.1)


def times_odds(rate: float, factor: float) -> float:
    """The rate whose odds are `factor` times those of `rate`."""
    odds = factor * rate / (1 - rate)
    return odds / (1 + odds)
