"""Follow the run under way to its end, and keep what came of it."""

from datetime import datetime, timedelta
from typing import Final

from serinus.core import reasons
from serinus.core.observation import Problem
from serinus.core.pipeline_run import PipelineRun, RunPhase
from serinus.core.retraining.state import RUNS_KEPT, PastRun, RetrainingState, RunEnd, TrainingRun, shortened
from serinus.core.spec import format_duration

START_PATIENCE: Final = timedelta(hours=1)  # with a runner that cannot be reached
CANCEL_PATIENCE: Final = timedelta(minutes=15)


def followed(
    memory: RetrainingState, seen: PipelineRun | Problem | None, timeout: timedelta, now: datetime
) -> RetrainingState:
    """The memory after one more look at the run under way."""
    run = memory.run
    if run is None or run.started_at is None:
        return memory
    if isinstance(seen, Problem) and seen.reason == reasons.RUN_NOT_FOUND:
        return ended(memory, now, RunEnd.FAILED, seen.reason, f"{seen.message}; it was deleted while it was under way")
    if isinstance(seen, PipelineRun):
        # A success whose version nobody can tell yet says so itself.
        unknown = seen.message if seen.phase is RunPhase.SUCCEEDED and seen.outcome is None else ""
        memory, run = _noted(memory, run, link=seen.link, problem=shortened(unknown))
        if seen.phase.ended and (done := _ended_as(memory, run, seen, timeout, now)) is not None:
            return done
    elif seen is not None and run.id:
        memory, run = _noted(memory, run, problem=shortened(seen.message))
    return _impatient(memory, run, timeout, now)


def refused(memory: RetrainingState, why: str, now: datetime) -> RetrainingState:
    """The memory after the runner has refused to start or to cancel the run, and said why."""
    run = memory.run
    if run is None or run.id:  # what it is doing is seen at the next look
        return memory
    return ended(memory, now, RunEnd.FAILED, reasons.RUN_NOT_STARTED, f"run {run.key} was not started: {why}")


def ended(
    memory: RetrainingState, now: datetime, outcome: RunEnd, reason: str, message: str, *, version: str = ""
) -> RetrainingState:
    """The memory without a run under way, and with what came of it."""
    run = memory.run
    if run is None:
        raise AssertionError("no run is under way that could end")
    past = PastRun(
        key=run.key,
        causes=tuple(cause.trigger for cause in run.causes),
        outcome=outcome,
        reason=reason,
        message=shortened(message),
        version=version,
        started_at=run.started_at or run.asked_at,
        ended_at=now,
        link=run.link,
        without_better=memory.without_better if outcome is RunEnd.NEW_VERSION else 0,
    )
    better = outcome is RunEnd.NEW_VERSION
    return memory.changed(
        run=None,
        runs=(*memory.runs, past)[-RUNS_KEPT:],
        without_better=0 if better else memory.without_better + 1,
    )


def _noted(memory: RetrainingState, run: TrainingRun, **changes: object) -> tuple[RetrainingState, TrainingRun]:
    changed = run.model_copy(update=changes)
    return memory.changed(run=changed), changed


def _ended_as(
    memory: RetrainingState, run: TrainingRun, seen: PipelineRun, timeout: timedelta, now: datetime
) -> RetrainingState | None:
    """What came of a run that has ended; None while the registry cannot be asked which version it registered."""
    if seen.phase is RunPhase.SUCCEEDED:
        return _succeeded(memory, run, seen, now)
    if run.cancelled:
        return ended(memory, now, RunEnd.FAILED, reasons.RUN_TIMED_OUT, _too_long(run, timeout))
    if seen.phase is RunPhase.CANCELLED:
        message = f"run {run.key} was cancelled by somebody"
        return ended(memory, now, RunEnd.CANCELLED, reasons.RETRAINING_CANCELLED, message)
    return ended(memory, now, RunEnd.FAILED, reasons.RETRAINING_FAILED, seen.message or "it failed without a word")


def _succeeded(memory: RetrainingState, run: TrainingRun, seen: PipelineRun, now: datetime) -> RetrainingState | None:
    if seen.outcome is None:
        return None
    why = ": ".join(filter(None, (seen.outcome.reason, seen.outcome.message)))
    if seen.outcome.version is None:
        message = f"run {run.key} registered nothing{f': {why}' if why else ''}"
        return ended(memory, now, RunEnd.NOT_BETTER, reasons.NOT_BETTER, message)
    version = seen.outcome.version
    message = f"run {run.key} registered version {version}{f': {why}' if why else ''}"
    return ended(memory, now, RunEnd.NEW_VERSION, reasons.RETRAINING_SUCCEEDED, message, version=version)


def _impatient(memory: RetrainingState, run: TrainingRun, timeout: timedelta, now: datetime) -> RetrainingState:
    """A run that cannot be started, hangs, or cannot even be cancelled is not waited for without end."""
    since = run.started_at or now
    if not run.id:
        if now - since <= START_PATIENCE:
            return memory
        message = f"run {run.key} could not be started within {format_duration(START_PATIENCE)}: {run.problem}"
        return ended(memory, now, RunEnd.FAILED, reasons.RUN_NOT_STARTED, message)
    if now - since <= timeout:
        return memory
    if now - since > timeout + CANCEL_PATIENCE:
        last = f" ({run.problem})" if run.problem else ""
        message = f"{_too_long(run, timeout)}, and its end is not known{last}; look at {run.link or run.id}"
        return ended(memory, now, RunEnd.FAILED, reasons.RUN_TIMED_OUT, message)
    return memory.changed(run=run.model_copy(update={"cancelled": True}))


def _too_long(run: TrainingRun, timeout: timedelta) -> str:
    return f"run {run.key} took longer than timeout {format_duration(timeout)} and was cancelled"
