"""Capacity before traffic: a candidate gets its share of what an autoscaler gave to stable, before its share of requests."""

from typing import Any

import pytest

from serinus.core.plan import Role, ServedRevision
from serinus.core.state import Phase
from tests.fakes.world import KEY, Behaviour, World, deployment

MANY = 8


def busy_world(**rollout: Any) -> World:
    """Version 1 serves with as many replicas as its autoscaler gave it; at least 1 and at most 10 are allowed."""
    world = World(deployment(serving={"minReplicas": 1, "maxReplicas": 10}, **rollout))
    world.until_phase(Phase.STABLE)
    world.serving.scaled[stable_id(world)] = MANY
    world.asked = deployment("2", serving={"minReplicas": 1, "maxReplicas": 10}, **rollout)
    return world


def stable_id(world: World) -> str:
    assert world.state.stable is not None
    return world.state.stable.id


def served(world: World, role: Role) -> ServedRevision:
    plan = next(plan for key, plan in reversed(world.serving.applied) if key == KEY)
    return next(one for one in plan.served if one.role is role)


def test_replicas_come_before_each_share_and_stable_keeps_its_own() -> None:
    world, seen = busy_world(), dict[int, int]()
    while world.state.phase is not Phase.STABLE or not world.state.history:
        world.tick()
        if world.state.rollout:
            weight, capacity = world.weight_of("2"), served(world, Role.CANDIDATE).capacity
            seen[weight] = min(capacity, seen.get(weight, MANY))
            assert served(world, Role.STABLE).capacity == MANY, "so that it can take over at any moment"
    assert seen == {0: 1, 10: 1, 50: 4, 100: MANY}
    assert served(world, Role.STABLE).capacity == 1, "from now on the autoscaler sees all the requests"


def test_a_candidate_gets_all_requests_with_all_the_replicas() -> None:
    world = busy_world()
    world.until_phase(Phase.PROMOTING)
    assert served(world, Role.CANDIDATE).capacity == MANY


@pytest.mark.parametrize("strategy", ["BlueGreen", "Immediate"])
def test_what_takes_over_at_once_has_the_full_size_from_the_beginning(strategy: str) -> None:
    world = busy_world(strategy=strategy)
    world.until_phase(Phase.DEPLOYING)
    assert served(world, Role.CANDIDATE).capacity == MANY


def test_a_candidate_that_is_being_enlarged_is_not_taken_for_unavailable() -> None:
    world = busy_world(
        steps=[{"weight": 50, "hold": "3s"}, {"weight": 80, "hold": "3s"}], readyDeadline="200s", deadline="900s"
    )
    world.until(lambda _: world.weight_of("2") == 50)
    world.until(lambda state: state.rollout is not None and state.rollout.step == 1)
    assert world.state.rollout is not None
    world.serving.short[world.state.rollout.candidate.id] = 4
    for _ in range(60):
        world.tick()
        assert (world.state.phase, world.weight_of("2")) == (Phase.PROGRESSING, 50), world.state.message
    world.serving.short.clear()
    world.until(lambda state: state.phase is Phase.STABLE and bool(state.history))
    assert world.records()[-1].outcome == "Promoted"


def test_no_more_replicas_than_are_allowed_and_fewer_where_nothing_scales() -> None:
    world = World(deployment(serving={"minReplicas": 2}))
    world.until_phase(Phase.STABLE)
    world.serving.scaled[stable_id(world)] = MANY
    world.asked = deployment("2", serving={"minReplicas": 2})
    world.until_phase(Phase.PROMOTING)
    assert served(world, Role.CANDIDATE).capacity == 2


def test_a_bad_candidate_leaves_a_stable_of_full_size() -> None:
    world = busy_world()
    world.behaviours["2"] = Behaviour(failing=0.5)
    world.until_phase(Phase.ROLLING_BACK)
    assert served(world, Role.STABLE).capacity == MANY
    world.until_phase(Phase.ROLLED_BACK)
