"""Judge the window that monitoring watches.

An alarm takes HELD looks in a row, so that a burst of odd rows passes by; it ends after as many looks at which nothing is
near an alarm. A look that had too few rows says nothing: it neither begins nor ends an alarm. Nor does one begin before the
whole window was watched: a morning differs from a day without any drift. The first rows are the exception, for skew.
"""

from datetime import datetime
from typing import Any, Final

from serinus.core import reasons
from serinus.core.analysis.reasons import NO_DRIFT
from serinus.core.analysis.verdict import Verdict
from serinus.core.decision import Input
from serinus.core.drift import DRIFTED
from serinus.core.observation import BinWindow, Problem
from serinus.core.spec import DriftMonitor
from serinus.core.state import RolloutState
from serinus.core.watching import sentences
from serinus.core.watching.compare import compare, is_calm, overall, rows_in, worst_first
from serinus.core.watching.looks import WATCHED, is_first, is_full, monitor_of, watched
from serinus.core.watching.state import DriftState, MeasuredDrift, Status

HELD: Final = 3  # looks in a row
UNANSWERED: Final = 4  # a verdict stands for this part of the window when nobody answers


def with_drift(state: RolloutState, seen: Input) -> RolloutState:
    """The state with the verdict on the window that was observed."""
    monitor = monitor_of(seen.spec)
    if monitor is None or state.stable is None:
        return state.model_copy(update={"drift": None})
    drift = watched(state) or _begun(state, seen.now)
    return state.model_copy(update={"drift": drift and _observed(drift, seen.observed.inputs, monitor, seen.now)})


def _begun(state: RolloutState, now: datetime) -> DriftState | None:
    """Another revision serves: nothing is known of it."""
    if state.stable is None or state.phase not in WATCHED:
        return None
    message = f"{state.stable.label} has just begun to serve; nothing was counted yet"
    return DriftState(revision=state.stable.id, reason=reasons.WATCH_BEGUN, message=message, since=now, begun_at=now)


def _observed(
    drift: DriftState, inputs: BinWindow | Problem | None, monitor: DriftMonitor, now: datetime
) -> DriftState:
    if isinstance(inputs, Problem):
        return _unanswered(drift, inputs, monitor, now)
    if inputs is None or inputs.revision != drift.revision:
        return drift
    return _looked(drift, inputs, monitor, now)


def _unanswered(drift: DriftState, problem: Problem, monitor: DriftMonitor, now: datetime) -> DriftState:
    """Nobody answered: what was known stands for a while, and an alarm until it is judged again."""
    asked = drift.model_copy(update={"asked_at": now})
    recent = drift.looked_at is not None and now - drift.looked_at < monitor.window / UNANSWERED
    if drift.status == "True" or recent:
        return asked
    return _said(asked, "Unknown", problem.reason, problem.message, now)


def _looked(drift: DriftState, window: BinWindow, monitor: DriftMonitor, now: datetime) -> DriftState:
    inputs, prediction = compare(window, monitor)
    verdicts = [*inputs, prediction]
    counted = _counted(drift, window, verdicts, monitor, now)
    told = _told(counted, window, verdicts, monitor, now)
    return told.model_copy(
        update={
            "worst": tuple(worst_first(inputs)[: sentences.WORST]),
            "prediction": prediction,
            "compared": len(verdicts),
            "drifted": sum(one.verdict is Verdict.FAIL for one in verdicts),
            "asked_at": now,
            "looked_at": now,
        }
    )


def _counted(
    drift: DriftState, window: BinWindow, verdicts: list[MeasuredDrift], monitor: DriftMonitor, now: datetime
) -> DriftState:
    """How steadily it is said. A look without an answer breaks a suspicion, and leaves an alarm as it is."""
    verdict, rows = overall(verdicts), rows_in(window)
    changes: dict[str, Any] = {"looks": drift.looks + 1, "rows": rows}
    if rows and drift.traffic_since is None:
        drift = drift.model_copy(update={"traffic_since": max(window.since, drift.looked_at or drift.begun_at)})
    if verdict is Verdict.FAIL and (drift.status == "True" or _may_alarm(drift, window, monitor, now)):
        since = drift.alarming_since if drift.alarming else now
        changes |= {"alarming": drift.alarming + 1, "alarming_since": since, "calm": 0}
    elif verdict is Verdict.PASS:
        calm = drift.calm + 1 if is_calm(verdicts, monitor) else 0
        changes |= {"alarming": 0, "calm": calm}
    elif drift.status != "True":
        changes |= {"alarming": 0, "calm": 0}
    return drift.model_copy(update=changes)


def _may_alarm(drift: DriftState, window: BinWindow, monitor: DriftMonitor, now: datetime) -> bool:
    return is_full(window, monitor.window) or is_first(drift, monitor.window, now)


def _told(
    drift: DriftState, window: BinWindow, verdicts: list[MeasuredDrift], monitor: DriftMonitor, now: datetime
) -> DriftState:
    verdict, begins = overall(verdicts), drift.status != "True"
    if not begins and verdict is not Verdict.FAIL and drift.calm < HELD:
        return drift
    status, reason, message = _verdict(drift, window, verdicts, monitor)
    if verdict is Verdict.FAIL and begins and drift.alarming >= HELD:
        reason = _kind(drift, monitor)
        status, message = "True", sentences.of_alarm(verdicts, skew=reason == reasons.TRAINING_SERVING_SKEW)
    unknown = sentences.of_unknown_names(window, monitor)
    return _said(drift, status, reason, f"{message}; {unknown}" if unknown else message, now)


def _verdict(
    drift: DriftState, window: BinWindow, verdicts: list[MeasuredDrift], monitor: DriftMonitor
) -> tuple[Status, str, str]:
    """(status, reason, message), as long as no alarm begins."""
    verdict = overall(verdicts)
    if verdict is Verdict.PASS:
        return "False", NO_DRIFT, sentences.of_calm(verdicts)
    if verdict is Verdict.INCONCLUSIVE:
        return "Unknown", *sentences.of_ignorance(verdicts)
    if drift.status == "True":
        skew = drift.reason == reasons.TRAINING_SERVING_SKEW
        return "True", drift.reason, sentences.of_alarm(verdicts, skew=skew)
    if not drift.alarming:
        watched_for = window.until - window.since
        return "Unknown", reasons.WINDOW_NOT_FULL, sentences.of_part(verdicts, watched_for, monitor.window)
    return drift.status, reasons.DRIFT_SUSPECTED, sentences.of_suspicion(verdicts, drift.alarming, HELD)


def _kind(drift: DriftState, monitor: DriftMonitor) -> str:
    """Skew was there from the first rows on; drift came later."""
    at_first = drift.alarming_since is not None and is_first(drift, monitor.window, drift.alarming_since)
    return reasons.TRAINING_SERVING_SKEW if at_first else DRIFTED


def _said(drift: DriftState, status: Status, reason: str, message: str, now: datetime) -> DriftState:
    since = drift.since if drift.status == status else now
    return drift.model_copy(update={"status": status, "reason": reason, "message": message, "since": since})
