"""Drift: how far the rows of a window lie from the reference, when both are counted into the same bins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from serinus.core.analysis.messages import percent
from serinus.core.analysis.reasons import NO_DRIFT, NOT_ENOUGH_DATA, SMALL_DRIFT
from serinus.core.analysis.verdict import Verdict
from serinus.core.divergence import expected_psi, psi, psi_bound, tvd
from serinus.core.reference import MISSING

DRIFTED: Final = "Drifted"
EMPTY_REFERENCE: Final = "EmptyReference"
CONSTANT_IN_REFERENCE: Final = "ConstantInReference"


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
