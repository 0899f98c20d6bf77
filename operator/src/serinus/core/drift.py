"""Drift: how far the rows of a window lie from the reference, when both are counted into the same bins.

Two measures stand side by side. The population stability index (PSI) weighs a bin by the logarithm of its change, so that
one bin of ten that became empty says 0.5 over 500 rows and 0.7 over 5,000. The total variation distance (TVD) says 0.1 of
both: the share of the rows that lie in other bins.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import log
from typing import Final

from serinus.core.analysis.messages import percent
from serinus.core.analysis.reasons import NOT_ENOUGH_DATA
from serinus.core.analysis.verdict import Verdict
from serinus.core.chi_squared import upper_quantile
from serinus.core.reference import MISSING

DRIFTED: Final = "Drifted"
SMALL_DRIFT: Final = "SmallDrift"
NO_DRIFT: Final = "NoDrift"
EMPTY_REFERENCE: Final = "EmptyReference"
CONSTANT_IN_REFERENCE: Final = "ConstantInReference"

SMOOTHING: Final = 0.5  # rows added to each bin, so that an empty one has a logarithm


@dataclass(frozen=True)
class DriftLimits:
    """What is an alarm: a PSI of `psi`, in `min_samples` rows or more, that chance does not explain.

    `alpha` is the probability that anything at all alarms in one look without any drift.
    """

    psi: float = 0.2
    min_samples: int = 500
    alpha: float = 0.05


@dataclass(frozen=True)
class DriftVerdict:
    """The verdict on one feature, or on the prediction: `reason` for machines, `message` for people.

    `numbers`: `rows` and `referenceRows`, and where both are known `psi`, `tvd`, `expectedPsi` (its mean without drift)
    and `bound` (what it exceeds without drift with probability alpha, all comparisons of the look taken together).
    """

    name: str
    verdict: Verdict
    reason: str
    message: str
    numbers: Mapping[str, float] = field(default_factory=dict)


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


def judge_drift(
    name: str, reference: Mapping[str, float], window: Mapping[str, float], limits: DriftLimits, *, comparisons: int
) -> DriftVerdict:
    """Compare two histograms by bin name; a bin that one side does not have is empty there.

    `comparisons`: how many verdicts may alarm in this look. Their bounds share `limits.alpha` evenly (Bonferroni).
    """
    bins = [one for one in {**reference, **window} if reference.get(one) or window.get(one)]
    was, now = [reference.get(one, 0) for one in bins], [window.get(one, 0) for one in bins]
    numbers: dict[str, float] = {"rows": sum(now), "referenceRows": sum(was)}
    if sum(now) and sum(was):
        numbers |= _measured(was, now, limits.alpha / comparisons)
    blind = len([one for one in reference if one != MISSING]) < 2
    verdict, reason, what = _verdict(numbers, limits, blind=blind)
    return DriftVerdict(name, verdict, reason, f"{name}: {what}", numbers)


def _smoothed(counts: Sequence[float]) -> list[float]:
    total = sum(counts) + SMOOTHING * len(counts)
    return [(count + SMOOTHING) / total for count in counts]


def _measured(was: Sequence[float], now: Sequence[float], alpha: float) -> dict[str, float]:
    sizes = (len(was), sum(now), sum(was))
    return {
        "psi": psi(was, now),
        "tvd": tvd(was, now),
        "expectedPsi": expected_psi(*sizes),
        "bound": psi_bound(*sizes, alpha),
    }


def _verdict(numbers: Mapping[str, float], limits: DriftLimits, *, blind: bool) -> tuple[Verdict, str, str]:
    """The first rule that speaks: what cannot be known comes before what was seen."""
    rows = numbers["rows"]
    if not numbers["referenceRows"]:
        return Verdict.INCONCLUSIVE, EMPTY_REFERENCE, "the reference counted no row; compare with another reference"
    if rows < limits.min_samples or not rows:
        few = f"{rows:,.0f} rows, and {limits.min_samples:,} are needed to judge; widen the window"
        return Verdict.INCONCLUSIVE, NOT_ENOUGH_DATA, few
    if blind and numbers["psi"] <= numbers["bound"]:
        constant = "the reference has one value, so its bins cannot show another; compare with another reference"
        return Verdict.INCONCLUSIVE, CONSTANT_IN_REFERENCE, constant
    return _seen(numbers, limits)


def _seen(numbers: Mapping[str, float], limits: DriftLimits) -> tuple[Verdict, str, str]:
    """An alarm must be both large and more than chance."""
    seen, bound = numbers["psi"], numbers["bound"]
    large, chance = seen >= limits.psi, f"chance explains {bound:.2g}"
    told = f"PSI {seen:.3g}, {percent(numbers['tvd'])} of {numbers['rows']:,.0f} rows in other bins"
    if seen > bound:
        verdict, reason = (Verdict.FAIL, DRIFTED) if large else (Verdict.PASS, SMALL_DRIFT)
        return verdict, reason, f"{told}; {chance}, {limits.psi:g} is an alarm"
    if large:
        return Verdict.INCONCLUSIVE, NOT_ENOUGH_DATA, f"{told}; {chance} in samples so small; widen the window"
    return Verdict.PASS, NO_DRIFT, f"{told}; {chance}"
