"""A simulated world whose ModelDeployment is retrained."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from serinus.core.pipeline_run import PipelineRun, RunOutcome, RunPhase, Training
from serinus.core.retraining.state import RetrainingState, TrainingRun
from serinus.core.spec import ModelDeployment
from serinus.core.state import Phase
from tests.fakes.pipelines import FakeRuns
from tests.fakes.training import FakeQuality, FakeTrainings
from tests.fakes.world import MODEL, World, deployment, with_model

TRAINING = Training(MODEL, '{"model": "flights"}', ("linear",), "http://registry", code="code-1")
CHALLENGER = "challenger"
DAY = timedelta(days=1).total_seconds()
MANY = "100 per 30d"


def retrained(*triggers: dict[str, Any], version: str = "1", **fields: Any) -> ModelDeployment:
    """A ModelDeployment with these triggers; without a cooldown and with a large budget, unless told."""
    content = deployment(version).model_dump(mode="json", by_alias=True, exclude_none=True)
    section = {"pipeline": "flights", "cooldown": "0s", "maxRuns": MANY, "triggers": list(triggers)} | fields
    content["spec"]["retraining"] = section
    return ModelDeployment.model_validate(content)


def retraining_world(*triggers: dict[str, Any], **fields: Any) -> World:
    """Version 1 serves, and nothing was trained yet."""
    world = World(
        retrained(*triggers, **fields),
        trainings=FakeTrainings(TRAINING),
        runner=FakeRuns(),
        quality=FakeQuality(),
    )
    world.until_phase(Phase.STABLE)
    world.tick()
    return world


def following_world(*triggers: dict[str, Any], **fields: Any) -> World:
    """The same, of a deployment that follows the alias that the pipeline moves."""
    world = retraining_world(*triggers, **fields)
    world.registry.models[MODEL].aliases[CHALLENGER] = "1"
    world.ask_for(with_model(world.asked, version=None, alias=CHALLENGER))
    world.tick()
    return world


def memory_of(world: World) -> RetrainingState:
    memory = world.state.retraining
    assert memory is not None
    return memory


def runs_of(world: World) -> FakeRuns:
    assert world.runner is not None
    return world.runner


def started_keys(world: World) -> list[str]:
    """The keys of all runs that the runner was asked to start, each once."""
    return [one.key for one in runs_of(world).requests]


def run_under_way(world: World) -> TrainingRun:
    run = memory_of(world).run
    assert run is not None, memory_of(world).message
    return run


def come_out(
    world: World, outcome: RunOutcome | None = None, phase: RunPhase = RunPhase.SUCCEEDED, why: str = ""
) -> None:
    """The run under way ends so, and Serinus sees it."""
    key = run_under_way(world).key
    runs = runs_of(world).runs
    runs[key] = replace(runs[key], phase=phase, outcome=outcome, message=why)
    world.tick()


def pipeline_run(key: str, phase: RunPhase) -> PipelineRun:
    return PipelineRun(key, phase)


NEW_VERSION = RunOutcome("2", "Better", "it is better")
NOT_BETTER = RunOutcome(None, "ChampionIsAsGood", "the champion is as good")
