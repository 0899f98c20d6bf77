"""Warnings about spec.monitoring.drift: what is valid and would never alarm, or always."""

from datetime import timedelta
from math import ceil, inf
from typing import Final

from serinus.core.divergence import psi_bound
from serinus.core.reference import MAX_BINS
from serinus.core.spec import DriftMonitor, ModelDeployment, format_duration
from serinus.core.watching.looks import alpha_of_a_look, interval, monitor_of
from serinus.lint.problem import Finding, Level, Location
from serinus.lint.rates import GIVEN, Rate

DRIFT: Location = ("spec", "monitoring", "drift")
ASSUMED_INPUTS: Final = 20  # where the spec does not name them
OWN_RUNTIME: Final = "serinus"


def drift_advice(
    deployment: ModelDeployment, requests_per_minute: float | None = None, traffic: str = GIVEN
) -> list[Finding]:
    """What a person should know before drift is watched; `traffic` is where the requests per minute are from."""
    monitor = monitor_of(deployment.spec)
    if monitor is None:
        return []
    return [
        *_foreign_runtime(deployment.spec.serving.runtime),
        *_too_few_rows(monitor, requests_per_minute, traffic),
        *_within_chance(monitor),
    ]


def least_rows(monitor: DriftMonitor) -> int:
    """Rows of a window in which a PSI of `monitor.psi` is more than chance explains, with a reference of any size."""
    return ceil(_bound(monitor, 1.0) / monitor.psi)


def _bound(monitor: DriftMonitor, rows: float) -> float:
    comparisons = len(monitor.features or range(ASSUMED_INPUTS)) + 1
    return psi_bound(MAX_BINS, rows, inf, alpha_of_a_look(monitor.window) / comparisons)


def _warning(message: str, *loc: str) -> Finding:
    return Finding((*DRIFT, *loc), message, Level.WARNING)


def _foreign_runtime(runtime: str) -> list[Finding]:
    if runtime == OWN_RUNTIME:
        return []
    message = f"runtime {runtime} does not count its inputs by bin, so drift stays Unknown; use runtime {OWN_RUNTIME}"
    return [_warning(message)]


def _too_few_rows(monitor: DriftMonitor, requests_per_minute: float | None, traffic: str) -> list[Finding]:
    if requests_per_minute is None:
        return []
    rows = requests_per_minute * (monitor.window / timedelta(minutes=1))
    if rows >= monitor.min_samples:
        return []
    needed = timedelta(minutes=ceil(monitor.min_samples / requests_per_minute))
    message = (
        f"at {Rate(requests_per_minute, traffic).per_minute}, of one row each, a window of {format_duration(monitor.window)} has "
        f"{rows:,.0f} rows, and minSamples asks for {monitor.min_samples:,}: drift stays Unknown; use a window of "
        f"{format_duration(needed)} or more, or fewer minSamples"
    )
    return [_warning(message, "window")]


def _within_chance(monitor: DriftMonitor) -> list[Finding]:
    """The rule asks for both, so what chance explains is the threshold in fact."""
    rows = max(monitor.min_samples, 1)
    bound = _bound(monitor, rows)
    if monitor.psi >= bound:
        return []
    looks = f"a look every {format_duration(interval(monitor.window))}"
    message = (
        f"chance alone explains a PSI of {bound:.2g} in {rows:,} rows ({looks}), so {monitor.psi:g} is judged only from "
        f"{least_rows(monitor):,} rows on; raise psi, or minSamples"
    )
    return [_warning(message, "psi")]
