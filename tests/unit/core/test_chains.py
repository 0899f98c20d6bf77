"""The chains read as data: every phase has one, and it always answers."""

from itertools import product
from typing import Any

import pytest

from serinus.core.looking import COUNTED
from serinus.core.observation import MetricsSnapshot, Observation, Problem, ServingObservation
from serinus.core.policies import ALWAYS, CHAINS
from serinus.core.revision import Revision
from serinus.core.rollout import decide
from serinus.core.state import IN_ROLLOUT, TRANSITIONS, Phase, Stage
from tests.unit.core.builders import (
    BOTH,
    CANDIDATE,
    NOW,
    OTHER,
    STABLE,
    rejection,
    seen,
    serving,
    spec,
    state,
)

POLICIES = [
    spec().rollout,
    spec(onFailure="Pause", approval="Manual", whenSuperseded="Queue", onInconclusive="Proceed").rollout,
    spec(steps=[{"pause": {}}, {"weight": 20}, {"pause": {"duration": "5s"}}], onInconclusive="Rollback").rollout,
    spec(strategy="Immediate").rollout,
]
PROBLEM = Problem("TargetUnresolved", "it is not in the registry")
TARGETS: list[Revision | Problem] = [STABLE, CANDIDATE, OTHER, PROBLEM]
WORLDS: list[ServingObservation] = [
    BOTH,
    serving(),
    ServingObservation(),
    serving(STABLE, failed=CANDIDATE),
    serving(STABLE, CANDIDATE, weights={STABLE.id: 0, CANDIDATE.id: 100}),
    serving(CANDIDATE, weights={STABLE.id: 90, CANDIDATE.id: 10}),
]
METRICS = [None, Problem("MetricsUnavailable", "nobody answers"), MetricsSnapshot(NOW)]
SECONDS = [0, 21, 10_000]


def test_every_phase_has_a_chain() -> None:
    assert set(CHAINS) == set(Phase)


@pytest.mark.parametrize("phase", list(Phase))
def test_a_chain_always_answers_and_only_by_the_table(phase: Phase) -> None:
    for policy, target, world, metrics, seconds in product(POLICIES, TARGETS, WORLDS, METRICS, SECONDS):
        steps = len(policy.steps) if phase in (Phase.PROGRESSING, Phase.PAUSED) else 1
        for step, stage in product(range(steps), Stage if phase is Phase.PROGRESSING else [Stage.ANALYSING]):
            inner: dict[str, Any] = {"step": step, "stage": stage, "weight": 10} if phase in IN_ROLLOUT else {}
            given = seen(state(phase, policy, **inner), target, world, after=seconds, metrics=metrics)
            answers = (ask(given) for ask in (*ALWAYS, *CHAINS[phase]))
            spoken = next((answer for answer in answers if answer is not None), None)
            assert spoken is not None, (phase, given)
            assert spoken.state.phase is phase or spoken.state.phase in TRANSITIONS[phase]


@pytest.mark.parametrize("phase", list(Phase))
def test_the_last_policy_of_a_chain_speaks_for_the_usual_state(phase: Phase) -> None:
    inner: dict[str, Any] = {"stage": Stage.ANALYSING, "weight": 10} if phase in IN_ROLLOUT else {}
    assert CHAINS[phase][-1](seen(state(phase, **inner))) is not None


@pytest.mark.parametrize("phase", list(Phase))
def test_a_policy_stands_in_a_chain_once(phase: Phase) -> None:
    assert len(set(CHAINS[phase])) == len(CHAINS[phase])


@pytest.mark.parametrize("phase", list(Phase))
def test_metrics_are_read_where_a_candidate_may_have_had_traffic(phase: Phase) -> None:
    assert (phase in COUNTED) == (phase in IN_ROLLOUT - {Phase.DEPLOYING, Phase.PROMOTING})


@pytest.mark.parametrize("phase", sorted(set(Phase) - {Phase.PENDING}))
def test_a_decision_is_a_function_of_what_was_seen(phase: Phase) -> None:
    for target, world, seconds in product(TARGETS, WORLDS, SECONDS):
        given = seen(state(phase, rejected=(rejection(OTHER),)), target, world, after=seconds)
        assert decide(given) == decide(given)
        assert decide(given).plan.weight(OTHER.id) == 0


def test_an_observation_without_an_action_handles_none() -> None:
    given = seen(state(Phase.STABLE), STABLE)
    assert isinstance(given.observed, Observation)
    assert decide(given).next_state.handled_nonce == ""
