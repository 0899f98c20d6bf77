"""Whether the variant reaches the floor in its worst slice too."""

from components.evaluate.slices import slice_metrics
from components.gate.bounds import shortfalls
from components.gate.case import Case
from components.gate.verdict import say
from serinus.training.gates import GREATER_IS_BETTER, Metric
from serinus.training.values import SLICE_NOT_REACHED, SLICES_REACHED, SLICES_TOO_SMALL, GateCheck, SliceMetrics

MAX_TOLD = 5


def slices(case: Case) -> GateCheck | None:
    """A good mean can hide a slice that is served badly; slices of fewer than `minRows` rows say too little."""
    gate = case.config.gates.slices
    if gate is None:
        return None
    every = [one for column in gate.columns for one in slice_metrics(case.rows, case.predictions, case.config, column)]
    judged = [one for one in every if one.rows >= gate.min_rows]
    if not judged:
        message = (
            f"no slice of {', '.join(gate.columns)} has {gate.min_rows} held-out rows; hold out more or lower minRows"
        )
        return say("slices", "Inconclusive", SLICES_TOO_SMALL, message, gate=gate)
    missed = [
        f"in {one.column} {one.value} ({one.rows:,} rows) {short}"
        for one in judged
        for short in shortfalls(one.metrics, gate)
    ]
    numbers = {"slices": len(judged), "tooSmall": len(every) - len(judged)} | _worst(judged, gate.metrics)
    if missed:
        return say("slices", "Fail", SLICE_NOT_REACHED, _told(missed), numbers, gate=gate)
    message = f"every bound is reached in each of {len(judged)} slices"
    return say("slices", "Pass", SLICES_REACHED, message, numbers, gate=gate)


def _told(missed: list[str]) -> str:
    more = f"; and {len(missed) - MAX_TOLD} more" if len(missed) > MAX_TOLD else ""
    return "; ".join(missed[:MAX_TOLD]) + more


def _worst(judged: list[SliceMetrics], bounded: dict[Metric, float]) -> dict[str, float]:
    """Per bounded metric its value in the worst slice."""
    worst = {}
    for metric in bounded:
        values = [one.metrics[metric] for one in judged if metric in one.metrics]
        if values:
            worst[f"worst.{metric}"] = min(values) if metric in GREATER_IS_BETTER else max(values)
    return worst
