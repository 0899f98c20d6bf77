"""Going back on request, looking at what was rejected, and a state that was lost."""

from datetime import timedelta

import pytest

from serinus.core import reasons
from serinus.core.errors import RegistryUnavailable
from serinus.core.observation import Verb
from serinus.core.state import Phase
from tests.fakes.store import FakeStore
from tests.fakes.world import KEY, MODEL, Behaviour, World, deployment, rolling_out, stable_world, with_model


def promoted_world(**serving: str) -> World:
    """Version 2 was promoted over version 1."""
    world = rolling_out()
    world.ask_for(deployment("2", serving=dict(serving) or None))
    world.until_phase(Phase.STABLE)
    return world


# ---- rollback


def test_rollback_goes_back_to_what_served_before_and_quarantines_what_the_spec_asks_for() -> None:
    world = promoted_world()
    world.request(Verb.ROLLBACK)
    world.until_phase(Phase.ROLLED_BACK)
    state = world.tick().next_state
    assert (world.weight_of("1"), world.weight_of("2"), world.alias()) == (100, 0, "1")
    assert state.reason == reasons.ROLLED_BACK_BY_USER
    assert "version 2" in state.message
    assert "ann" in state.message
    degraded = next(condition for condition in state.conditions if condition.type == "Degraded")
    assert (degraded.status, degraded.reason) == ("True", reasons.ROLLED_BACK_BY_USER)
    back = world.records()[-1]
    assert world.registry.quarantined == {(MODEL, "2", str(KEY)): f"{back.id}: {reasons.ROLLED_BACK_BY_USER}"}


def test_after_a_rollback_the_unchanged_spec_does_not_bring_the_version_back_but_retry_does() -> None:
    world = promoted_world()
    world.request(Verb.ROLLBACK)
    world.until_phase(Phase.ROLLED_BACK)
    for _ in range(30):
        assert world.tick().next_state.phase is Phase.ROLLED_BACK
    world.request(Verb.RETRY)
    world.until_phase(Phase.PROGRESSING)  # it is judged again: somebody has just said that it is not good
    world.until_phase(Phase.STABLE)
    assert world.weight_of("2") == 100
    assert world.registry.quarantined == {}


def test_a_rollback_that_was_meant_for_what_served_earlier_is_refused() -> None:
    world = promoted_world()
    earlier = world.records()[-1].id
    world.ask_for(deployment("3"))
    world.until(lambda state: state.phase is Phase.STABLE and state.stable is not None and world.alias() == "3")
    world.request(Verb.ROLLBACK, earlier)
    assert "it was meant for rollout" in world.tick().next_state.action_message
    assert world.weight_of("3") == 100
    world.request(Verb.ROLLBACK, world.records()[-1].id)
    world.until(lambda state: world.weight_of("2") == 100)


def test_rollback_works_though_nothing_is_kept_warm_any_more() -> None:
    world = promoted_world(keepWarm="0s")
    assert world.state.warm is None
    world.request(Verb.ROLLBACK)
    world.until_phase(Phase.ROLLED_BACK)
    assert world.weight_of("1") == 100


def test_rollback_is_refused_where_nothing_served_before() -> None:
    world = stable_world()
    world.request(Verb.ROLLBACK)
    state = world.tick().next_state
    assert state.phase is Phase.STABLE
    assert "nothing served before" in state.action_message


# ---- what was rejected is kept to be looked at


@pytest.mark.parametrize(("ttl", "kept"), [("10m", True), ("0s", False)])
def test_a_rejected_revision_is_kept_without_traffic_until_its_diagnostics_ttl(ttl: str, kept: bool) -> None:
    world = rolling_out()
    world.ask_for(deployment("2", serving={"diagnosticsTTL": ttl}))
    world.behaviours["2"] = Behaviour(failing=0.5)
    world.until_phase(Phase.ROLLED_BACK)
    world.tick()
    versions = {revision.artifact.version for revision in world.serving.planned(KEY).values()}
    assert ("2" in versions) is kept
    assert world.weight_of("2") == 0
    world.clock.advance(timedelta(minutes=11).total_seconds())
    world.tick()
    assert {revision.artifact.version for revision in world.serving.planned(KEY).values()} == {"1"}


# ---- a lost state


def lose_the_state(world: World) -> None:
    world.store = FakeStore()
    world.restart()


def test_a_lost_state_is_rebuilt_from_what_runs_and_the_new_version_starts_over() -> None:
    world = rolling_out()
    world.until(lambda state: world.weight_of("2") == 10)
    lose_the_state(world)
    state = world.tick().next_state
    assert state.stable is not None
    assert state.stable.artifact.version == "1"
    assert world.weight_of("2") < 50
    world.until_phase(Phase.STABLE)
    assert world.records()[-1].to_version == "2"


def test_a_state_lost_while_a_promotion_was_not_confirmed_goes_by_the_registrys_alias() -> None:
    world = rolling_out()
    world.until_phase(Phase.PROMOTING)
    lose_the_state(world)
    world.registry.available = True
    state = world.tick().next_state
    assert state.stable is not None
    assert state.stable.artifact.version == world.alias() == "1"


@pytest.mark.parametrize("weight", [10, 50])
def test_a_state_lost_while_the_registry_is_away_changes_nothing_about_what_serves(weight: int) -> None:
    world = rolling_out()
    world.until(lambda state: world.weight_of("2") == weight)
    lose_the_state(world)
    world.registry.available = False
    for _ in range(20):
        with pytest.raises(RegistryUnavailable, match="the state was lost"):
            world.tick()
        assert world.weight_of("2") == weight
    world.registry.available = True
    state = world.tick().next_state
    assert state.stable is not None
    assert state.stable.artifact.version == "1", "nobody has judged version 2 to its end"


def test_a_state_lost_beside_a_candidate_with_most_requests_is_rebuilt_with_what_was_judged() -> None:
    world = World(with_model(deployment(steps=[{"weight": 90, "hold": "3s"}]), promoteAlias=None))
    world.until_phase(Phase.STABLE)
    world.ask_version("2")
    world.until(lambda state: world.weight_of("2") == 90)
    lose_the_state(world)
    state = world.tick().next_state
    assert state.stable is not None
    assert state.stable.artifact.version == "1", "no registry names it, but the route knows which one was served before"
    world.until_phase(Phase.STABLE)
    assert world.records()[-1].to_version == "2"


def test_without_any_memory_what_runs_is_not_taken_down_by_an_empty_plan() -> None:
    world = stable_world()
    lose_the_state(world)
    world.registry.available = False
    world.serving.forgetful = True
    for _ in range(5):
        world.tick()
        assert world.weight_of("1") == 100
