"""Those who are asked beside the metrics are away, or what comes after a decision fails: rollouts go on all the same."""

import asyncio
import time
from contextlib import suppress
from typing import Any

import pytest

from serinus import patience
from serinus.core import reasons
from serinus.core.errors import StateConflict
from serinus.core.observation import MetricsSnapshot, Problem
from serinus.core.state import Phase
from serinus.gathering.inputs import ask_for_inputs
from serinus.ports import Key
from tests.fakes.pipelines import FakeRuns
from tests.fakes.retraining import memory_of, retrained, retraining_world, run_under_way, runs_of, started_keys
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


class Slow:
    """A runner that does what it is asked only after a while, or never."""

    def __init__(self, runs: FakeRuns) -> None:
        self.runs, self.go_on, self.asked = runs, asyncio.Event(), list[str]()

    def __getattr__(self, name: str) -> Any:
        async def ask(*given: Any) -> Any:
            self.asked.append(name)
            await self.go_on.wait()
            return await getattr(self.runs, name)(*given)

        return getattr(self.runs, name) if name == "look" else ask


def slowed_down(world: World) -> Slow:
    slow: Any = Slow(runs_of(world))
    world.runner = slow
    world.restart()
    return slow


def held_up(world: World, ticks: int) -> float:
    """The longest turn, in seconds."""
    longest = 0.0
    for _ in range(ticks):
        begun = time.monotonic()
        world.tick()
        longest = max(longest, time.monotonic() - begun)
    return longest


def test_a_runner_that_hangs_while_it_starts_a_run_is_asked_once_and_its_late_answer_is_taken() -> None:
    world = retraining_world(TRIGGERS[0])
    slow = slowed_down(world)
    world.flow(3600)
    assert held_up(world, 60) < 1
    assert "what runs the pipelines did not answer within 0.02 s" in memory_of(world).message
    assert slow.asked == ["start"]
    slow.go_on.set()
    for _ in range(60):
        world.tick()
    assert run_under_way(world).id
    assert slow.asked == ["start"]
    assert len(slow.runs.requests) == 1


def test_a_runner_that_hangs_for_an_hour_while_it_starts_a_run_is_given_up_and_asked_for_the_next_one() -> None:
    world = retraining_world(TRIGGERS[0])
    slow = slowed_down(world)
    world.flow(3600)
    held_up(world, 3)
    world.flow(3601)
    held_up(world, 2)
    last = memory_of(world).last
    assert last is not None
    assert last.reason == reasons.RUN_NOT_STARTED
    world.flow(3600)
    held_up(world, 3)
    assert slow.asked == ["start", "start"]


def test_a_runner_that_hangs_while_it_cancels_a_run_holds_up_no_turn() -> None:
    world = retraining_world(TRIGGERS[0], timeout="10m")
    world.flow(3600)
    for _ in range(3):
        world.tick()
    run_under_way(world)
    slow = slowed_down(world)
    world.flow(601)
    assert held_up(world, 30) < 1
    assert slow.asked == ["cancel"]
    assert "is being cancelled" in memory_of(world).message
    slow.go_on.set()
    for _ in range(60):
        world.tick()
    last = memory_of(world).last
    assert last is not None
    assert last.reason == reasons.RUN_TIMED_OUT


def test_counts_are_read_while_the_others_are_waited_for() -> None:
    world = retraining_world(*TRIGGERS)
    world.ask_for(retrained(*TRIGGERS, version="2"))
    world.until_phase(Phase.PROGRESSING)
    world.flow(600)
    hanging = all_hang(world)
    at: list[int] = []
    read = world.metrics.read

    async def noted(key: Key) -> MetricsSnapshot:
        for _ in range(10):  # turns of the others
            await asyncio.sleep(0)
        at.append(hanging.waiting)
        return await read(key)

    world.metrics.read = noted  # type: ignore[method-assign]
    world.reconcile()
    assert at == [2]


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
