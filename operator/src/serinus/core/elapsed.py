"""How time passes where somebody may set the clock."""

from datetime import datetime, timedelta

from serinus.core.state import RolloutState


def has_passed(span: timedelta, since: datetime, now: datetime) -> bool:
    """Whether that much time has passed. Nothing waits for a clock that was put back to catch up: then it has."""
    return not timedelta() <= now - since < span


def caught_up(state: RolloutState, now: datetime) -> RolloutState:
    """The state with nothing that began in the future: what was written before the clock was put back begins now."""
    rollout = state.rollout
    if rollout is not None and max(rollout.stage_since, rollout.deadline_since) > now:
        begun = {name: min(getattr(rollout, name), now) for name in ("stage_since", "deadline_since")}
        state = state.model_copy(update={"rollout": rollout.model_copy(update=begun)})
    return state if state.phase_since <= now else state.model_copy(update={"phase_since": now})
