"""The program dies, or a port fails, at every single call: what was begun is finished, once."""

import contextlib

import pytest

from serinus.core.errors import RegistryUnavailable, ServingUnavailable, StateConflict, StateUnwritable
from serinus.core.observation import Verb
from serinus.core.spec import Strategy
from serinus.core.state import Outcome, Phase
from tests.fakes.faults import Crash, Fault
from tests.fakes.world import Behaviour, World, run, stable_world

MAX_CALLS = 1000


def story(world: World) -> None:
    """A good version, a bad one that is asked for again by a person, then back to the first."""
    world.behaviours["3"] = Behaviour(failing=0.5)
    follow(world, "2", 25)
    follow(world, "3", 25)
    world.request(Verb.RETRY)
    follow(world, "3", 25)
    follow(world, "1", 12)


def follow(world: World, version: str, ticks: int) -> None:
    """Under Shadow a person promotes what has come so far."""
    world.ask_version(version)
    for tick in range(ticks):
        if tick == ticks - 6 and world.asked.spec.rollout.strategy is Strategy.SHADOW:
            world.request(Verb.PROMOTE)
        survive(world)


def survive(world: World) -> None:
    """One tick; after a crash the program is started again, after an error the next tick comes."""
    try:
        world.tick()
    except Crash:
        world.restart()
    except (ServingUnavailable, StateUnwritable, StateConflict, RegistryUnavailable):
        pass


def outcome(world: World) -> list[tuple[str, str, Outcome]]:
    return [(record.id.split("-")[2], record.to_version, record.outcome) for record in world.records()]


EXPECTED = [
    ("1", "2", Outcome.PROMOTED),
    ("2", "3", Outcome.ROLLED_BACK),
    ("3", "3", Outcome.ROLLED_BACK),
    ("4", "1", Outcome.PROMOTED),
]


def told(fault: Fault, strategy: str = "Canary") -> World:
    world = stable_world(strategy=strategy, steps=[{"weight": 40, "hold": "2s"}])
    world.break_at(fault)
    story(world)
    return world


def check(world: World) -> None:
    assert outcome(world) == EXPECTED, world.fault and world.fault.raised
    assert world.state.phase is Phase.STABLE
    assert (world.alias(), world.weight_of("1")) == ("1", 100)
    assert len(world.registry.rollouts) == len(EXPECTED)
    assert not world.state.unrecorded
    assert world.state.alias_move is None
    assert not world.state.registry_problem


def calls_of_the_story() -> int:
    fault = Fault(call=-1, after=False, error=Crash())
    check(told(fault))
    return fault.calls


STRIDE = 11  # of the calls; a divisor of no period of the story, so that all kinds of call are hit


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_any_call_of_any_port_changes_nothing_about_the_outcome(after: bool) -> None:
    calls = calls_of_the_story()
    assert 100 < calls < MAX_CALLS
    broken = {told_and_checked(Fault(call, after, Crash())) for call in range(3 * after, calls, STRIDE)}
    for port in ("FakeStore.save", "RoutedServing.apply", "BulkMetrics.read", "FakeJournal.decided"):
        assert f"{'after' if after else 'before'} {port}" in broken


def told_and_checked(fault: Fault) -> str:
    check(told(fault))
    return fault.raised


@pytest.mark.parametrize("strategy", ["BlueGreen", "Shadow"])
def test_a_crash_while_requests_are_mirrored_changes_nothing_about_the_outcome(strategy: str) -> None:
    calls = Fault(call=-1, after=False, error=Crash())
    check(told(calls, strategy))
    assert 100 < calls.calls < MAX_CALLS
    for call in range(1, calls.calls, STRIDE):
        world = told(Fault(call, call % 2 == 0, Crash()), strategy)
        check(world)
        assert not world.serving.applied[-1][1].mirror


EFFECTS = ("FakeRegistry.move_alias", "FakeRegistry.record_rollout", "FakeJournal.finished")


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_around_an_effect_that_is_owed_does_it_once(after: bool) -> None:
    calls = [call for call, name in enumerate(names_of_the_story()) if name in EFFECTS]
    assert len(calls) >= 2 * len(EXPECTED)
    for call in calls:
        check(told(Fault(call, after, Crash())))


def names_of_the_story() -> list[str]:
    fault = Fault(call=-1, after=False, error=Crash())
    told(fault)
    return fault.names


@pytest.mark.parametrize("error", [ServingUnavailable, StateUnwritable, StateConflict, RegistryUnavailable])
def test_an_error_of_the_store_or_the_serving_side_is_tried_again(error: type[Exception]) -> None:
    for call in range(0, calls_of_the_story(), 41):
        fault = Fault(call, False, error("for a moment"))
        world = told(fault)
        check(world)


def test_a_crash_between_save_and_apply_is_repaired() -> None:
    world = stable_world()
    world.ask_version("2")
    store_save = next(
        call
        for call in range(MAX_CALLS)
        if dies_at(world_before_rollout(), Fault(call, True, Crash())) == "after FakeStore.save"
    )
    world.break_at(Fault(store_save, True, Crash()))
    with pytest.raises(Crash):
        world.reconcile()
    rollout = world.state.rollout
    assert rollout
    assert rollout.candidate.id not in world.serving.planned(next(iter(world.store.texts)))
    world.restart()
    world.fault = None
    world.reconcile()
    assert rollout.candidate.id in world.serving.planned(next(iter(world.store.texts)))


def world_before_rollout() -> World:
    world = stable_world()
    world.ask_version("2")
    return world


def dies_at(world: World, fault: Fault) -> str:
    world.break_at(fault)
    with pytest.raises(Crash):
        world.reconcile()
    return fault.raised


def test_a_full_disk_stops_nothing_that_serves_and_loses_nothing() -> None:
    world = stable_world()
    world.ask_version("2")
    world.until_phase(Phase.PROGRESSING)
    before = world.state
    world.store.full = True
    for _ in range(5):
        world.flow(1)
        with pytest.raises(StateUnwritable):
            world.reconcile()
    assert world.state == before
    world.store.full = False
    world.until_phase(Phase.STABLE)
    assert world.alias() == "2"


def test_a_journal_that_cannot_be_written_is_a_problem_that_somebody_sees_and_nothing_is_lost() -> None:
    world = stable_world()
    world.behaviours["2"] = Behaviour(failing=0.5)
    world.ask_version("2")
    world.until_phase(Phase.ROLLING_BACK)
    world.journal.full = True
    for _ in range(5):
        with contextlib.suppress(StateUnwritable):
            world.tick()
    assert world.state.registry_problem
    assert not world.records()
    world.journal.full = False
    world.until(lambda state: state.phase is Phase.ROLLED_BACK and not state.unrecorded, ticks=15)
    assert len(world.records()) == 1


def test_state_that_was_written_by_another_in_between_is_a_conflict_and_is_not_overwritten() -> None:
    world = stable_world()
    key = next(iter(world.store.texts))
    state = world.state
    run(world.store.save(key, state.model_copy(update={"reason": "Other"}), state.sequence))
    with pytest.raises(StateConflict):
        run(world.store.save(key, state, state.sequence))
    assert world.state.reason == "Other"
