"""Those who are asked beside the metrics are away, or what comes after a decision fails: rollouts go on all the same."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from serinus.core.errors import StateConflict
from serinus.core.observation import Problem
from serinus.core.state import Phase
from serinus.gathering import patience
from serinus.gathering.inputs import ask_for_inputs
from tests.fakes.retraining import memory_of, retrained, retraining_world, run_under_way, started_keys
from tests.fakes.world import KEY, Behaviour, World, run, stable_world
from tests.unit.test_reconcile_drift import LIKE_TRAINING, WINDOW, answer, watched_world

TRIGGERS = ({"type": "Schedule", "cron": "0 * * * *"}, {"type": "NewData"}, {"type": "Quality", "labelHorizon": "1h"})


class Hanging:
    """A port that never answers. `together`: the most questions that waited at the same time."""

    def __init__(self) -> None:
        self.waiting = 0
        self.together = 0

    def __getattr__(self, name: str) -> Any:
        return self._hang

    async def _hang(self, *_: object) -> None:
        self.waiting += 1
        self.together = max(self.together, self.waiting)
        try:
            await asyncio.wait_for(asyncio.Event().wait(), timeout=1)
        finally:
            self.waiting -= 1
        raise AssertionError("nobody has lost patience")


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "MOST_PATIENCE", 0.02)


def all_hang(world: World) -> Hanging:
    hanging: Any = Hanging()
    world.quality = world.runner = world.trainings = hanging
    world.restart()
    return hanging


def test_a_bad_candidate_is_rolled_back_while_collector_and_pipelines_hang() -> None:
    world = retraining_world(*TRIGGERS)
    world.flow(3600)
    for _ in range(3):
        world.tick()
    run_under_way(world)
    all_hang(world)
    world.behaviours["2"] = Behaviour(failing=1.0)
    world.ask_for(retrained(*TRIGGERS, version="2"))
    world.until_phase(Phase.ROLLED_BACK)
    assert "what runs the pipelines did not answer within 0.02 s" in memory_of(world).message


def test_those_who_are_away_are_waited_for_at_the_same_time() -> None:
    world = retraining_world(*TRIGGERS)
    world.flow(3600)
    for _ in range(3):
        world.tick()
    hanging = all_hang(world)
    world.flow(600)
    world.tick()
    assert hanging.together == 3  # the run, and two questions to the collector


def test_a_training_file_that_cannot_be_read_in_time_is_told_and_read_again() -> None:
    world = retraining_world(TRIGGERS[0])
    trainings = world.trainings
    hanging: Any = Hanging()
    world.trainings = hanging
    world.restart()
    world.flow(3600)
    world.tick()
    world.tick()
    assert "what has the training file did not answer" in memory_of(world).message
    world.trainings = trainings
    world.restart()
    for _ in range(3):
        world.tick()
    assert len(started_keys(world)) == 1


def test_counters_of_inputs_that_hang_are_a_problem_in_time() -> None:
    world = watched_world()
    answer(world, LIKE_TRAINING, 20)
    hanging: Any = Hanging()
    world.bins = hanging
    world.restart()
    world.flow(WINDOW)
    answered = run(ask_for_inputs(world.reconciler.ports, KEY, world.asked.spec, world.state))
    assert isinstance(answered, Problem)
    assert "did not answer within 0.02 s" in answered.message


def test_the_alias_moves_although_a_run_can_never_be_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    world = stable_world()

    async def broken(*_: object) -> None:
        raise StateConflict("somebody else has saved")

    monkeypatch.setattr(world.reconciler._launcher, "settle", broken)
    world.ask_version("2")
    for _ in range(40):
        with suppress(StateConflict):
            world.tick()
    assert world.alias() == "2"
    assert world.records()[-1].to_version == "2"
    assert world.state.alias_move is None
