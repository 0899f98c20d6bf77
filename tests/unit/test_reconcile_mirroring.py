"""Strategies BlueGreen and Shadow in a simulated world: clients get stable's answers alone until the promotion."""

import pytest

from serinus.core import reasons
from serinus.core.observation import Verb
from serinus.core.planning import told_share
from serinus.core.spec import Strategy
from serinus.core.state import Outcome, Phase
from tests.fakes.world import KEY, Behaviour, rolling_out, stable_world

MIRRORING = ("BlueGreen", "Shadow")


def test_blue_green_promotes_at_once_what_passed_on_copies() -> None:
    world = rolling_out(strategy="BlueGreen")
    world.until_phase(Phase.PROMOTING)
    assert "2" not in world.served
    assert world.mirrored["2"] > 100
    world.until_phase(Phase.STABLE)
    [record] = world.records()
    assert (record.outcome, record.reason) == (Outcome.PROMOTED, reasons.ALL_SIGNALS_PASSED)
    assert [(change.weight, change.mirror) for change in record.weights] == [(0, 0), (0, 10), (0, 50), (100, 0)]
    assert {(point.weight, point.mirror) for point in record.curve} <= {(0, 0), (0, 10), (0, 50)}
    assert 100 < record.candidate_requests <= world.mirrored["2"]
    assert (world.alias(), world.weight_of("2")) == ("2", 100)


def test_blue_green_waits_for_approval_where_that_is_manual() -> None:
    world = rolling_out(strategy="BlueGreen", approval="Manual")
    assert world.until_phase(Phase.AWAITING_APPROVAL).reason == reasons.APPROVAL_REQUIRED
    assert "2" not in world.served


def test_a_shadow_is_promoted_by_a_person_alone() -> None:
    world = rolling_out(strategy="Shadow")
    state = world.until_phase(Phase.AWAITING_APPROVAL)
    assert state.reason == reasons.SHADOW_PASSED
    assert "`serinus promote`" in state.message
    for _ in range(20):
        assert world.tick().next_state.phase is Phase.AWAITING_APPROVAL
    assert "2" not in world.served
    world.request(Verb.PROMOTE)
    world.until_phase(Phase.STABLE)
    assert [record.reason for record in world.records()] == [reasons.PROMOTED_BY_USER]
    world.tick()
    assert world.served["2"] > 0


def test_a_shadow_whose_doubts_are_waived_still_waits_for_a_person() -> None:
    world = rolling_out(strategy="Shadow", onInconclusive="Proceed", deadline="15s")
    world.rate = 0.1
    assert world.until_phase(Phase.AWAITING_APPROVAL, Phase.PROMOTING).phase is Phase.AWAITING_APPROVAL


def test_nobody_answers_for_a_shadow_and_it_is_taken_back_at_the_deadline() -> None:
    world = rolling_out(strategy="Shadow")
    world.until_phase(Phase.ROLLED_BACK)
    assert [record.reason for record in world.records()] == [reasons.DEADLINE_EXCEEDED]


@pytest.mark.parametrize("strategy", MIRRORING)
def test_a_mirrored_candidate_that_fails_is_rejected_and_no_client_has_seen_it(strategy: str) -> None:
    world = rolling_out(strategy=strategy)
    world.behaviours["2"] = Behaviour(failing=0.5)
    world.until_phase(Phase.ROLLED_BACK)
    [record] = world.records()
    assert (record.outcome, record.reason) == (Outcome.ROLLED_BACK, "ErrorsIncreased")
    assert world.served.keys() == {"1"}
    copies = world.mirrored["2"]
    world.flow(60)
    assert world.mirrored["2"] == copies


@pytest.mark.parametrize("strategy", MIRRORING)
def test_a_mirrored_candidate_that_crashes_at_its_copies_is_rejected(strategy: str) -> None:
    world = rolling_out(strategy=strategy)
    world.until(lambda state: bool(state.rollout and state.rollout.mirror))
    world.serving.down = {one.id for one in world.serving.planned(KEY).values() if one.artifact.version == "2"}
    world.until_phase(Phase.ROLLED_BACK)
    assert world.served.keys() == {"1"}


@pytest.mark.parametrize("strategy", MIRRORING)
def test_messages_and_status_speak_of_a_mirror_and_never_of_a_weight_that_is_not(strategy: str) -> None:
    world = rolling_out(strategy=strategy)
    state = world.until(lambda state: state.reason == reasons.WEIGHT_ACCEPTED)
    assert state.message.endswith("mirrors 10 %")
    assert state.rollout
    assert (state.rollout.weight, state.rollout.mirror, told_share(state)) == (0, 10, "0 % (mirrors 10 %)")
    world.until_phase(Phase.PROMOTING, Phase.AWAITING_APPROVAL)
    told = [decision.message for decision in world.seen if decision.next_state.phase is Phase.PROGRESSING]
    assert any("holds 10 % mirrored for another" in message for message in told)
    assert any("passed at 10 % mirrored" in message for message in told)
    assert not any("gets" in message or "giving" in message for message in told)


