"""When drift is looked at, and what probability of a false alarm a single look may have.

`ALPHA` is the probability that anything at all alarms without drift within a day, or within one window if that is longer.
It is spread evenly over the looks of that time (Bonferroni); judge_drift spreads a look's share over its comparisons.
"""

from datetime import datetime, timedelta
from math import ceil
from typing import Final

from serinus.core.elapsed import has_passed
from serinus.core.observation import BinWindow
from serinus.core.spec import DriftMonitor, ModelDeploymentSpec
from serinus.core.state import Phase, RolloutState
from serinus.core.watching.state import DriftState

ALPHA: Final = 0.05
DAY: Final = timedelta(days=1)
LOOKS: Final = 48  # in one length of the window
SHORTEST: Final = timedelta(seconds=1)
FIRST_ROWS: Final = timedelta(hours=1)  # of a revision's traffic, that tell skew from drift
FIRST_LOOKS: Final = 6  # at them
WATCHED: Final = frozenset(Phase) - {Phase.PENDING, Phase.FAILED}


def monitor_of(spec: ModelDeploymentSpec) -> DriftMonitor | None:
    """What is to be watched, if anything is."""
    return spec.monitoring.drift if spec.monitoring else None


def interval(window: timedelta) -> timedelta:
    """The time between two looks, but for the first ones."""
    return max(SHORTEST, window / LOOKS)


def first_rows(window: timedelta) -> timedelta:
    """How much of a revision's first traffic tells skew from drift."""
    return min(FIRST_ROWS, window)


def alpha_of_a_look(window: timedelta) -> float:
    """The probability with which one look may alarm without drift."""
    return ALPHA / (ceil(max(DAY, window) / interval(window)) + FIRST_LOOKS)


def watched(state: RolloutState) -> DriftState | None:
    """What is remembered of the revision that serves; None before its first look."""
    drift, stable = state.drift, state.stable
    return drift if drift and stable and drift.revision == stable.id else None


def is_first(drift: DriftState, window: timedelta, now: datetime) -> bool:
    """Whether all rows up to now are among the revision's first, or none has come yet."""
    return drift.traffic_since is None or now - drift.traffic_since <= first_rows(window) + SHORTEST


def is_full(counted: BinWindow, window: timedelta) -> bool:
    """Whether (nearly) all of the time that is to be compared at once was watched."""
    return counted.until - counted.since >= window - 2 * interval(window)


def window_to_ask(spec: ModelDeploymentSpec, state: RolloutState, now: datetime) -> datetime | None:
    """Since when rows are to be counted, if a look is due."""
    monitor, drift = monitor_of(spec), watched(state)
    if monitor is None or drift is None or state.phase not in WATCHED:
        return None
    if drift.asked_at is not None and not has_passed(_pause(drift, monitor, now), drift.asked_at, now):
        return None
    return max(now - monitor.window, min(drift.begun_at, now))


def next_look(spec: ModelDeploymentSpec, state: RolloutState, now: datetime) -> timedelta | None:
    """After how long a look is due; None where nothing is watched."""
    monitor, drift = monitor_of(spec), watched(state)
    if monitor is None or drift is None or state.phase not in WATCHED:
        return None
    if drift.asked_at is None:
        return SHORTEST
    return max(SHORTEST, drift.asked_at + _pause(drift, monitor, now) - now)


def _pause(drift: DriftState, monitor: DriftMonitor, now: datetime) -> timedelta:
    usual = interval(monitor.window)
    if not is_first(drift, monitor.window, now):
        return usual
    return max(SHORTEST, min(usual, first_rows(monitor.window) / FIRST_LOOKS))
