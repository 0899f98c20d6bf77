"""Why a run that is asked for is not started now: one at a time, after a rollout, a cooldown, within a budget."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from serinus.core import reasons
from serinus.core.retraining.causes import MANUAL
from serinus.core.retraining.state import Hold, RetrainingState
from serinus.core.spec import Retraining
from serinus.core.state import IN_ROLLOUT, RolloutState

LEAST_PAUSE: Final = timedelta(minutes=10)  # after a run without a better model, where the cooldown is shorter
LONGEST_PAUSE: Final = timedelta(days=30)
HOURS: Final = {"h": 1, "d": 24}


def under_way(state: RolloutState) -> Hold | None:
    """Whether a rollout has to end first, whoever asks."""
    if state.phase not in IN_ROLLOUT:
        return None
    return Hold(reason=reasons.ROLLOUT_UNDER_WAY, message="it waits until the rollout under way has ended")


def why_not(memory: RetrainingState, spec: Retraining, now: datetime) -> Hold | None:
    """The first limit that speaks. A person who asks is held up by the budget alone."""
    by_person = any(cause.trigger == MANUAL for cause in memory.wanted)
    checks: tuple[Callable[[], Hold | None], ...] = (
        lambda: None if by_person else _needs_person(memory, spec),
        lambda: None if by_person else _pause(memory, spec, now),
        lambda: used_up(memory, spec, now),
    )
    return next((hold for check in checks if (hold := check()) is not None), None)


def pause_after(memory: RetrainingState, spec: Retraining) -> timedelta:
    """The least time from the end of a run to the next: the cooldown, doubled for each further run without a better model."""
    if not memory.without_better:
        return spec.cooldown
    doubled = max(spec.cooldown, LEAST_PAUSE) * 2.0 ** min(memory.without_better - 1, 16)
    return max(min(doubled, LONGEST_PAUSE), spec.cooldown)


def budget(spec: Retraining) -> tuple[int, timedelta]:
    """How many runs, in which time."""
    runs, _, period = spec.max_runs.partition(" per ")
    return int(runs), timedelta(hours=int(period[:-1]) * HOURS[period[-1]])


def used_up(memory: RetrainingState, spec: Retraining, now: datetime) -> Hold | None:
    """Whether the budget is used up, and until when."""
    most, period = budget(spec)
    spent = [start for start in memory.starts if timedelta() <= now - start < period]
    if len(spent) < most:
        return None
    until = sorted(spent)[-most] + period
    return Hold(
        reason=reasons.BUDGET_USED_UP,
        message=f"the budget of {spec.max_runs} is used up until {told(until)}",
        until=until,
    )


def told(moment: datetime) -> str:
    """A moment as people read it."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _needs_person(memory: RetrainingState, spec: Retraining) -> Hold | None:
    if memory.without_better < spec.give_up_after:
        return None
    last = f"; the last ended as {memory.last.outcome}: {memory.last.message}" if memory.last else ""
    return Hold(
        reason=reasons.NEEDS_PERSON,
        message=f"{memory.without_better} runs in a row brought no better model, and a person is needed: look why, then "
        f"`serinus retrain` runs it again{last}",
    )


def _pause(memory: RetrainingState, spec: Retraining, now: datetime) -> Hold | None:
    last, pause = memory.last, pause_after(memory, spec)
    if last is None or not timedelta() <= now - last.ended_at < pause:
        return None
    until = last.ended_at + pause
    if not memory.without_better:
        return Hold(reason=reasons.COOLDOWN, message=f"cooldown until {told(until)}", until=until)
    count = memory.without_better
    runs = "the last run" if count == 1 else f"the last {count} runs"
    message = f"{runs} brought no better model; the next may start at {told(until)}"
    return Hold(reason=reasons.BACK_OFF, message=message, until=until)
