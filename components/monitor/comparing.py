"""Every feature and the prediction held against the reference."""

from collections.abc import Iterator, Mapping
from typing import Any

from components.monitor.bins import named_bins
from components.monitor.counting import Counts, FeatureCounts
from components.monitor.values import Drift
from serinus.core.analysis.verdict import Verdict
from serinus.core.drift import DriftLimits, DriftVerdict, judge_drift
from serinus.core.prediction_log import PREDICTION
from serinus.core.reference import MISSING, Feature, Reference

NOT_LOGGED = "NotLogged"
NAMED = 5  # values never seen in training that are named


def compare(reference: Reference, counts: Counts, limits: DriftLimits) -> tuple[tuple[Drift, ...], Drift]:
    """(a verdict for every feature of the reference, that of the prediction)."""
    comparisons = len(counts.features) + 1
    features = tuple(_features(reference, counts, limits, comparisons))
    verdict = judge_drift(PREDICTION, reference.prediction.counts, counts.prediction, limits, comparisons=comparisons)
    return features, Drift(**_told(verdict), bins=named_bins(reference.prediction, counts.prediction))


def _features(reference: Reference, counts: Counts, limits: DriftLimits, comparisons: int) -> Iterator[Drift]:
    for feature in reference.features:
        counted = counts.features.get(feature.name)
        if counted is None:
            yield _not_logged(feature.name)
        else:
            verdict = judge_drift(feature.name, feature.counts, counted.bins, limits, comparisons=comparisons)
            yield _drift(verdict, feature, counted)


def _drift(verdict: DriftVerdict, feature: Feature, counted: FeatureCounts) -> Drift:
    unseen = counted.unseen
    return Drift(
        **_told(verdict),
        bins=named_bins(feature, counted.bins),
        missing_in_reference=_missing(feature.counts),
        missing_in_window=_missing(counted.bins),
        unseen_rows=None if unseen is None else unseen.total(),
        unseen={} if unseen is None else dict(unseen.most_common(NAMED)),
    )


def _not_logged(name: str) -> Drift:
    message = f"{name}: the prediction log does not have it; log every feature by its name"
    return Drift(name=name, verdict=Verdict.INCONCLUSIVE, reason=NOT_LOGGED, message=message, numbers={})


def _told(verdict: DriftVerdict) -> dict[str, Any]:
    return {
        "name": verdict.name,
        "verdict": verdict.verdict,
        "reason": verdict.reason,
        "message": verdict.message,
        "numbers": dict(verdict.numbers),
    }


def _missing(counts: Mapping[str, int]) -> float | None:
    """The share of rows without a value."""
    return counts.get(MISSING, 0) / total if (total := sum(counts.values())) else None
