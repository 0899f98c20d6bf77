"""How retraining stands, in a reason and a sentence; and what has happened between two memories, for the journal."""

from collections.abc import Iterator
from datetime import datetime

from serinus.core import reasons
from serinus.core.decision import Note
from serinus.core.retraining.state import PastRun, RetrainingState, RunEnd, TrainingRun


def told(memory: RetrainingState, now: datetime) -> RetrainingState:
    """The memory with its reason and sentence as they are now; `since` moves with the reason."""
    reason, message = _standing(memory)
    since = memory.since if reason == memory.reason else now
    return memory.changed(reason=reason, message=message, since=since)


def retraining_notes(before: RetrainingState | None, after: RetrainingState | None) -> Iterator[Note]:
    """What has happened between two memories, in its order."""
    if after is None:
        return
    known = {one.key for one in before.runs} if before else set()
    yield from (_of_end(one) for one in after.runs if one.key not in known)
    run, former = after.run, before.run if before else None
    if run is not None:
        if former is None or former.key != run.key:
            yield Note(reasons.RETRAINING_ASKED, f"run {run.key} was asked for: {_causes(run)}")
        if run.id and not (former and former.id):
            yield Note(reasons.RETRAINING_STARTED, f"run {run.key} was started: {_causes(run)}")
    needs = reasons.NEEDS_PERSON
    if after.hold and after.hold.reason == needs and not (before and before.hold and before.hold.reason == needs):
        yield Note(needs, after.hold.message, warning=True)


def names(causes: tuple[str, ...]) -> str:
    """The triggers of a run."""
    return ", ".join(causes)


def _of_end(one: PastRun) -> Note:
    warning = one.outcome in (RunEnd.FAILED, RunEnd.CANCELLED)
    return Note(one.reason, f"{one.message} (asked for by {names(one.causes)})", warning=warning)


def _standing(memory: RetrainingState) -> tuple[str, str]:
    run, hold, last = memory.run, memory.hold, memory.last
    if run is not None:
        return _of_run(run)
    if hold is not None:
        wanted = names(tuple(cause.trigger for cause in memory.wanted))
        return hold.reason, f"{wanted} asks for a run: {hold.message}"
    if memory.wanted:
        return reasons.RETRAINING_ASKED, "; ".join(f"{one.trigger}: {one.message}" for one in memory.wanted)
    if last is not None:
        return last.reason, last.message
    return reasons.RETRAINING_IDLE, "no run was asked for yet"


def _of_run(run: TrainingRun) -> tuple[str, str]:
    if run.started_at is None:
        why = f"{run.problem} ({_causes(run)})" if run.problem else _causes(run)
        return reasons.RETRAINING_QUEUED, f"run {run.key} waits for its turn: {why}"
    if run.problem:
        return reasons.RUNNER_UNAVAILABLE, f"run {run.key}: {run.problem}"
    doing = (
        "is being cancelled, it took too long" if run.cancelled else "is under way" if run.id else "is being started"
    )
    return reasons.RETRAINING_STARTED, f"run {run.key} {doing}: {_causes(run)}"


def _causes(run: TrainingRun) -> str:
    return "; ".join(f"{one.trigger}: {one.message}" for one in run.causes)
