"""Simulated worlds in which the sources of Quality, Drift and Query are there."""

from typing import Any

from serinus.core.state import RolloutState
from tests.fakes.signals import SteadyAnswers, SteadyLabels, SteadyQueries
from tests.fakes.world import ERRORS, World, stable_world

QUALITY = {"name": "quality", "type": "Quality", "labelHorizon": "6s", "maxIncrease": 0.02}
DRIFT = {"name": "drift", "type": "Drift"}
QUERY = {"name": "revenue", "type": "Query", "promql": "ratio", "min": 0.98}
WORSE = {0: 0.5, 16: 0.5}
MOVED = {"0": 390.0, "1": 10.0}


def world_of(*signals: dict[str, Any], **rollout: Any) -> World:
    """Version 1 serves, version 2 is on its way, and everything that its signals ask is there."""
    world = stable_world(signals=[ERRORS, *signals], **rollout)
    world.quality, world.bins = SteadyLabels(world.clock), SteadyAnswers(world.clock)
    world.queries = SteadyQueries()
    world.restart()
    world.ask_version("2")
    return world


def labels(world: World) -> SteadyLabels:
    assert isinstance(world.quality, SteadyLabels)
    return world.quality


def answers(world: World) -> SteadyAnswers:
    assert isinstance(world.bins, SteadyAnswers)
    return world.bins


def queries(world: World) -> SteadyQueries:
    assert isinstance(world.queries, SteadyQueries)
    return world.queries


def candidate_of(state: RolloutState) -> str:
    assert state.rollout is not None
    return state.rollout.candidate.id


def drifting(**rollout: Any) -> World:
    """A world whose candidate answers otherwise."""
    world = world_of(DRIFT, **rollout)
    state = world.until(lambda state: state.rollout is not None)
    answers(world).others[candidate_of(state)] = MOVED
    return world
