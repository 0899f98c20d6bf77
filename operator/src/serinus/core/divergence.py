"""How far two histograms over the same bins lie apart, and how far chance alone puts them.

Two measures stand side by side. The population stability index (PSI) weighs a bin by the logarithm of its change, so that
one bin of ten that became empty says 0.5 over 500 rows and 0.7 over 5,000. The total variation distance (TVD) says 0.1 of
both: the share of the rows that lie in other bins.
"""

from collections.abc import Sequence
from math import log
from typing import Final

from serinus.core.chi_squared import upper_quantile

SMOOTHING: Final = 0.5  # rows added to each bin, so that an empty one has a logarithm


def psi(reference: Sequence[float], window: Sequence[float]) -> float:
    """The population stability index of two histograms over the same bins, SMOOTHING rows added to each bin.

    sum((p - q) ln(p / q)), as in Siddiqi, *Credit Risk Scorecards* (2006), chapter 8. Gate it on the number of rows: even
    no rows at all have a PSI.
    """
    return sum((p - q) * log(p / q) for p, q in zip(_smoothed(window), _smoothed(reference), strict=True))


def tvd(reference: Sequence[float], window: Sequence[float]) -> float:
    """The total variation distance of two histograms over the same bins, neither of them empty; 0 to 1."""
    rows, reference_rows = sum(window), sum(reference)
    shares = ((now / rows, was / reference_rows) for now, was in zip(window, reference, strict=True))
    return sum(abs(now - was) for now, was in shares) / 2


def expected_psi(bins: int, rows: float, reference_rows: float) -> float:
    """The mean PSI of two samples of one distribution over `bins`.

    Without drift PSI / (1 / rows + 1 / reference_rows) is about chi-squared with bins - 1 degrees of freedom: Yurdakul and
    Naranjo, "Statistical properties of the population stability index", Journal of Risk Model Validation 14 (2020).
    """
    return (bins - 1) * (1 / rows + 1 / reference_rows)


def psi_bound(bins: int, rows: float, reference_rows: float, alpha: float) -> float:
    """What the PSI of two samples of one distribution exceeds with probability `alpha`; see `expected_psi`."""
    return upper_quantile(alpha, bins - 1) * (1 / rows + 1 / reference_rows)


def _smoothed(counts: Sequence[float]) -> list[float]:
    total = sum(counts) + SMOOTHING * len(counts)
    return [(count + SMOOTHING) / total for count in counts]
