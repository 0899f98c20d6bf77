"""The triggers, each asked once: what wants a run now, and why."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from serinus.core.errors import SpecInvalid
from serinus.core.pipeline_run import Training
from serinus.core.retraining import quality
from serinus.core.retraining.schedule import latest_moment
from serinus.core.retraining.state import Cause, RetrainingState
from serinus.core.spec import (
    CodeTrigger,
    DriftTrigger,
    MaxAgeTrigger,
    NewDataTrigger,
    QualityTrigger,
    ScheduleTrigger,
    Trigger,
    format_duration,
)
from serinus.core.state import RolloutState
from serinus.core.watching.drifted import is_drifted

MANUAL: Final = "Manual"
PASSING: Final = frozenset({"Schedule", "Event", MANUAL})
"""What happens once and stays wanted until a run starts. Every other trigger is asked again at each look."""


@dataclass(frozen=True)
class Asked:
    """What a trigger looks at. `training`: what a run would be started with, where that is known."""

    state: RolloutState
    memory: RetrainingState
    training: Training | None
    now: datetime


def with_causes(asked: Asked, triggers: tuple[Trigger, ...]) -> RetrainingState:
    """The memory with every cause that there is now. While a run is under way only what happens once is noted.

    A schedule's moment within a run is served by that run. A trigger that is no longer in the spec wants nothing.
    """
    memory = asked.memory
    found = {} if memory.run else {one.type: why for one in reversed(triggers) if (why := _why(asked, one))}
    kinds = {MANUAL, *(one.type for one in triggers)}
    kept = [one for one in memory.wanted if one.trigger in found or one.trigger in PASSING & kinds]
    known = {one.trigger for one in kept}
    new = [Cause(trigger=kind, message=why, since=asked.now) for kind, why in found.items() if kind not in known]
    return _with_moments(memory.changed(wanted=(*kept, *new)), triggers, asked.now)


def _why(asked: Asked, trigger: Trigger) -> str:
    ask = TRIGGERS.get(type(trigger))
    return ask(asked, trigger) if ask else ""


def _drift(asked: Asked, trigger: DriftTrigger) -> str:
    drift = asked.state.drift
    return drift.message if drift is not None and is_drifted(asked.state) else ""


def _quality(asked: Asked, trigger: QualityTrigger) -> str:
    watch = asked.memory.quality
    return quality.sentence(watch, trigger) if watch and quality.has_grown(watch) else ""


def _schedule(asked: Asked, trigger: ScheduleTrigger) -> str:
    since = asked.memory.schedules.get(schedule_name(trigger))
    if since is None:
        return ""
    with suppress(SpecInvalid):  # the check of the spec says so
        if latest_moment(trigger.cron, trigger.time_zone, since, asked.now):
            return f"{trigger.cron} ({trigger.time_zone}) was due"
    return ""


def _new_data(asked: Asked, trigger: NewDataTrigger) -> str:
    labelled = asked.memory.labelled
    if labelled is None or labelled.rows < trigger.min_rows:
        return ""
    return f"{labelled.rows:,} rows have got their labels since the latest run, and {trigger.min_rows:,} are enough"


def _max_age(asked: Asked, trigger: MaxAgeTrigger) -> str:
    since = asked.memory.trained_at
    if since is None or asked.now - since <= trigger.age:
        return ""
    return f"the model that serves is of {since:%Y-%m-%d %H:%M} UTC, older than {format_duration(trigger.age)}"


def _code(asked: Asked, trigger: CodeTrigger) -> str:
    if asked.training is None or asked.memory.code in ("", asked.training.code):
        return ""
    return "the pipeline or the training file is another than that of the latest run"


TRIGGERS: Final[Mapping[type, Callable[[Asked, Any], str]]] = {
    DriftTrigger: _drift,
    QualityTrigger: _quality,
    ScheduleTrigger: _schedule,
    NewDataTrigger: _new_data,
    MaxAgeTrigger: _max_age,
    CodeTrigger: _code,
}
"""Why each trigger wants a run now; nothing where it does not. Events are taken as they come (retraining.asking)."""


def schedule_name(trigger: ScheduleTrigger) -> str:
    """What the memory calls a schedule: a changed one is another, which begins anew."""
    return f"{trigger.cron} {trigger.time_zone}"


def _with_moments(memory: RetrainingState, triggers: tuple[Trigger, ...], now: datetime) -> RetrainingState:
    """Every schedule considered until its latest moment; a new one begins now."""
    considered: dict[str, datetime] = {}
    for one in triggers:
        if isinstance(one, ScheduleTrigger):
            since = min(memory.schedules.get(schedule_name(one), now), now)
            with suppress(SpecInvalid):
                since = latest_moment(one.cron, one.time_zone, since, now) or since
            considered[schedule_name(one)] = since
    return memory.changed(schedules=considered)
