"""A version that a run registered is rolled out before the next run, and what its rollout ends with counts."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from serinus.core import reasons
from serinus.core.observation import Verb
from serinus.core.pipeline_run import RunPhase
from serinus.core.retraining.awaiting import LONGEST_WAIT
from serinus.core.state import Outcome, Phase, RolloutState
from tests.fakes.faults import Crash, Fault
from tests.fakes.retraining import (
    CHALLENGER,
    DAY,
    NEW_VERSION,
    NOT_BETTER,
    come_out,
    following_world,
    memory_of,
    retraining_world,
    run_under_way,
    runs_of,
    started_keys,
)
from tests.fakes.world import MODEL, Behaviour, World

OLD = {"type": "MaxAge", "age": "1h"}


def trained(**fields: object) -> World:
    """A world whose first run is under way."""
    world = following_world(OLD, **fields)
    start_run(world)
    return world


def start_run(world: World, seconds: float = 3601) -> None:
    before = len(started_keys(world))
    world.flow(seconds)
    world.until(lambda state: state.retraining is not None and state.retraining.run is not None)
    world.tick()
    assert len(started_keys(world)) == before + 1


def register(world: World, version: str) -> None:
    """The run under way registers the version and moves the alias that is followed, if any is."""
    come_out(world, replace(NEW_VERSION, version=version))
    world.registry.models[MODEL].aliases[CHALLENGER] = version


def fail(world: World, version: str) -> None:
    """The run under way registers a version that fails its canary."""
    world.behaviours[version] = Behaviour(failing=0.5)
    register(world, version)
    world.until(closed(version))
    assert world.records()[-1].outcome is Outcome.ROLLED_BACK


def closed(version: str) -> Callable[[RolloutState], bool]:
    return lambda state: bool(state.history) and state.history[-1].to_version == version and state.rollout is None


def hold_of(world: World) -> str:
    hold = memory_of(world).hold
    return hold.reason if hold else ""


def test_no_second_run_starts_before_the_new_version_was_rolled_out() -> None:
    world = trained()
    register(world, "2")
    world.tick()
    assert hold_of(world) == reasons.VERSION_AWAITED
    assert "version 2" in memory_of(world).message
    holds = set[str]()

    def over(state: RolloutState) -> bool:
        holds.add(hold_of(world))
        assert len(started_keys(world)) == 1
        return closed("2")(state)

    world.until(over)
    assert {reasons.VERSION_AWAITED, reasons.ROLLOUT_UNDER_WAY} <= holds
    assert memory_of(world).runs[-1].rollout == Outcome.PROMOTED
    start_run(world)


def test_a_person_waits_for_the_new_version_too() -> None:
    world = trained()
    register(world, "2")
    world.request(Verb.RETRAIN)
    world.tick()
    assert "noted: " in world.state.action_message
    assert "was not rolled out yet" in world.state.action_message
    assert len(started_keys(world)) == 1


def test_an_alias_that_never_moves_holds_the_next_run_for_ten_minutes() -> None:
    world = trained()
    come_out(world, NEW_VERSION)
    ended_at = memory_of(world).runs[-1].ended_at
    world.tick()
    hold = memory_of(world).hold
    assert hold is not None
    assert (hold.reason, hold.until) == (reasons.VERSION_AWAITED, ended_at + LONGEST_WAIT)
    world.flow((ended_at + LONGEST_WAIT - world.clock.now() - timedelta(seconds=1)).total_seconds())
    world.reconcile()
    assert len(started_keys(world)) == 1
    for _ in range(3):
        world.tick()
    assert len(started_keys(world)) == 2


def test_a_deployment_that_names_its_version_awaits_nothing() -> None:
    world = retraining_world(OLD)
    start_run(world)
    register(world, "2")
    for _ in range(3):
        world.tick()
    assert len(started_keys(world)) == 2


def test_a_new_version_that_another_came_before_is_not_awaited_any_more() -> None:
    world = trained()
    come_out(world, NEW_VERSION)
    world.registry.models[MODEL].aliases[CHALLENGER] = "3"  # by a person
    world.until(closed("3"))
    assert memory_of(world).runs[-1].rollout == Outcome.SUPERSEDED
    assert hold_of(world) != reasons.VERSION_AWAITED


def test_what_was_rejected_before_under_another_number_is_refused_and_counts() -> None:
    world = trained(cooldown="1h")
    fail(world, "2")
    start_run(world, DAY)
    versions = world.registry.models[MODEL].versions
    versions["3"] = versions["2"]
    register(world, "3")
    world.until(lambda state: state.retraining is not None and state.retraining.runs[-1].rollout != "")
    assert (memory_of(world).without_better, memory_of(world).runs[-1].rollout) == (2, Outcome.ROLLED_BACK)


def test_a_retrained_version_that_was_taken_back_counts_as_none_that_is_better() -> None:
    world = trained(giveUpAfter=2)
    come_out(world, NOT_BETTER)
    start_run(world, DAY)
    fail(world, "2")
    last = memory_of(world).runs[-1]
    assert (memory_of(world).without_better, last.rollout) == (2, Outcome.ROLLED_BACK)
    assert "its rollout was taken back (ErrorsIncreased: " in last.message
    world.flow(DAY)
    for _ in range(30):
        world.tick()
    assert memory_of(world).without_better == 2
    assert len(started_keys(world)) == 2
    blocked = next(one for one in world.state.conditions if one.type == "RetrainingBlocked")
    assert (blocked.status, blocked.reason) == ("True", reasons.NEEDS_PERSON)
    assert "its rollout was taken back" in blocked.message


def test_versions_that_are_taken_back_one_after_the_other_add_up_and_a_promoted_one_clears_them() -> None:
    world = trained(giveUpAfter=3)
    for count, version in enumerate("23", 1):
        fail(world, version)
        assert memory_of(world).without_better == count
        start_run(world, DAY)
    register(world, "4")
    world.until(closed("4"))
    assert memory_of(world).without_better == 0
    assert memory_of(world).runs[-1].rollout == Outcome.PROMOTED


def test_failures_before_a_promotion_do_not_come_back_with_a_version_that_is_taken_back() -> None:
    world = trained(giveUpAfter=3)
    come_out(world, NOT_BETTER)
    start_run(world, DAY)
    world.registry.models[MODEL].aliases[CHALLENGER] = "3"  # by a person, while the run is under way
    world.until_phase(Phase.PROGRESSING)
    come_out(world, NEW_VERSION)
    world.until(closed("3"))
    assert world.records()[-1].outcome is Outcome.PROMOTED
    world.behaviours["2"] = Behaviour(failing=0.5)
    world.registry.models[MODEL].aliases[CHALLENGER] = "2"
    world.until(closed("2"))
    assert memory_of(world).without_better == 1


def test_a_rollout_that_a_person_ends_counts_neither_way() -> None:
    world = trained(giveUpAfter=2)
    register(world, "2")
    world.until_phase(Phase.PROGRESSING)
    world.request(Verb.ABORT, world.state.latest_rollout)
    world.until(closed("2"))
    assert (memory_of(world).without_better, memory_of(world).runs[-1].rollout) == (0, Outcome.ABORTED)


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_anywhere_counts_a_version_that_was_taken_back_once(after: bool) -> None:
    whole = trained(cooldown="1h")
    count = Fault(call=-1, after=False, error=Crash())
    whole.break_at(count)
    taken_back(whole)
    for call in range(0, count.calls, 7):
        world = trained(cooldown="1h")
        world.break_at(Fault(call, after, Crash()))
        taken_back(world)
        assert memory_of(world).without_better == 1, world.fault
        assert len(started_keys(world)) == 1, world.fault


def taken_back(world: World) -> None:
    """The run registers a version that fails, whatever crashes meanwhile."""
    run = run_under_way(world).key
    runs_of(world).runs[run] = replace(runs_of(world).runs[run], phase=RunPhase.SUCCEEDED, outcome=NEW_VERSION)
    world.behaviours["2"] = Behaviour(failing=0.5)
    world.registry.models[MODEL].aliases[CHALLENGER] = "2"
    for _ in range(40):
        try:
            world.tick()
        except Crash:
            world.restart()
    assert closed("2")(world.state), world.state.message