def test_a_step_that_mirrors_everything_needs_no_evidence_before() -> None:
    world = rolling_out(strategy="BlueGreen", steps=[{"weight": 1, "hold": "1s"}, {"weight": 100, "hold": "2s"}])
    state = world.until(lambda state: bool(state.rollout and state.rollout.mirror == 100))
    assert state.rollout
    assert state.rollout.evidence.candidate_requests < 20
    assert world.until_phase(Phase.STABLE).stable
    assert world.alias() == "2"


def test_a_version_that_was_promoted_before_takes_over_at_once_whatever_the_strategy() -> None:
    world = stable_world(strategy="Shadow")
    world.ask_version("2")
    world.until_phase(Phase.AWAITING_APPROVAL)
    world.request(Verb.PROMOTE)
    world.until_phase(Phase.STABLE)
    world.ask_version("1")
    world.until_phase(Phase.PROMOTING)
    assert world.state.reason == reasons.KNOWN_GOOD


# ---- where nothing can copy requests


@pytest.mark.parametrize("strategy", MIRRORING)
def test_where_nothing_can_mirror_no_rollout_begins_and_the_status_says_why(strategy: str) -> None:
    world = stable_world(strategy=strategy)
    world.serving.no_mirror = "Gateway edge cannot copy requests"
    world.ask_version("2")
    for _ in range(5):
        state = world.tick().next_state
        assert (state.phase, state.reason) == (Phase.STABLE, reasons.MIRRORING_UNAVAILABLE)
    assert (
        f"strategy {strategy} copies requests to the candidate, but Gateway edge cannot copy requests" in state.message
    )
    degraded = {one.type: one for one in state.conditions}["Degraded"]
    assert (degraded.status, degraded.message) == ("True", state.message)
    assert state.rollouts_started == 0
    assert not state.rejected


def test_a_refused_rollout_begins_by_itself_once_the_strategy_or_the_gateway_is_another() -> None:
    for mend in ("strategy", "gateway"):
        world = stable_world(strategy="BlueGreen")
        world.serving.no_mirror = "Gateway edge cannot copy requests"
        world.ask_version("2")
        world.tick()
        if mend == "gateway":
            world.serving.no_mirror = ""
        else:
            changed = world.asked.spec.rollout.model_copy(update={"strategy": Strategy.CANARY})
            spec = world.asked.spec.model_copy(update={"rollout": changed})
            world.ask_for(world.asked.model_copy(update={"spec": spec}))
        world.until_phase(Phase.PROMOTING)
        assert world.state.rollouts_started == 1


def test_a_refused_target_that_is_given_up_leaves_no_trace() -> None:
    world = stable_world(strategy="Shadow")
    world.serving.no_mirror = "Gateway edge cannot copy requests"
    world.ask_version("2")
    world.tick()
    world.ask_version("1")
    state = world.tick().next_state
    assert (state.phase, state.reason) == (Phase.STABLE, reasons.SERVING)


@pytest.mark.parametrize("strategy", MIRRORING)
def test_a_mirror_that_is_lost_on_the_way_takes_the_candidate_back_and_rejects_nobody(strategy: str) -> None:
    world = rolling_out(strategy=strategy)
    world.until(lambda state: state.reason == reasons.HOLDING)
    world.serving.no_mirror = "Gateway edge cannot copy requests"
    state = world.until_phase(Phase.STABLE)
    assert not state.rejected
    assert [record.outcome for record in world.records()] == [Outcome.ABORTED]
    for _ in range(5):
        assert world.tick().next_state.reason == reasons.MIRRORING_UNAVAILABLE
    assert world.state.rollouts_started == 1


# ---- crashes and what is lost


def test_a_rollback_ends_when_the_route_has_taken_the_mirror_away() -> None:
    world = rolling_out(strategy="Shadow")
    world.until(lambda state: state.reason == reasons.HOLDING)
    world.serving.stuck = True
    world.request(Verb.ABORT)
    for _ in range(5):
        assert world.tick().next_state.phase is Phase.ROLLING_BACK
    world.serving.stuck = False
    world.until_phase(Phase.ROLLED_BACK, ticks=5)


@pytest.mark.parametrize("strategy", MIRRORING)
def test_a_state_that_is_lost_while_requests_are_mirrored_is_rebuilt_with_stable_serving(strategy: str) -> None:
    world = rolling_out(strategy=strategy)
    world.until(lambda state: state.reason == reasons.HOLDING)
    world.store.texts.clear()
    world.restart()
    decision = world.tick()
    assert decision.next_state.stable
    assert decision.next_state.stable.artifact.version == "1"
    assert decision.plan.mirror == 0
    world.until_phase(Phase.PROMOTING, Phase.AWAITING_APPROVAL)
    assert world.served.keys() == {"1"}
