"""What is remembered survives being written down, whatever the numbers are."""

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serinus.core.policies.starting import ATTEMPTS_LENGTH, attempts_with
from serinus.core.state import Phase, RolloutState
from serinus.core.status import status_of
from tests.fakes.world import Behaviour, World, deployment, rolling_out, stable_world
from tests.unit.core.builders import state

SIGNALS = [
    {"name": "errors", "type": "Errors", "maxIncrease": 0.0, "max": 0.01},
    {"name": "latency", "type": "Latency", "threshold": "100ms", "max": 0.001, "warmup": "0s"},
]


def numbers(value: Any) -> list[float]:
    match value:
        case dict():
            return [number for item in value.values() for number in numbers(item)]
        case list():
            return [number for item in value for number in numbers(item)]
        case bool():
            return []
        case int() | float():
            return [float(value)]
    return []


def survives(state: RolloutState) -> None:
    text = state.model_dump_json(by_alias=True)
    assert RolloutState.model_validate_json(text) == state
    assert all(math.isfinite(number) for number in numbers(json.loads(text)))
    assert "NaN" not in text
    assert "Infinity" not in text


@pytest.mark.parametrize("failing", [0.0, 1e-9, 0.5, 1.0])
@pytest.mark.parametrize("stable_failing", [0.0, 1.0])
@pytest.mark.parametrize("rate", [1.0, 1e4, 1e12])
def test_huge_evidence_is_finite_and_survives_being_written_down(
    failing: float, stable_failing: float, rate: float
) -> None:
    world = rolling_out(signals=SIGNALS, onFailure="Pause", steps=[{"weight": 50, "hold": "1h"}])
    world.behaviours = {"1": Behaviour(stable_failing), "2": Behaviour(failing, seconds=0.5)}
    world.rate = rate
    for _ in range(15):
        world.tick()
    assert world.state.rollout
    assert world.state.rollout.curve
    survives(world.state)


@settings(max_examples=25)
@given(
    alpha=st.floats(0.0001, 0.5),
    margin=st.floats(0, 1),
    rate=st.floats(0, 1e9),
    failing=st.floats(0, 1),
)
def test_any_policy_and_traffic_survive_being_written_down(
    alpha: float, margin: float, rate: float, failing: float
) -> None:
    signal = {"name": "errors", "type": "Errors", "maxIncrease": margin, "max": 1 - margin}
    world = rolling_out(alpha=alpha, signals=[signal], onFailure="Pause", steps=[{"weight": 50, "hold": "1h"}])
    world.behaviours["2"] = Behaviour(failing)
    world.rate = rate
    for _ in range(6):
        world.tick()
    survives(world.state)


def test_a_stored_state_replayed_is_a_no_op() -> None:
    world = stable_world()
    for _ in range(3):
        world.tick()
    before, applied = world.store.texts.copy(), len(world.serving.applied)
    for _ in range(3):
        world.restart()
        world.reconcile()
    assert world.store.texts == before
    assert len(world.serving.applied) == applied


def test_the_state_does_not_grow_with_time() -> None:
    world = rolling_out(steps=[{"weight": 50, "hold": "1h"}], deadline="2h")
    for _ in range(80):
        world.tick()
    size = len(world.state.model_dump_json())
    for _ in range(120):
        world.tick()
    assert len(world.state.model_dump_json()) < 1.3 * size


def test_status_leaves_out_what_only_a_machine_needs() -> None:
    world = rolling_out()
    for _ in range(4):
        world.tick()
    status = status_of(world.state)
    assert status["phase"] == Phase.PROGRESSING
    assert status["rollout"]["weight"] == world.weight_of("2")
    assert not {"evidence", "curve"} & status["rollout"].keys()
    assert not {"sequence", "unrecorded"} & status.keys()
    json.dumps(status, allow_nan=False)


def test_the_first_state_says_why_nothing_serves() -> None:
    world = World(deployment("99"))
    world.reconcile()
    assert "99" in world.state.message
    survives(world.state)


def test_attempts_are_counted_up_and_those_of_long_ago_are_forgotten() -> None:
    tried = state(Phase.STABLE, attempts={f"{number:010x}": 1 for number in range(ATTEMPTS_LENGTH)})
    again = attempts_with(tried, f"{0:010x}", 2)
    assert (list(again)[-1], again[f"{0:010x}"], len(again)) == (f"{0:010x}", 2, ATTEMPTS_LENGTH)
    new = attempts_with(tried, "new", 1)
    assert (len(new), new["new"], f"{0:010x}" in new) == (ATTEMPTS_LENGTH, 1, False)
