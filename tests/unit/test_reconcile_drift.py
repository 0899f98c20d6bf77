"""Watching for drift in a simulated world: when rows are asked for, and what follows."""

from datetime import timedelta
from typing import Any

import pytest

from serinus.core import reasons
from serinus.core.spec import ModelDeployment
from serinus.core.state import Phase
from serinus.core.watching.drifted import is_drifted
from tests.adapters.fakes.bins import FakeBins
from tests.fakes.world import KEY, World, deployment

EVEN = {str(index): 1000 for index in range(10)}
ODD = {"8": 60, "9": 60}
LIKE_TRAINING = dict.fromkeys(EVEN, 12)
WINDOW = 480  # seconds, so a look is due each 10


def watched_world(**rollout: Any) -> World:
    """Version 1 serves and is watched."""
    world = World(watching(deployment("1", **rollout)))
    world.bins = FakeBins(world.clock, {"temp": EVEN}, EVEN)
    world.restart()
    world.until_phase(Phase.STABLE)
    return world


def watching(asked: ModelDeployment) -> ModelDeployment:
    content = asked.model_dump(mode="json", by_alias=True, exclude_none=True)
    content["spec"]["monitoring"] = {"drift": {"window": f"{WINDOW}s", "minSamples": 200}}
    return ModelDeployment.model_validate(content)


def answer(world: World, temp: dict[str, int], seconds: int) -> None:
    """As many seconds with 12 rows each."""
    assert world.bins is not None
    for _ in range(seconds):
        for revision in (world.state.stable, world.state.rollout and world.state.rollout.candidate):
            if revision:
                world.bins.count(KEY, revision.id, temp=temp, prediction=LIKE_TRAINING)
        world.tick()


def questions(world: World) -> int:
    assert world.bins is not None
    return len(world.bins.asked)


def test_rows_are_asked_for_48_times_a_window_and_no_oftener() -> None:
    world = watched_world()
    answer(world, LIKE_TRAINING, 20)
    before = questions(world)
    answer(world, LIKE_TRAINING, WINDOW)
    assert questions(world) - before == pytest.approx(48, abs=1)


def test_nothing_is_asked_that_nobody_wants_to_know() -> None:
    world = World(deployment("1"))
    world.bins = FakeBins(world.clock)
    world.restart()
    world.until_phase(Phase.STABLE)
    for _ in range(30):
        world.tick()
    assert questions(world) == 0


def test_drift_is_found_told_once_and_ends() -> None:
    world = watched_world()
    answer(world, LIKE_TRAINING, 2 * WINDOW)
    assert not is_drifted(world.state)
    answer(world, ODD, WINDOW // 2)
    assert is_drifted(world.state)
    assert world.state.drift is not None
    assert world.state.drift.reason == "Drifted"
    answer(world, LIKE_TRAINING, 2 * WINDOW)
    assert not is_drifted(world.state)
    assert [note.reason for _, _, note in world.journal.notes] == ["Drifted", "DriftEnded"]


def test_a_window_never_reaches_back_before_its_revision_served() -> None:
    world = watched_world()
    assert world.bins is not None
    world.tick()
    began = world.clock.now()
    answer(world, LIKE_TRAINING, WINDOW // 2)
    assert min(since for _, since in world.bins.asked) >= began - timedelta(seconds=3)
    answer(world, LIKE_TRAINING, WINDOW)
    assert world.bins.asked[-1][1] >= world.clock.now() - timedelta(seconds=WINDOW + 11)


def test_stable_is_watched_during_a_rollout_and_the_promoted_one_anew() -> None:
    world = watched_world(steps=[{"weight": 50, "hold": "60s"}], deadline="300s")
    assert world.bins is not None
    answer(world, LIKE_TRAINING, 20)
    first = world.state.stable
    world.ask_version("2")
    world.until_phase(Phase.PROGRESSING)
    before = questions(world)
    answer(world, LIKE_TRAINING, 40)
    assert world.state.phase is Phase.PROGRESSING
    assert questions(world) > before
    assert first is not None
    assert {of for of, _ in world.bins.asked} == {first.id}
    world.until_phase(Phase.STABLE)
    answer(world, LIKE_TRAINING, 20)
    assert world.state.stable is not None
    assert world.state.drift is not None
    assert world.bins.asked[-1][0] == world.state.drift.revision == world.state.stable.id != first.id


def test_a_source_that_is_away_is_asked_no_oftener_and_told_after_a_while() -> None:
    world = watched_world()
    answer(world, LIKE_TRAINING, 200)
    assert world.bins is not None
    world.bins.up = False
    before = questions(world)
    answer(world, LIKE_TRAINING, 200)
    assert questions(world) - before == pytest.approx(20, abs=1)
    assert world.state.drift is not None
    assert (world.state.drift.status, world.state.drift.reason) == ("Unknown", reasons.METRICS_UNAVAILABLE)
    world.bins.up = True
    answer(world, LIKE_TRAINING, 20)
    assert world.state.drift.status == "False"


def test_where_nobody_counts_rows_the_condition_says_so() -> None:
    world = World(watching(deployment("1")))
    world.until_phase(Phase.STABLE)
    for _ in range(15):
        world.tick()
    assert world.state.drift is not None
    assert world.state.drift.message == "nobody was set up to count rows by bin, so drift cannot be watched"


def test_a_program_that_restarts_goes_on_with_what_it_knew() -> None:
    world = watched_world()
    answer(world, LIKE_TRAINING, 2 * WINDOW)
    answer(world, ODD, WINDOW // 2)
    assert is_drifted(world.state)
    before = world.state.drift
    world.restart()
    world.tick()
    assert world.state.drift is not None
    assert before is not None
    assert world.state.drift.since == before.since
    assert len(world.journal.notes) == 1
