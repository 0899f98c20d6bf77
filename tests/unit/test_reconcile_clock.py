"""Serinus is away for hours, or somebody sets the clock: nothing unjudged goes on, and nothing waits for ever."""

from datetime import timedelta

import pytest

from serinus.core.elapsed import has_passed
from serinus.core.state import Phase
from tests.fakes.clock import START
from tests.fakes.world import Behaviour, World, rolling_out

HOURS = 2 * 3600.0
STEPS = [{"weight": 10, "hold": "20s"}, {"weight": 50, "hold": "20s"}]


def holding_for(seconds: int) -> World:
    """Version 2 has had 10 % for that long."""
    world = rolling_out(steps=STEPS, deadline="12h")
    world.until(lambda _: world.weight_of("2") == 10)
    world.until(lambda state: state.rollout is not None and state.rollout.hold_seconds >= seconds)
    return world


def seconds_until(world: World, weight: int) -> float:
    began = world.clock.now()
    world.until(lambda _: world.weight_of("2") == weight)
    return (world.clock.now() - began).total_seconds()


@pytest.mark.parametrize("hours", [HOURS, -HOURS])
@pytest.mark.parametrize("restarted", [True, False])
def test_hours_that_nobody_observed_do_not_count_as_held(hours: float, restarted: bool) -> None:
    world = holding_for(5)
    world.clock.advance(hours)
    if restarted:
        world.restart()
    assert 13 <= seconds_until(world, 50) <= 18
    assert 18 <= seconds_until(world, 100) <= 23
    world.until_phase(Phase.STABLE)


@pytest.mark.parametrize("hours", [HOURS, -HOURS, -5.0, -30.0, -59.0])
@pytest.mark.parametrize("restarted", [True, False])
def test_harm_is_seen_at_once_after_hours_or_a_clock_that_was_set(hours: float, restarted: bool) -> None:
    world = holding_for(5)
    world.behaviours["2"] = Behaviour(failing=0.5)
    world.clock.advance(hours)
    if restarted:
        world.restart()
    world.until_phase(Phase.ROLLED_BACK, ticks=15)
    assert max(change.weight for change in world.records()[-1].weights) == 10, "nothing goes on unjudged"
    assert world.records()[-1].reason == "ErrorsIncreased"


def test_a_pause_ends_though_the_clock_was_put_back() -> None:
    world = rolling_out(steps=[{"weight": 10, "hold": "1s"}, {"pause": {"duration": "5s"}}], deadline="12h")
    world.until_phase(Phase.PAUSED)
    world.clock.advance(-HOURS)
    world.until(lambda state: state.phase is not Phase.PAUSED, ticks=8)


def test_a_candidate_that_became_ready_while_nobody_looked_is_not_late() -> None:
    world = rolling_out("2", Phase.DEPLOYING)
    world.clock.advance(HOURS)
    world.until_phase(Phase.PROGRESSING, ticks=5)


def test_a_registry_is_paid_though_the_clock_was_put_back() -> None:
    world = rolling_out()
    world.registry.available = False
    world.until_phase(Phase.STABLE)
    world.tick()
    world.clock.advance(-HOURS)
    world.registry.available = True
    world.until(lambda state: not state.unrecorded and state.alias_move is None, ticks=5)
    assert world.alias() == "2"


@pytest.mark.parametrize(("seconds", "passed"), [(0, False), (9, False), (10, True), (HOURS, True), (-1, True)])
def test_a_span_has_passed_also_where_the_clock_was_put_back(seconds: float, passed: bool) -> None:
    assert has_passed(timedelta(seconds=10), START, START + timedelta(seconds=seconds)) is passed
