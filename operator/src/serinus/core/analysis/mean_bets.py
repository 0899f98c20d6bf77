"""Bets on the mean of bounded differences, told as a histogram over the grid of `serinus.core.quality`.

Where no row's expected difference is above the margin m, whatever came before it, 1 + l (d - m) is an e-variable of a row
for every l from 0 to 1 / (bound + m); and every admissible bet on a bounded mean is of that form (Waudby-Smith and Ramdas,
Estimating means of bounded random variables by betting, 2024, sections 3 and 4). So the factor of a cohort is
prod over the grid of (1 + l (d - m)) ** rows. Safety is the same for -d and -m. Which l is best depends on the variance, so
several are bet on and mixed (wealth.py); the weights were tuned on tests/benchmarks/sequential.py, and are a matter of power
only. Everything here is in units of the bound: differences and margins lie between -1 and 1.
"""

import math
from collections.abc import Mapping
from typing import Final

from serinus.core.analysis import wealth
from serinus.core.quality import GRID

Histogram = Mapping[int, int]

# The best bet on a mean that is off by the margin is about margin / variance: of two losses of one row that differ wildly
# (0.2), as of rows that are not paired; of very different models; of models that agree mostly. Where models agree nearly
# always, it is nearly all one has.
VARIANCES: Final = (0.2, 0.07, 0.025)
NEARLY_ALL: Final = 0.95
WEIGHTS: Final = (0.7, 2.0, 1.5, 3.0)
IDLE: Final = 0.05
START: Final = wealth.stake(WEIGHTS, IDLE)
LEAST_MARGIN: Final = 0.01  # below, the bets are those on a mean that is off by as much

# For the interval, whose margins are not known beforehand: shares of the most that can be bet, evenly mixed.
ANY_MARGIN: Final = (0.005, 0.015, 0.05, 0.15, 0.4, 0.95)
HALVINGS: Final = 24
LEAST_MEAN: Final = -1 + 1e-9


def harm_factors(rows: Histogram, margin: float) -> tuple[float, ...]:
    """Log factor of each bet against "the mean is at most the margin"."""
    return tuple(_log_factor(rows, margin, share) for share in _shares(margin))


def safety_factors(rows: Histogram, margin: float) -> tuple[float, ...]:
    """Log factor of each bet against "the mean is at least the margin" (below 1)."""
    opposite = mirrored(rows)
    return tuple(_log_factor(opposite, -margin, share) for share in _shares(margin))


def interval(rows: Histogram, alpha: float) -> tuple[float, float]:
    """The means that the rows do not speak against: they hold the true one at all looks with probability 1 - `alpha`.

    Each end is where the evenly mixed bets against all means beyond it reach 2 / `alpha`. Rows of one cohort are taken one by
    one here, so it is a little narrower than what a verdict asks for.
    """
    return _lowest(rows, alpha / 2), -_lowest(mirrored(rows), alpha / 2)


def mean(rows: Histogram) -> float:
    """The mean difference; 0 where there is no row."""
    total = sum(rows.values())
    return sum(at * count for at, count in rows.items()) / (GRID * total) if total else 0.0


def spread(rows: Histogram) -> float:
    """The standard deviation of the differences; 0 where there is no row."""
    total = sum(rows.values())
    if not total:
        return 0.0
    squares = sum(at * at * count for at, count in rows.items()) / (GRID * GRID * total)
    return math.sqrt(max(0.0, squares - mean(rows) ** 2))


def mirrored(rows: Histogram) -> dict[int, int]:
    """The differences with the other sign."""
    return {-at: count for at, count in rows.items()}


def added(one: Histogram, other: Histogram) -> dict[int, int]:
    """All rows of both."""
    return {at: one.get(at, 0) + other.get(at, 0) for at in sorted({*one, *other})}


def _shares(margin: float) -> tuple[float, ...]:
    """How much of the most that can be bet each bet is."""
    off = max(margin, LEAST_MARGIN)
    return (*(min(off / variance, NEARLY_ALL) for variance in VARIANCES), NEARLY_ALL)


def _log_factor(rows: Histogram, margin: float, share: float) -> float:
    most = share / (1 + margin)
    return sum(count * math.log1p(most * (at / GRID - margin)) for at, count in rows.items())


def _lowest(rows: Histogram, alpha: float) -> float:
    """The largest margin that the mean is shown to be above; the evidence falls as the margin grows."""
    low, high = LEAST_MEAN, max(LEAST_MEAN, mean(rows))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _evidence_above(rows, middle) >= -math.log(alpha) else (low, middle)
    return low


def _evidence_above(rows: Histogram, margin: float) -> float:
    parts = [_log_factor(rows, margin, share) for share in ANY_MARGIN]
    return wealth.log_sum(parts) - math.log(len(parts))
