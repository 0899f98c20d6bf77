"""When retraining has something to do next, where time alone brings it about."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from serinus.core.errors import SpecInvalid
from serinus.core.retraining.questions import LOOK_EVERY
from serinus.core.retraining.schedule import next_moment
from serinus.core.spec import MaxAgeTrigger, ModelDeploymentSpec, ScheduleTrigger
from serinus.core.state import RolloutState

SOON: Final = timedelta(seconds=1)
RUN_EVERY: Final = timedelta(seconds=5)
TURN_EVERY: Final = timedelta(seconds=10)  # of hundreds that wait for their turn


def due_in(spec: ModelDeploymentSpec, state: RolloutState, now: datetime) -> timedelta | None:
    """How long retraining may be left alone; None where only something else can bring anything about."""
    memory = state.retraining
    if memory is None:
        return None
    if memory.run is not None:
        return RUN_EVERY if memory.run.started_at else TURN_EVERY
    if memory.wanted and memory.hold is None:
        return SOON
    return min((max(SOON, moment - now) for moment in _moments(spec, state, now)), default=None)


def _moments(spec: ModelDeploymentSpec, state: RolloutState, now: datetime) -> Iterator[datetime]:
    memory = state.retraining
    if memory is None or spec.retraining is None:
        return
    if memory.hold is not None and memory.hold.until is not None:
        yield memory.hold.until
    looks = [watch.looked_at for watch in (memory.quality, memory.labelled) if watch is not None]
    yield from (looked_at + LOOK_EVERY if looked_at else now for looked_at in looks)
    for one in spec.retraining.triggers if not memory.wanted else ():
        if isinstance(one, ScheduleTrigger):
            with suppress(SpecInvalid):
                yield next_moment(one.cron, one.time_zone, now)
        if isinstance(one, MaxAgeTrigger) and memory.trained_at is not None:
            yield memory.trained_at + one.age
