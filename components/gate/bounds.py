"""Metrics held against the bounds that a gate declares."""

from serinus.training.gates import GREATER_IS_BETTER, Bounds, Metric
from serinus.training.values import Metrics


def reaches(metric: Metric, value: float | None, bound: float) -> bool:
    """Whether `value` is at least the bound, or at most, as the metric goes; no value reaches nothing."""
    if value is None:
        return False
    return value >= bound if metric in GREATER_IS_BETTER else value <= bound


def shortfalls(metrics: Metrics, gate: Bounds) -> list[str]:
    """For each bound that is not reached what was found and what is asked for."""
    return [
        f"{metric} is {_written(metrics.get(metric))} and {_side(metric)} {bound:.4f} is asked for"
        for metric, bound in gate.metrics.items()
        if not reaches(metric, metrics.get(metric), bound)
    ]


def _written(value: float | None) -> str:
    return "not to be had" if value is None else f"{value:.4f}"


def _side(metric: Metric) -> str:
    return "at least" if metric in GREATER_IS_BETTER else "at most"
