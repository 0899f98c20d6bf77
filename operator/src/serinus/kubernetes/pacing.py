"""When a deployment is due again. What happens in the cluster wakes it at once; here only time passes."""

from datetime import datetime, timedelta
from typing import Final

from serinus.core.decision import IDLE, SOON, Decision
from serinus.core.looking import JUDGED
from serinus.core.spec import ModelDeploymentSpec
from serinus.core.state import RolloutState

LONGEST_WAIT: Final = timedelta(seconds=10)  # for what an event will tell, or a deadline end
LONGEST_REST: Final = timedelta(minutes=5)  # of what serves, where no alias is followed; what changes wakes it
GROWTH: Final = 1.5  # of the pause from one turn without news to the next
RESTS_AFTER: Final = 3  # turns without news


def pause_after(
    decision: Decision, spec: ModelDeploymentSpec, quiet_turns: int, now: datetime, poll: timedelta = IDLE
) -> timedelta:
    """How long the deployment may be left alone.

    `quiet_turns` counts the turns in a row, this one included, that decided nothing a person would notice. `poll`: how
    often the registry is asked where an alias points.
    """
    pause = _pause(decision, spec, quiet_turns, now, poll)
    return pause if decision.changes_in is None else min(pause, decision.changes_in)


def _pause(
    decision: Decision, spec: ModelDeploymentSpec, quiet_turns: int, now: datetime, poll: timedelta
) -> timedelta:
    state = decision.next_state
    if decision.changed:
        return timedelta()
    if state.phase in JUDGED:
        return _until_next_look(state, now)
    if decision.requeue_after < IDLE:
        return min(LONGEST_WAIT, decision.requeue_after * GROWTH ** min(max(quiet_turns - 1, 0), 20))
    follows = spec.model.alias is not None
    if _has_debts(state) or (quiet_turns < RESTS_AFTER and not follows):
        return min(poll, decision.requeue_after) if follows else decision.requeue_after
    return max(SOON, min(poll if follows else LONGEST_REST, _until_time_is_over(state, now)))


def _until_next_look(state: RolloutState, now: datetime) -> timedelta:
    """Evidence is looked at once in each interval; in between nothing is decided by time."""
    rollout = state.rollout
    if rollout is None or rollout.looked_at is None:
        return SOON
    due = rollout.looked_at + rollout.policy.interval - now
    return min(due, LONGEST_WAIT) if due > timedelta() else SOON


def _has_debts(state: RolloutState) -> bool:
    return bool(state.alias_move or state.unrecorded or state.registry_problem)


def _until_time_is_over(state: RolloutState, now: datetime) -> timedelta:
    """Until a revision is no longer to be kept."""
    return min((kept.until - now for kept in (state.warm, state.kept) if kept), default=timedelta.max)
