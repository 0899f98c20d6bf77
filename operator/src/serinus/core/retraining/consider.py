"""Follow the run under way, ask the triggers, and decide whether a run is due. One at a time, and each at its time."""

import hashlib
from datetime import datetime, timedelta
from typing import Final

from serinus.core import reasons
from serinus.core.decision import Input
from serinus.core.observation import Problem
from serinus.core.pipeline_run import Training
from serinus.core.retraining.awaiting import awaited, with_outcome_of_rollout
from serinus.core.retraining.causes import Asked, with_causes
from serinus.core.retraining.following import followed
from serinus.core.retraining.limits import budget, under_way, why_not
from serinus.core.retraining.questions import with_new_data_answer, with_quality_answer, with_watches
from serinus.core.retraining.state import Hold, RetrainingState, TrainingRun, shortened
from serinus.core.retraining.telling import told
from serinus.core.spec import Retraining
from serinus.core.state import Outcome, RolloutState

TIMEOUT_WITHOUT_SPEC: Final = timedelta(hours=6)


def with_retraining(state: RolloutState, seen: Input) -> RolloutState:
    """The state with a run that is due, or with what came of the run under way."""
    spec = seen.spec.retraining
    if spec is None:
        return _without(state, seen)
    memory = with_serving(state.retraining or begun(seen.now), state, seen.now)
    memory = followed(memory, seen.observed.run, spec.timeout, seen.now)
    memory = with_outcome_of_rollout(memory, state, seen)
    memory = with_watches(memory, seen.spec)
    memory = with_quality_answer(memory, seen.observed.watched, seen.spec, seen.now)
    memory = with_new_data_answer(memory, seen.observed.labelled, seen.now)
    memory = with_causes(Asked(state, memory, _training(seen), seen.now), spec.triggers)
    memory = decided(_with_first_code(memory, seen), spec, state, seen)
    return state.model_copy(update={"retraining": told(memory, seen.now)})


def begun(now: datetime) -> RetrainingState:
    """Nothing has happened yet."""
    return RetrainingState(since=now)


def decided(memory: RetrainingState, spec: Retraining, state: RolloutState, seen: Input) -> RetrainingState:
    """The memory with a run, or with why there is none although one is wanted."""
    if memory.run is not None or not memory.wanted:
        return memory.changed(hold=None)
    hold = under_way(state) or awaited(memory, seen) or why_not(memory, spec, seen.now) or _not_startable(seen)
    if hold is not None:
        return memory.changed(hold=hold)
    training = _training(seen)
    if training is None:
        return memory.changed(hold=None)  # the training file is read at the next look
    key = run_key(memory, seen, training)
    run = TrainingRun(key=key, causes=memory.wanted, asked_at=seen.now)
    return memory.changed(run=run, wanted=(), hold=None, counter=memory.counter + 1, code=training.code)


def run_key(memory: RetrainingState, seen: Input, training: Training) -> str:
    """The same for the same request, and for no other: a deployment that was deleted and made anew begins at 1 again."""
    causes = [f"{cause.trigger} {cause.since.isoformat()}" for cause in memory.wanted]
    about = "\n".join([seen.name, training.model, training.code, *causes])
    return (
        f"{seen.name.rpartition('/')[2] or 'run'}-{memory.counter + 1}-{hashlib.sha256(about.encode()).hexdigest()[:8]}"
    )


def started(memory: RetrainingState, now: datetime, spec: Retraining | None) -> RetrainingState:
    """The run has its turn: it counts from now on, whether or not the runner can be reached."""
    if memory.run is None:
        raise AssertionError("no run waits for its turn")
    starts = (*memory.starts, now)
    if spec is not None:
        most, period = budget(spec)
        starts = tuple(start for start in starts if now - start < period)[-most:]
    return told(memory.changed(run=memory.run.model_copy(update={"started_at": now}), starts=starts[-1000:]), now)


def with_serving(memory: RetrainingState, state: RolloutState, now: datetime) -> RetrainingState:
    """A revision that was promoted is what is watched from now on, and clears what had failed before."""
    stable = state.stable
    if stable is None or not state.has_served or stable.id == memory.serving:
        return memory
    promoted = [one for one in state.history if one.revision == stable.id and one.outcome is Outcome.PROMOTED]
    since = promoted[-1].ended_at if promoted else now
    trained = [one.started_at for one in memory.runs if one.version and one.version == stable.artifact.version]
    changes: dict[str, object] = {"without_better": 0} if memory.serving else {}
    return memory.changed(
        serving=stable.id, serving_since=since, trained_at=trained[-1] if trained else since, **changes
    )


def _without(state: RolloutState, seen: Input) -> RolloutState:
    """Nothing asks for runs any more. One that is under way is followed to its end; one that waits is dropped."""
    memory = state.retraining
    if memory is None:
        return state
    if memory.run is not None and memory.run.started_at is None:
        memory = memory.changed(run=None)
    memory = followed(memory, seen.observed.run, TIMEOUT_WITHOUT_SPEC, seen.now)
    memory = memory.changed(wanted=(), hold=None, quality=None, labelled=None, schedules={})
    return state.model_copy(update={"retraining": told(memory, seen.now)})


def _training(seen: Input) -> Training | None:
    found = seen.observed.training
    return found if isinstance(found, Training) else None


def _not_startable(seen: Input) -> Hold | None:
    """What is wrong with what a run would be started with."""
    found = seen.observed.training
    if isinstance(found, Problem):
        return Hold(reason=found.reason, message=shortened(found.message))
    if found is None or found.model == seen.spec.model.name:
        return None
    message = f"the training file trains {found.model}, and the deployment serves {seen.spec.model.name}; correct model"
    return Hold(reason=reasons.TRAINING_INVALID, message=message)


def _with_first_code(memory: RetrainingState, seen: Input) -> RetrainingState:
    training = _training(seen)
    return memory.changed(code=training.code) if training and not memory.code else memory
