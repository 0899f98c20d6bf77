"""What retraining has to know: how well the model does, the run under way, what a run would be started with."""

import asyncio
from dataclasses import dataclass
from typing import Final

from serinus.core import reasons
from serinus.core.errors import (
    PipelineRunNotFound,
    PipelinesRefused,
    PipelinesUnavailable,
    QualityUnavailable,
    SpecInvalid,
    TrainingUnavailable,
)
from serinus.core.observation import Action, Problem, Verb
from serinus.core.pipeline_run import PipelineRun, Training
from serinus.core.quality import Watched, WatchQuestion
from serinus.core.retraining.questions import new_data_question, quality_question
from serinus.core.retraining.state import RetrainingState
from serinus.core.spec import CodeTrigger, ModelDeploymentSpec
from serinus.core.state import IN_ROLLOUT, RolloutState
from serinus.patience import COLLECTOR, PIPELINES, TRAINING_FILE, patiently
from serinus.ports import Key, Ports

NO_RUNNER: Final = Problem(
    reasons.RETRAINING_UNAVAILABLE,
    "nothing was set up that runs pipelines; give the operator the address of Kubeflow Pipelines (settings.kfpHost)",
)
NO_COLLECTOR: Final = Problem(
    reasons.RETRAINING_UNAVAILABLE, "no collector was set up, so nothing is known of labels; set one up"
)


@dataclass(frozen=True)
class TrainingAnswers:
    """Fields of the same names in Observation."""

    watched: Watched | Problem | None = None
    labelled: Watched | Problem | None = None
    run: PipelineRun | Problem | None = None
    training: Training | Problem | None = None


async def ask_for_training(
    ports: Ports, key: Key, spec: ModelDeploymentSpec, state: RolloutState, action: Action | None = None
) -> TrainingAnswers:
    """Ask what the triggers and the run under way need, all at the same time; nothing where nothing is retrained."""
    memory = state.retraining
    if spec.retraining is None and (memory is None or memory.run is None):
        return TrainingAnswers()
    now = ports.clock.now()
    watched, labelled, run, training = await asyncio.gather(
        _watched(ports, key, quality_question(memory, spec, now)),
        _watched(ports, key, new_data_question(memory, spec, now)),
        _run(ports, memory),
        _training(ports, key, spec, state, action),
    )
    return TrainingAnswers(watched, labelled, run, training)


async def _watched(ports: Ports, key: Key, question: WatchQuestion | None) -> Watched | Problem | None:
    if question is None:
        return None
    if ports.quality is None:
        return NO_COLLECTOR
    try:
        return await patiently(ports.quality.watch(key, question), COLLECTOR)
    except QualityUnavailable as error:
        return Problem(type(error).__name__, str(error))


async def _run(ports: Ports, memory: RetrainingState | None) -> PipelineRun | Problem | None:
    if memory is None or memory.run is None or not memory.run.id:
        return None
    if ports.runner is None:
        return NO_RUNNER
    try:
        return await patiently(ports.runner.look(memory.run.id), PIPELINES)
    except PipelineRunNotFound as error:
        return Problem(reasons.RUN_NOT_FOUND, str(error))
    except (PipelinesUnavailable, PipelinesRefused) as error:
        return Problem(type(error).__name__, str(error))


async def _training(
    ports: Ports, key: Key, spec: ModelDeploymentSpec, state: RolloutState, action: Action | None
) -> Training | Problem | None:
    if spec.retraining is None or not _is_needed(spec, state, action):
        return None
    if ports.runner is None or ports.trainings is None:
        return NO_RUNNER
    try:
        return await patiently(ports.trainings.read(key, spec.retraining.pipeline), TRAINING_FILE)
    except SpecInvalid as error:
        return Problem(reasons.TRAINING_INVALID, str(error))
    except TrainingUnavailable as error:
        return Problem(type(error).__name__, str(error))


def _is_needed(spec: ModelDeploymentSpec, state: RolloutState, action: Action | None) -> bool:
    """Whether a run may be asked for or started now, or the Code trigger has to know."""
    if action is not None and action.verb is Verb.RETRAIN and action.nonce != state.handled_nonce:
        return True
    memory = state.retraining
    if memory is not None and memory.run is not None:
        return not memory.run.id
    watches_code = any(isinstance(one, CodeTrigger) for one in spec.retraining.triggers) if spec.retraining else False
    return state.phase not in IN_ROLLOUT and (watches_code or bool(memory and memory.wanted))
