"""What the collector is asked for the triggers Quality and NewData, and what becomes of its answers."""

from datetime import datetime, timedelta
from typing import Final

from serinus.core.observation import Problem
from serinus.core.quality import Loss, Watched, WatchQuestion
from serinus.core.retraining import quality
from serinus.core.retraining.state import LabelledRows, QualityWatch, RetrainingState
from serinus.core.spec import ModelDeploymentSpec, NewDataTrigger, QualitySignal, QualityTrigger

LOOK_EVERY: Final = timedelta(minutes=5)
DAY_SECONDS: Final = 86_400.0


def quality_trigger(spec: ModelDeploymentSpec) -> QualityTrigger | None:
    """The trigger, where there is one; lint refuses a second."""
    triggers = spec.retraining.triggers if spec.retraining else ()
    return next((one for one in triggers if isinstance(one, QualityTrigger)), None)


def new_data_trigger(spec: ModelDeploymentSpec) -> NewDataTrigger | None:
    """The same for NewData."""
    triggers = spec.retraining.triggers if spec.retraining else ()
    return next((one for one in triggers if isinstance(one, NewDataTrigger)), None)


def with_watches(memory: RetrainingState, spec: ModelDeploymentSpec) -> RetrainingState:
    """A test for the revision that serves, and a count since the latest run; another question begins anew."""
    watch, trigger = memory.quality, quality_trigger(spec)
    if trigger is None or not memory.serving or memory.serving_since is None:
        watch = None
    elif watch is None or (watch.revision, watch.about) != (memory.serving, _about(trigger)):
        watch = QualityWatch(
            revision=memory.serving,
            about=_about(trigger),
            folded_until=memory.serving_since,
            wealth=quality.START,
        )
    labelled, since = memory.labelled, _latest_start(memory)
    if new_data_trigger(spec) is None:
        labelled = None
    elif labelled is None or labelled.since != since:
        labelled = LabelledRows(since=since)
    return memory.changed(quality=watch, labelled=labelled)


def quality_question(memory: RetrainingState | None, spec: ModelDeploymentSpec, now: datetime) -> WatchQuestion | None:
    """What to ask about the revision that serves, if it is time to."""
    trigger = quality_trigger(spec)
    if trigger is None or memory is None or memory.quality is None or not _is_time(memory.quality.looked_at, now):
        return None
    return WatchQuestion(
        loss=trigger.metric,
        bound=trigger.bound,
        since=memory.quality.folded_until,
        cohort_seconds=quality.cohort_length(trigger).total_seconds(),
        revision=memory.quality.revision,
    )


def new_data_question(memory: RetrainingState | None, spec: ModelDeploymentSpec, now: datetime) -> WatchQuestion | None:
    """What to ask about new labelled rows, whichever revision answered them, if it is time to."""
    if memory is None or memory.labelled is None or not _is_time(memory.labelled.looked_at, now):
        return None
    return WatchQuestion(loss=_loss(spec), since=memory.labelled.since, cohort_seconds=DAY_SECONDS)


def with_quality_answer(
    memory: RetrainingState, answer: Watched | Problem | None, spec: ModelDeploymentSpec, now: datetime
) -> RetrainingState:
    """The test with what the collector said. One that cannot be asked is no evidence either way."""
    watch, trigger = memory.quality, quality_trigger(spec)
    if watch is None or trigger is None or answer is None:
        return memory
    if isinstance(answer, Problem):
        return memory.changed(quality=watch.model_copy(update={"looked_at": now, "problem": answer.message}))
    looked = quality.folded(watch, answer, trigger)
    return memory.changed(quality=looked.model_copy(update={"looked_at": now, "problem": ""}))


def with_new_data_answer(memory: RetrainingState, answer: Watched | Problem | None, now: datetime) -> RetrainingState:
    """The count with what the collector said."""
    labelled = memory.labelled
    if labelled is None or answer is None:
        return memory
    if isinstance(answer, Problem):
        changes: dict[str, object] = {"problem": answer.message}
    else:
        changes = {"problem": "", "rows": sum(cohort.labelled for cohort in answer.cohorts)}
    return memory.changed(labelled=labelled.model_copy(update={"looked_at": now, **changes}))


def _is_time(looked_at: datetime | None, now: datetime) -> bool:
    return looked_at is None or not timedelta() <= now - looked_at < LOOK_EVERY


def _about(trigger: QualityTrigger) -> str:
    return trigger.model_dump_json(by_alias=True)


def _latest_start(memory: RetrainingState) -> datetime:
    """Of a run that was started; of the memory where there was none."""
    return memory.starts[-1] if memory.starts else memory.serving_since or memory.since


def _loss(spec: ModelDeploymentSpec) -> Loss:
    """The loss that the deployment is judged on elsewhere, else one that every label has; only the count is read."""
    trigger = quality_trigger(spec)
    signal = next((one for one in spec.rollout.signals if isinstance(one, QualitySignal)), None)
    return trigger.metric if trigger else signal.metric if signal else "squaredError"
