"""The report in words: what was found, and what could not be said."""

from collections.abc import Iterator, Sequence

from components.monitor.quality import MIN_LABELLED
from components.monitor.values import Drift, Quality
from serinus.core.analysis.messages import percent
from serinus.core.analysis.reasons import NO_DRIFT, NOT_ENOUGH_DATA, SMALL_DRIFT
from serinus.core.analysis.verdict import Verdict
from serinus.core.drift import DRIFTED
from serinus.training.values import Metrics

WORST = 3
FEW_LABELS = 0.5  # below this share, the rows with a label may be of another kind than those without
SAID = ("logLoss", "brier", "auc", "rmse", "mae")  # the first of them that is known stands in the sentence


def worst(drift: Sequence[Drift], count: int = WORST) -> list[Drift]:
    """What drifted most: alarms first, then by the share of the rows in other bins."""
    measured = [one for one in drift if "tvd" in one.numbers]
    return sorted(measured, key=lambda one: (one.verdict is not Verdict.FAIL, -one.numbers["tvd"]))[:count]


def message(features: Sequence[Drift], prediction: Drift, own: Quality, registered: Metrics) -> str:
    """What was found, with the three worst features and their numbers."""
    return (
        f"version {own.version} answered {own.rows:,} rows: {_drift(features, prediction)}; {_quality(own, registered)}"
    )


def notes(drift: Sequence[Drift], own: Quality, *, nameless: int) -> Iterator[str]:
    """What the report cannot say, or what people should know before they read it. `nameless`: rows of no version."""
    silent = {NO_DRIFT, SMALL_DRIFT, DRIFTED} | (set() if any(map(_judged, drift)) else {NOT_ENOUGH_DATA})
    yield from (one.message for one in drift if one.reason not in silent)
    for one in drift:
        if one.unseen_rows:
            named = ", ".join(f"{value} ({rows:,})" for value, rows in one.unseen.items())
            yield f"{one.name}: {one.unseen_rows:,} rows have values that training never saw: {named}"
    if nameless:
        yield f"{nameless:,} rows do not say which version answered them, and are left out"
    if own.unanswered:
        yield f"{own.unanswered:,} of {own.rows:,} rows of version {own.version} have no prediction"
    if own.metrics and own.labelled / own.rows < FEW_LABELS:
        yield f"only {percent(own.labelled / own.rows)} of the rows have a label; the others may be of another kind"


def _judged(one: Drift) -> bool:
    return one.verdict is not Verdict.INCONCLUSIVE


def _drift(features: Sequence[Drift], prediction: Drift) -> str:
    drift = (*features, prediction)
    judged = [one for one in drift if _judged(one)]
    if not judged:
        return f"drift cannot be judged ({prediction.message})"
    drifted = sum(one.verdict is Verdict.FAIL for one in drift)
    told = ", ".join(f"{one.name} {_moved(one)}" for one in worst(features))
    return f"{drifted or 'none'} of {len(judged)} distributions drifted, most of all {told}; {prediction.name} {_moved(prediction)}"


def _moved(one: Drift) -> str:
    return f"PSI {one.numbers['psi']:.3g} ({percent(one.numbers['tvd'])} moved)" if "psi" in one.numbers else one.reason


def _quality(own: Quality, registered: Metrics) -> str:
    labelled = f"{own.labelled:,} rows have a label ({percent(own.labelled / own.rows)})"
    if not own.metrics:
        return f"{labelled}, and {MIN_LABELLED} are needed to say how good the answers were"
    name = next(name for name in SAID if name in own.metrics)
    before = f", {registered[name]:.4g} at registration" if name in registered else ""
    return f"{labelled}, {name} {own.metrics[name]:.4g}{before}"
