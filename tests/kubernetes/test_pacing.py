"""When a deployment is due again: at once after news, at the next look, ever later while nothing but time passes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from serinus.core.decision import Decision
from serinus.core.state import Phase, RolloutState, Warm
from serinus.kubernetes.pacing import pause_after
from tests.fakes.world import World, deployment, rolling_out, stable_world, with_model


def seconds(world: World, decision: Decision, quiet_turns: int = 1, poll: float = 30) -> float:
    pause = pause_after(decision, world.asked.spec, quiet_turns, world.clock.now(), timedelta(seconds=poll))
    return pause.total_seconds()


def quiet(world: World) -> Decision:
    """A decision that nobody would notice."""
    for _ in range(5):
        decision = world.tick()
        if not decision.changed:
            return decision
    raise AssertionError("there is always news")


def changed(decision: Decision, **changes: object) -> Decision:
    state: RolloutState = decision.next_state.model_copy(update=changes)
    return Decision(state, decision.plan, decision.reason, decision.message, {}, decision.requeue_after, changed=False)


def test_news_are_followed_up_at_once() -> None:
    world = stable_world()
    world.ask_version("2")
    decision = world.tick()
    assert decision.changed
    assert seconds(world, decision) == 0


def test_in_mid_rollout_a_deployment_is_due_at_the_next_look() -> None:
    world = rolling_out(interval="7s", steps=[{"weight": 10, "hold": "10m"}])
    world.until(lambda state: state.rollout is not None and state.rollout.looked_at is not None)
    decision = quiet(world)
    rollout = decision.next_state.rollout
    assert rollout is not None
    assert rollout.looked_at is not None
    due = rollout.looked_at + timedelta(seconds=7) - world.clock.now()
    assert seconds(world, decision) == due.total_seconds()
    assert seconds(world, decision, quiet_turns=99) == due.total_seconds(), "however long nothing was noticed"
    world.clock.advance(60)
    assert seconds(world, decision) == 1.0, "one that is overdue (no metrics) is not hot"


def test_a_long_interval_does_not_hide_a_deadline() -> None:
    world = rolling_out(interval="5m", steps=[{"weight": 10, "hold": "10m"}])
    world.until(lambda state: state.rollout is not None and state.rollout.looked_at is not None)
    assert seconds(world, quiet(world)) == 10.0


def test_what_time_alone_will_change_is_looked_at_then() -> None:
    world = World(deployment("1"))
    decision = quiet(world)
    assert seconds(world, decision, quiet_turns=99) == 300.0
    assert seconds(world, replace(decision, changes_in=timedelta(seconds=1.5)), quiet_turns=99) == 1.5
    assert seconds(world, replace(decision, changes_in=timedelta(minutes=9)), quiet_turns=99) == 300.0


def test_what_waits_for_the_cluster_is_asked_ever_more_rarely() -> None:
    world = World(deployment("1"))
    world.serving.held.update({"1"})
    decision = next(one for one in (world.tick() for _ in range(3)) if one.next_state.phase is Phase.PENDING)
    decision = changed(decision)
    pauses = [seconds(world, decision, quiet_turns) for quiet_turns in range(1, 9)]
    assert pauses == [1.0, 1.5, 2.25, 3.375, 5.0625, 7.59375, 10.0, 10.0]
    assert seconds(world, decision, quiet_turns=10**6) == 10.0


@pytest.mark.parametrize(("quiet_turns", "pause"), [(1, 30), (2, 30), (3, 300), (50, 300)])
def test_what_serves_a_named_version_is_left_alone_for_longer(quiet_turns: int, pause: float) -> None:
    world = stable_world()
    assert seconds(world, changed(quiet(world), warm=None), quiet_turns) == pause


@pytest.mark.parametrize("poll", [5.0, 30.0, 600.0])
def test_an_alias_is_asked_for_as_often_as_the_settings_say(poll: float) -> None:
    world = stable_world()
    decision = changed(quiet(world), warm=None)
    world.ask_for(with_model(world.asked, version=None, alias="challenger"))
    assert seconds(world, decision, 50, poll) == poll
    assert seconds(world, decision, 1, poll) <= poll


def test_what_is_owed_to_the_registry_is_tried_as_often_as_ever() -> None:
    world = stable_world()
    assert seconds(world, changed(quiet(world), warm=None, registry_problem="it is away"), 50) == 30


@pytest.mark.parametrize(("left", "pause"), [(45.0, 45.0), (0.0, 1.0), (-5.0, 1.0), (900.0, 300.0)])
def test_a_revision_is_removed_when_its_time_is_over(left: float, pause: float) -> None:
    world = stable_world()
    decision = quiet(world)
    stable = decision.next_state.stable
    assert stable is not None
    until = world.clock.now() + timedelta(seconds=left)
    assert seconds(world, changed(decision, warm=Warm(revision=stable, until=until)), 50) == pause
    assert seconds(world, changed(decision, warm=None, kept=Warm(revision=stable, until=until)), 50) == pause


def test_what_is_watched_is_due_at_its_next_look_however_long_it_was_quiet() -> None:
    decision = replace(quiet(stable_world()), changes_in=timedelta(minutes=2))
    assert seconds(stable_world(), decision, quiet_turns=100) == 120
