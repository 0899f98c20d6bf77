"""The report in words: what was found, and what could not be said."""

from collections.abc import Iterator, Sequence

from components.monitor.quality import MIN_LABELLED
from components.monitor.values import Drift, Quality
from serinus.core.analysis.messages import percent
from serinus.core.analysis.verdict import Verdict
from serinus.core.drift import NO_DRIFT, SMALL_DRIFT
from serinus.training.values import Metrics

WORST = 3
FEW_LABELS = 0.5  # below this share, the rows with a label may be of another kind than those without
SAID = ("logLoss", "brier", "auc", "rmse", "mae")  # the first of them that is known stands in the sentence


def worst(drift: Sequence[Drift], count: int = WORST) -> list[Drift]:
    """What drifted most: alarms first, then by the share of the rows in other bins."""
    measured = [one for one in drift if "tvd" in one.numbers]
    return sorted(measured, key=lambda one: (one.verdict is not Verdict.FAIL, -one.numbers["tvd"]))[:count]


def message(drift: Sequence[Drift], own: Quality, registered: Metrics) -> str:
    """What was found, with the three worst features and their numbers."""
    return f"version {own.version} answered {own.rows:,} rows: {_drift(drift)}; {_quality(own, registered)}"


def notes(drift: Sequence[Drift], own: Quality) -> Iterator[str]:
    """What the report cannot say, or what people should know before they read it."""
    yield from (
        one.message for one in drift if one.reason not in (NO_DRIFT, SMALL_DRIFT) and one.verdict is not Verdict.FAIL
    )
    for one in drift:
        if one.unseen_rows:
            named = ", ".join(f"{value} ({rows:,})" for value, rows in one.unseen.items())
            yield f"{one.name}: {one.unseen_rows:,} rows have values that training never saw: {named}"
    if own.unanswered:
        yield f"{own.unanswered:,} of {own.rows:,} rows of version {own.version} have no prediction"
    share = own.labelled / own.rows
    if own.metrics and share < FEW_LABELS:
        yield f"only {percent(share)} of the rows have a label yet; the others may be of another kind"


def _drift(drift: Sequence[Drift]) -> str:
    judged = [one for one in drift if one.verdict is not Verdict.INCONCLUSIVE]
    if not judged:
        return f"drift cannot be judged ({drift[0].message})"
    drifted = sum(one.verdict is Verdict.FAIL for one in drift)
    told = ", ".join(
        f"{one.name} PSI {one.numbers['psi']:.3g} ({percent(one.numbers['tvd'])} moved)" for one in worst(drift)
    )
    head = (
        f"{drifted} of {len(judged)} distributions drifted"
        if drifted
        else f"none of {len(judged)} distributions drifted"
    )
    return f"{head}, most of all {told}"


def _quality(own: Quality, registered: Metrics) -> str:
    labelled = f"{own.labelled:,} rows have a label ({percent(own.labelled / own.rows)})"
    if not own.metrics:
        return f"{labelled}, and {MIN_LABELLED} are needed to say how good the answers were"
    name = next(name for name in SAID if name in own.metrics)
    before = f", {registered[name]:.4g} at registration" if name in registered else ""
    return f"{labelled}, {name} {own.metrics[name]:.4g}{before}"
