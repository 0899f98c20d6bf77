"""Whether what serves has drifted: for triggers, and for who tells people."""

from datetime import datetime

from serinus.core import reasons
from serinus.core.decision import Note
from serinus.core.state import RolloutState
from serinus.core.watching.looks import watched


def is_drifted(state: RolloutState) -> bool:
    """Whether the revision that serves has an alarm."""
    drift = watched(state)
    return drift is not None and drift.status == "True"


def drifted_since(state: RolloutState) -> datetime | None:
    """When its alarm began; None where there is none."""
    drift = watched(state)
    return drift.since if drift is not None and drift.status == "True" else None


def drift_notes(before: RolloutState, after: RolloutState) -> tuple[Note, ...]:
    """What happened between two states: an alarm began, or one ended."""
    had, has = is_drifted(before), is_drifted(after)
    another = has and had and _revision(before) != _revision(after)
    if has and after.drift is not None and (another or not had):
        return (Note(after.drift.reason, after.drift.message, after.drift.numbers, warning=True),)
    return (_end(before, after),) if had and not has else ()


def _end(before: RolloutState, after: RolloutState) -> Note:
    drift = after.drift
    if drift is None:
        return Note(reasons.DRIFT_ENDED, "drift is no longer watched")
    if _revision(before) != drift.revision:
        return Note(reasons.DRIFT_ENDED, "another revision serves, which is judged anew")
    return Note(reasons.DRIFT_ENDED, f"the alarm is over: {drift.message}", drift.numbers)


def _revision(state: RolloutState) -> str:
    return state.drift.revision if state.drift else ""
