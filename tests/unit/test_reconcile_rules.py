"""The rules that users of other progressive-delivery tools asked for, each in a simulated world."""

from datetime import timedelta

import pytest

from serinus.core import reasons
from serinus.core.observation import Verb
from serinus.core.state import Outcome, Phase
from tests.adapters.fakes.registry import FakeModel
from tests.fakes.world import (
    ALIAS,
    HERE,
    KEY,
    MODEL,
    Behaviour,
    World,
    deployment,
    rolling_out,
    stable_world,
    with_model,
)

# ---- traffic, failure and evidence


def test_no_traffic_is_not_a_failure() -> None:
    world = rolling_out()
    world.rate = 0
    state = world.until_phase(Phase.PAUSED, ticks=100)
    assert state.reason == reasons.INCONCLUSIVE
    assert "no requests" in state.message
    assert not state.rejected


def test_no_traffic_is_not_health_either() -> None:
    world = rolling_out()
    world.rate = 0
    for _ in range(50):
        assert world.tick().next_state.phase is Phase.PROGRESSING
    assert world.state.reason in (reasons.WAITING_FOR_EVIDENCE, reasons.HOLDING)
    assert world.weight_of("2") < 100


def test_a_step_of_all_traffic_is_no_evidence_of_health() -> None:
    world = rolling_out(steps=[{"weight": 100, "hold": "2s"}])
    world.rate = 0
    state = world.until_phase(Phase.PAUSED, Phase.PROMOTING)
    assert (state.phase, state.reason) == (Phase.PAUSED, reasons.INCONCLUSIVE)


def test_a_last_step_of_all_traffic_rests_on_the_evidence_of_the_steps_before() -> None:
    world = rolling_out(steps=[{"weight": 50, "hold": "2s"}, {"weight": 100, "hold": "2s"}])
    world.until_phase(Phase.STABLE, ticks=40)
    assert world.records()[0].reason == reasons.ALL_SIGNALS_PASSED


def test_a_good_candidate_is_promoted_through_its_steps() -> None:
    world = rolling_out()
    world.until_phase(Phase.STABLE)
    [record] = world.records()
    assert record.outcome is Outcome.PROMOTED
    assert [change.weight for change in record.weights] == [0, 10, 50, 100]
    assert (world.alias(), world.weight_of("2"), world.weight_of("1")) == ("2", 100, 0)


def test_a_failing_candidate_is_rolled_back_with_the_numbers() -> None:
    world = rolling_out()
    world.behaviours["2"] = Behaviour(failing=0.5)
    state = world.until_phase(Phase.ROLLED_BACK)
    [record] = world.records()
    assert (record.outcome, record.reason) == (Outcome.ROLLED_BACK, "ErrorsIncreased")
    assert record.candidate_failed > 0
    assert state.rejected[0].revision == record.revision
    assert (world.alias(), world.weight_of("1")) == ("1", 100)
    assert world.registry.quarantined == {(MODEL, "2", str(KEY)): f"{record.id}: ErrorsIncreased"}
    world.behaviours["2"] = Behaviour()
    world.request(Verb.RETRY)
    world.until_phase(Phase.STABLE)
    assert world.registry.quarantined == {}


def test_a_slow_candidate_is_rolled_back() -> None:
    latency = {"name": "latency", "type": "Latency", "threshold": "100ms", "maxIncrease": 0.05, "warmup": "0s"}
    world = rolling_out(signals=[latency])
    world.behaviours["2"] = Behaviour(seconds=0.4)
    world.until_phase(Phase.ROLLED_BACK)
    assert world.records()[0].reason == "LatencyIncreased"


def test_a_failure_after_inconclusive_evidence_was_waived_by_the_policy_still_rolls_back() -> None:
    world = stable_world(onInconclusive="Proceed", deadline="30s", steps=[{"weight": 10, "hold": "60s"}])
    world.ask_version("2")
    world.rate = 0
    world.until(lambda state: state.reason == reasons.PROCEEDED_INCONCLUSIVE)
    world.rate = 100
    world.behaviours["2"] = Behaviour(failing=0.5)
    world.until_phase(Phase.ROLLED_BACK)
    assert world.records()[0].reason == "ErrorsIncreased"


def test_an_unhealthy_stable_does_not_block_a_good_candidate() -> None:
    world = stable_world()
    world.serving.down.add(world.state.stable.id)  # type: ignore[union-attr]
    world.ask_version("2")
    state = world.until(lambda state: state.phase is Phase.STABLE and state.stable is not None and world.alias() == "2")
    assert state.stable
    assert state.stable.artifact.version == "2"


def test_a_healthy_candidate_beside_a_broken_stable_passes() -> None:
    world = stable_world()
    world.behaviours["1"] = Behaviour(failing=0.9)
    world.ask_version("2")
    world.until_phase(Phase.PROMOTING)
    assert world.state.reason == reasons.ALL_SIGNALS_PASSED


def test_a_healthy_candidate_beside_a_stable_that_answers_nothing_passes() -> None:
    world = stable_world()
    world.behaviours["1"] = Behaviour(failing=1.0)
    world.flow(300)
    world.ask_version("2")
    world.until_phase(Phase.PROMOTING)
    assert world.state.reason == reasons.ALL_SIGNALS_PASSED


def test_an_optional_signal_that_cannot_be_read_does_not_hold_the_rollout() -> None:
    unreadable = {"name": "latency", "type": "Latency", "threshold": "123ms", "required": False, "warmup": "0s"}
    errors = {"name": "errors", "type": "Errors", "maxIncrease": 0.05}
    world = rolling_out(signals=[errors, unreadable])
    world.until_phase(Phase.STABLE)
    assert world.records()[0].outcome is Outcome.PROMOTED


def test_metrics_unavailable_hold_the_step_and_its_hold_time_does_not_count() -> None:
    world = rolling_out()
    world.until(lambda state: state.reason == reasons.HOLDING)
    before = world.state.rollout
    world.metrics.up = False
    for _ in range(20):
        assert world.tick().reason == reasons.METRICS_UNAVAILABLE
    world.metrics.up = True
    world.tick()
    after = world.state.rollout
    assert before
    assert after
    assert (after.step, after.weight, after.hold_seconds) == (before.step, before.weight, before.hold_seconds)
    world.until_phase(Phase.STABLE)
    assert world.alias() == "2"


def test_a_candidate_that_went_down_is_judged_by_its_evidence_where_it_is_seen() -> None:
    world = rolling_out(readyDeadline="10m")
    state = world.until(lambda state: state.reason == reasons.HOLDING)
    assert state.rollout
    world.serving.down.add(state.rollout.candidate.id)
    world.serving.failed[state.rollout.candidate.id] = "it crashes"
    world.until_phase(Phase.ROLLED_BACK, ticks=100)
    assert world.records()[0].reason in ("ErrorsIncreased", "CandidateUnavailable")


def test_without_metrics_a_candidate_gets_no_request_until_they_are_back() -> None:
    world = stable_world()
    world.metrics.up = False
    world.ask_version("2")
    world.until_phase(Phase.PROGRESSING)
    for _ in range(20):
        assert world.tick().reason == reasons.METRICS_UNAVAILABLE
    assert (world.weight_of("2"), world.served.get("2", 0)) == (0, 0)
    world.metrics.up = True
    world.until(lambda _: world.weight_of("2") == 10, ticks=5)
    world.until_phase(Phase.STABLE)
    assert world.alias() == "2"


def test_time_while_the_operator_was_away_does_not_count_as_held() -> None:
    world = rolling_out(steps=[{"weight": 10, "hold": "30s"}])
    world.until(lambda state: state.reason == reasons.HOLDING)
    before = world.state.rollout
    world.flow(25)
    world.restart()
    world.reconcile()
    after = world.state.rollout
    assert before
    assert after
    assert after.hold_seconds == before.hold_seconds
    assert world.state.phase is Phase.PROGRESSING


# ---- the first version


def test_a_rebuilt_system_never_serves_an_unvalidated_version_at_100_percent() -> None:
    world = World(deployment("2"))
    world.registry.models[MODEL].aliases[ALIAS] = "1"
    world.serving.held.add("none")
    for _ in range(60):
        world.tick()
        judged = world.state.reason == reasons.ALL_SIGNALS_PASSED
        assert world.weight_of("2") < 100 or judged, world.state.message
        if judged:
            break
    world.until_phase(Phase.STABLE)
    assert [record.from_version for record in world.records()] == ["1"]
    assert world.alias() == "2"


def test_the_first_version_served_is_the_registrys_promoted_one_however_long_it_takes_to_start() -> None:
    world = World(deployment("2"))
    world.registry.models[MODEL].aliases[ALIAS] = "1"
    world.reconcile()
    first = world.state.stable
    assert first
    assert first.artifact.version == "1"
    world.serving.held.add(first.id)
    for _ in range(10):
        world.tick()
        assert world.state.stable == first
    world.restart()
    world.tick()
    assert world.state.stable == first
    world.serving.held.clear()
    world.until_phase(Phase.STABLE)
    assert world.state.stable == first


def test_a_promoted_version_that_cannot_start_fails_loudly_and_no_other_takes_its_place() -> None:
    world = World(deployment("2"))
    world.registry.models[MODEL].aliases[ALIAS] = "1"
    world.reconcile()
    first = world.state.stable
    assert first
    world.serving.failed[first.id] = "its digest is another"
    world.until_phase(Phase.FAILED)
    for _ in range(30):
        assert world.tick().next_state.phase is Phase.FAILED
        assert world.weight_of("2") == 0
    assert "its digest is another" in world.state.message
    world.registry.models[MODEL].aliases[ALIAS] = "3"
    state = world.until_phase(Phase.STABLE)
    assert state.stable
    assert state.stable.artifact.version == "3"


def test_with_the_registry_down_nothing_is_served_first_rather_than_something_unjudged() -> None:
    world = World(deployment("2"))
    world.registry.models[MODEL].aliases[ALIAS] = "1"
    world.registry.available = False
    for _ in range(40):
        assert world.tick().next_state.phase is Phase.PENDING
    assert world.state.reason == reasons.TARGET_UNRESOLVED
    world.registry.available = True
    state = world.until(lambda state: state.stable is not None)
    assert state.stable
    assert state.stable.artifact.version == "1"
    world.serving.held.add(state.stable.id)
    assert world.tick().next_state.phase is Phase.PENDING, "readyDeadline begins when there is something to wait for"


def test_the_first_revision_that_the_spec_asks_for_can_be_replaced_while_it_does_not_start() -> None:
    world = World(deployment("1"))
    world.reconcile()
    world.serving.held.add(world.state.stable.id)  # type: ignore[union-attr]
    world.tick(15)
    world.ask_version("2")
    world.tick(15)
    world.tick()
    assert world.state.phase is not Phase.FAILED, "the new version has its own readyDeadline"
    state = world.until_phase(Phase.STABLE)
    assert state.stable
    assert state.stable.artifact.version == "2"


def test_a_first_revision_that_becomes_ready_late_serves_and_takes_its_alias() -> None:
    world = World(deployment("1"))
    world.reconcile()
    first = world.state.stable
    assert first
    world.serving.held.add(first.id)
    state = world.until_phase(Phase.FAILED)
    assert "serinus retry" in state.message
    world.serving.held.clear()
    world.until_phase(Phase.STABLE)
    assert world.alias() == "1"


# ---- capacity, route, deadlines


def test_capacity_is_raised_before_traffic_is() -> None:
    world = rolling_out()
    candidate = world.state.rollout.candidate.id  # type: ignore[union-attr]
    world.serving.down.add(candidate)
    for _ in range(2):
        world.tick()
        assert world.weight_of("2") == 0
    assert world.state.reason == reasons.WAITING_FOR_READINESS
    world.serving.down.clear()
    world.tick()
    assert world.weight_of("2") == 10


def test_judgement_begins_when_the_route_was_accepted() -> None:
    world = rolling_out()
    world.serving.stuck = True
    for _ in range(10):
        world.tick()
    rollout = world.state.rollout
    assert rollout
    assert (rollout.hold_seconds, world.state.reason) == (0.0, reasons.WEIGHT_SHIFTING)
    assert world.served.get("2", 0) == 0


def stuck_in(phase: Phase) -> World:
    """A world in which nothing moves in that phase, and nobody answers."""
    world = stable_world(steps=[{"weight": 10, "hold": "1s"}, {"pause": {}}], deadline="30s")
    match phase:
        case Phase.PENDING:
            world = World(deployment())
            world.reconcile()
            world.serving.held.add(world.state.stable.id)  # type: ignore[union-attr]
        case Phase.DEPLOYING:
            world.ask_version("2")
            world.reconcile()
            world.serving.held.add(world.state.rollout.candidate.id)  # type: ignore[union-attr]
        case Phase.PROGRESSING:
            world = rolling_out(deadline="30s")
            world.rate = 0
        case Phase.PAUSED:
            world.ask_version("2")
            world.until_phase(Phase.PAUSED)
        case Phase.AWAITING_APPROVAL:
            world = rolling_out("2", Phase.AWAITING_APPROVAL, approval="Manual", deadline="30s")
        case Phase.PROMOTING:
            world = rolling_out("2", Phase.PROMOTING)
            world.serving.stuck = True
        case Phase.ROLLING_BACK:
            world = rolling_out()
            world.until(lambda state: state.reason == reasons.HOLDING)
            world.request(Verb.ABORT)
            world.reconcile()
            world.serving.stuck = True
        case _:
            raise AssertionError(f"{phase} does not wait")
    assert world.state.phase is phase
    return world


WAITING = sorted(set(Phase) - {Phase.STABLE, Phase.ROLLED_BACK, Phase.FAILED})


@pytest.mark.parametrize("phase", WAITING)
def test_every_waiting_phase_has_a_deadline(phase: Phase) -> None:
    world = stuck_in(phase)
    world.until(lambda state: state.phase is not phase, ticks=40)
    assert world.state.message


def test_a_candidate_awaiting_approval_that_shows_harm_meets_its_deadline_too() -> None:
    world = rolling_out("2", Phase.AWAITING_APPROVAL, approval="Manual", onFailure="Pause", deadline="30s")
    world.behaviours["2"] = Behaviour(failing=0.9)
    world.until(lambda state: state.reason == reasons.SIGNAL_FAILED)
    world.until_phase(Phase.ROLLED_BACK, ticks=40)
    assert world.records()[0].reason == reasons.DEADLINE_EXCEEDED


def test_waived_evidence_and_no_metrics_do_not_wait_for_ever() -> None:
    world = rolling_out(onInconclusive="Proceed", deadline="20s")
    world.metrics.up = False
    world.until_phase(Phase.PAUSED, ticks=60)
    assert world.state.reason == reasons.INCONCLUSIVE
    world.until_phase(Phase.ROLLED_BACK, ticks=40)


def test_a_timed_pause_is_not_ended_by_the_deadline_for_people() -> None:
    pause = {"pause": {"duration": "90s"}}
    world = rolling_out("2", Phase.PAUSED, steps=[{"weight": 10, "hold": "1s"}, pause, {"weight": 50, "hold": "1s"}])
    state = world.until_phase(Phase.STABLE, Phase.ROLLED_BACK, ticks=150)
    assert (state.phase, world.alias()) == (Phase.STABLE, "2")


def test_resuming_a_long_pause_step_begins_a_new_deadline() -> None:
    steps = [{"weight": 10, "hold": "1s"}, {"pause": {}}, {"weight": 50, "hold": "20s"}]
    world = rolling_out("2", Phase.PAUSED, steps=steps)
    for _ in range(50):
        world.tick()
    world.request(Verb.RESUME)
    world.tick()
    world.until_phase(Phase.PROMOTING, Phase.PAUSED)
    assert world.state.reason == reasons.ALL_SIGNALS_PASSED


def test_a_long_pause_does_not_use_up_the_time_to_become_ready() -> None:
    world = rolling_out()
    world.request(Verb.PAUSE)
    world.reconcile()
    world.serving.down.add(world.state.rollout.candidate.id)  # type: ignore[union-attr]
    world.flow(30)
    world.request(Verb.RESUME)
    world.reconcile()
    world.tick()
    assert world.state.reason == reasons.WAITING_FOR_READINESS
    world.serving.down.clear()
    world.until_phase(Phase.STABLE)


@pytest.mark.parametrize("phase", sorted(Phase))
def test_the_reason_is_always_in_status(phase: Phase) -> None:
    world = settled_in(phase)
    for _ in range(3):
        state = world.reconcile().next_state
        assert state.reason
        assert state.message
        for condition in state.conditions:
            assert condition.reason, condition
            assert condition.message, condition


def settled_in(phase: Phase) -> World:
    match phase:
        case Phase.STABLE:
            return stable_world()
        case Phase.ROLLED_BACK:
            world = rolling_out()
            world.behaviours["2"] = Behaviour(failing=0.5)
            world.until_phase(phase)
            return world
        case Phase.FAILED:
            world = stuck_in(Phase.PENDING)
            world.until_phase(phase)
            return world
        case _:
            return stuck_in(phase)


# ---- another version meanwhile


def test_a_version_arriving_mid_rollout_supersedes_by_policy() -> None:
    world = rolling_out(whenSuperseded="Restart")
    world.ask_version("3")
    world.until(lambda state: state.rollout is not None and state.rollout.candidate.artifact.version == "3")
    assert [record.outcome for record in world.records()] == [Outcome.SUPERSEDED]
    assert not world.state.rejected
    world.until(lambda state: state.phase is Phase.STABLE)
    assert world.alias() == "3"


def test_a_version_arriving_mid_rollout_queues_by_policy() -> None:
    world = rolling_out(whenSuperseded="Queue")
    world.ask_version("3")
    world.until(lambda state: state.phase is Phase.STABLE and state.stable is not None and world.alias() == "2")
    world.until(lambda _: world.alias() == "3")
    assert [record.outcome for record in world.records()] == [Outcome.PROMOTED, Outcome.PROMOTED]


def test_a_version_queued_behind_a_bad_one_follows_after_the_rollback() -> None:
    world = rolling_out(whenSuperseded="Queue")
    world.ask_version("3")
    world.behaviours["2"] = Behaviour(failing=0.5)
    world.until(lambda _: world.alias() == "3")
    assert [record.outcome for record in world.records()] == [Outcome.ROLLED_BACK, Outcome.PROMOTED]


@pytest.mark.parametrize("policy", ["Restart", "Queue"])
@pytest.mark.parametrize(
    "phase", [Phase.DEPLOYING, Phase.PROGRESSING, Phase.PAUSED, Phase.AWAITING_APPROVAL, Phase.PROMOTING]
)
def test_a_git_revert_to_stable_in_mid_rollout_aborts_at_once_and_quarantines_nothing(
    phase: Phase, policy: str
) -> None:
    steps = [{"weight": 10, "hold": "3s"}] + ([{"pause": {}}] if phase is Phase.PAUSED else [])
    approval = "Manual" if phase is Phase.AWAITING_APPROVAL else "Automatic"
    world = rolling_out("2", phase, whenSuperseded=policy, approval=approval, steps=steps)
    world.ask_version("1")
    world.tick()
    assert world.weight_of("2") == 0
    world.until_phase(Phase.STABLE)
    [record] = world.records()
    assert (record.outcome, record.reason) == (Outcome.ABORTED, reasons.TARGET_REVERTED)
    assert not world.state.rejected
    assert world.alias() == "1"
    world.ask_version("2")
    world.until_phase(Phase.DEPLOYING)


def test_the_policy_is_a_snapshot_so_editing_steps_mid_rollout_applies_to_the_next() -> None:
    world = rolling_out()
    world.ask_for(deployment("2", steps=[{"weight": 90, "hold": "1s"}]))
    world.until_phase(Phase.STABLE)
    world.ask_for(deployment("3", steps=[{"weight": 90, "hold": "1s"}]))
    world.until(lambda _: world.alias() == "3")
    assert [[change.weight for change in record.weights] for record in world.records()] == [
        [0, 10, 50, 100],
        [0, 90, 100],
    ]


def test_going_back_to_a_promoted_revision_is_a_fast_path() -> None:
    world = rolling_out()
    world.until_phase(Phase.STABLE)
    world.ask_version("1")
    world.until(lambda _: world.alias() == "1", ticks=8)
    assert world.records()[-1].reason == reasons.KNOWN_GOOD


# ---- quarantine


def rejected_world() -> World:
    world = rolling_out()
    world.behaviours["2"] = Behaviour(failing=0.5)
    world.until_phase(Phase.ROLLED_BACK)
    return world


def test_a_rejected_revision_never_gets_traffic_again_by_accident() -> None:
    world = rejected_world()
    served = world.served["2"]
    for _ in range(30):
        world.tick()
    world.ask_version("1")
    world.until_phase(Phase.STABLE)
    world.ask_version("2")
    for _ in range(30):
        world.tick()
    assert world.state.phase is Phase.ROLLED_BACK
    assert world.served["2"] == served


def test_a_rejected_revision_stays_out_after_a_restart_from_the_stored_state() -> None:
    world = rejected_world()
    served = world.served["2"]
    again = World(world.asked, store=world.store, registry=world.registry, clock=world.clock)
    for _ in range(30):
        again.tick()
    assert again.state.phase is Phase.ROLLED_BACK
    assert again.served.get("2", 0) == 0
    assert served


def test_a_rejected_revision_stays_out_after_another_version_was_promoted() -> None:
    world = rejected_world()
    served = world.served["2"]
    world.ask_version("3")
    world.until(lambda _: world.alias() == "3")
    world.ask_version("2")
    for _ in range(10):
        world.tick()
    assert world.state.phase is Phase.ROLLED_BACK
    assert "serinus retry" in world.state.message
    assert world.served["2"] == served


def test_the_same_version_is_retried_without_touching_the_spec() -> None:
    world = rejected_world()
    world.behaviours["2"] = Behaviour()
    world.request(Verb.RETRY)
    world.until(lambda _: world.alias() == "2")
    assert [(record.attempt, record.outcome) for record in world.records()] == [
        (1, Outcome.ROLLED_BACK),
        (2, Outcome.PROMOTED),
    ]
    assert not world.state.rejected


def test_a_second_attempt_spends_a_smaller_share_of_alpha() -> None:
    world = rejected_world()
    world.request(Verb.RETRY)
    world.until_phase(Phase.PROGRESSING)
    rollout = world.state.rollout
    assert rollout
    assert rollout.evidence.attempt == 2


def test_a_changed_runtime_is_another_revision_and_a_changed_replica_count_is_not() -> None:
    world = stable_world()
    world.ask_for(deployment("1", serving={"minReplicas": 3}))
    world.tick()
    assert world.state.phase is Phase.STABLE
    world.ask_for(deployment("1", serving={"resources": {"limits": {"cpu": "2"}}}))
    world.until_phase(Phase.DEPLOYING, ticks=2)


# ---- what stays warm


def warm_after_rejection() -> World:
    """Version 1 is warm beside stable 2, and version 3 was rejected."""
    world = stable_world()
    world.ask_for(deployment("2", serving={"keepWarm": "60s"}))
    world.until(lambda _: world.alias() == "2")
    world.ask_for(deployment("3", serving={"keepWarm": "60s", "diagnosticsTTL": "0s"}))
    world.behaviours["3"] = Behaviour(failing=0.9)
    world.until_phase(Phase.ROLLED_BACK)
    assert "1" in versions_served(world)
    return world


def versions_served(world: World) -> list[str]:
    return [one.revision.artifact.version for one in world.serving.applied[-1][1].served]


def test_a_warm_revision_is_let_go_also_while_the_spec_names_a_rejected_one() -> None:
    world = warm_after_rejection()
    world.flow(61)
    world.reconcile()
    assert versions_served(world) == ["2"]


def test_a_warm_revision_is_let_go_also_while_the_registry_is_down() -> None:
    world = stable_world()
    world.ask_for(deployment("2", serving={"keepWarm": "60s"}))
    world.until(lambda _: world.alias() == "2")
    world.registry.available = False
    world.flow(61)
    world.reconcile()
    assert versions_served(world) == ["2"]


def test_nothing_is_looked_at_every_second_while_a_rejected_version_is_asked_for() -> None:
    world = rejected_world()
    world.tick()
    assert world.tick().requeue_after > timedelta(seconds=1)


# ---- people


@pytest.mark.parametrize("verb", [verb for verb in Verb if verb is not Verb.RETRAIN])  # which is about no rollout
def test_a_stale_rollout_id_is_refused(verb: Verb) -> None:
    world = rolling_out()
    world.request(verb, "0-gone")
    before = world.state
    decision = world.reconcile()
    assert decision.next_state.phase is before.phase
    assert "0-gone" in decision.next_state.action_message
    assert "refused" in decision.next_state.action_message


def test_a_nonce_is_handled_once() -> None:
    world = rejected_world()
    world.request(Verb.RETRY)
    world.until_phase(Phase.ROLLED_BACK)
    for _ in range(10):
        world.tick()
    world.restart()
    world.tick()
    assert world.state.phase is Phase.ROLLED_BACK
    assert len(world.records()) == 2


def test_a_request_that_does_not_fit_the_phase_is_refused_with_a_sentence() -> None:
    world = stable_world()
    world.request(Verb.PROMOTE)
    state = world.reconcile().next_state
    assert "promote was refused: the phase is Stable" in state.action_message
    assert state.phase is Phase.STABLE


def test_an_abort_rejects_and_says_who_asked() -> None:
    world = rolling_out()
    world.request(Verb.ABORT)
    state = world.until_phase(Phase.ROLLED_BACK)
    assert "ann" in state.rejected[0].message
    assert world.records()[0].outcome is Outcome.ABORTED


def test_a_person_promotes_over_inconclusive_evidence() -> None:
    world = rolling_out()
    world.rate = 0
    world.until_phase(Phase.PAUSED)
    world.request(Verb.PROMOTE)
    world.until_phase(Phase.STABLE)
    assert (world.alias(), world.records()[0].reason) == ("2", reasons.PROMOTED_BY_USER)


def test_pause_keeps_the_weight_and_resume_goes_on() -> None:
    world = rolling_out()
    world.until(lambda state: state.reason == reasons.HOLDING)
    world.request(Verb.PAUSE)
    for _ in range(10):
        world.tick()
    assert (world.state.phase, world.weight_of("2")) == (Phase.PAUSED, 10)
    world.request(Verb.RESUME)
    world.until_phase(Phase.STABLE)
    assert world.alias() == "2"


def test_one_resume_waives_a_failed_signal_also_in_a_pause_step() -> None:
    steps = [{"weight": 10, "hold": "1s"}, {"pause": {}}, {"weight": 50, "hold": "1s"}]
    world = rolling_out("2", Phase.PAUSED, steps=steps, onFailure="Pause")
    world.behaviours["2"] = Behaviour(failing=0.9)
    world.until(lambda state: state.reason == reasons.SIGNAL_FAILED)
    world.request(Verb.RESUME)
    world.until_phase(Phase.STABLE, ticks=20)
    assert world.records()[0].reason == reasons.PROCEEDED_INCONCLUSIVE


# ---- registry


def test_an_alias_conflict_becomes_a_condition_and_ends_once_a_person_gives_way() -> None:
    world = stable_world()
    world.registry.models[MODEL].aliases[ALIAS] = "5"
    world.ask_version("2")
    world.until(lambda state: state.phase is Phase.STABLE and state.registry_reason == reasons.ALIAS_CONFLICT)
    world.tick()
    assert world.alias() == "5"
    degraded = condition(world, "Degraded")
    assert (degraded.status, degraded.reason) == ("True", reasons.ALIAS_CONFLICT)
    for _ in range(30):
        world.tick()
    assert world.alias() == "5"
    assert condition(world, "Degraded").reason == reasons.ALIAS_CONFLICT
    del world.registry.models[MODEL].aliases[ALIAS]
    world.until(lambda state: state.alias_move is None)
    world.tick()
    assert (world.alias(), condition(world, "Degraded").status) == ("2", "False")


def condition(world: World, name: str):  # type: ignore[no-untyped-def]
    return next(one for one in world.state.conditions if one.type == name)


def test_with_the_registry_down_during_promotion_the_alias_is_moved_later() -> None:
    world = rolling_out("2", Phase.PROMOTING)
    world.registry.available = False
    world.until_phase(Phase.STABLE)
    for _ in range(30):
        world.tick()
    assert (world.alias(), world.weight_of("2")) == ("1", 100)
    assert condition(world, "Degraded").status == "True"
    world.registry.available = True
    world.until(lambda _: world.alias() == "2", ticks=15)
    assert len(world.registry.rollouts) == 1


def test_a_registry_that_is_back_is_no_problem_any_more() -> None:
    world = rolling_out()
    world.ask_for(with_model(world.asked, promoteAlias=None))
    world.behaviours["2"] = Behaviour(failing=0.5)
    world.registry.available = False
    world.until_phase(Phase.ROLLED_BACK)
    for _ in range(15):
        world.tick()
    assert world.state.registry_problem
    world.registry.available = True
    world.until(lambda state: not state.unrecorded, ticks=15)
    world.tick()
    assert not world.state.registry_problem


def test_the_alias_that_moves_is_of_the_model_that_was_promoted_though_the_spec_names_another_now() -> None:
    world = rolling_out("2", Phase.PROMOTING)
    ships = FakeModel({"2": (HERE, "sha256:ship")}, aliases={})
    world.registry.models["ships"] = ships
    world.ask_for(with_model(world.asked, name="ships"))
    world.until(lambda state: state.phase is Phase.STABLE and state.alias_move is not None)
    world.tick()
    assert world.state.phase is not Phase.STABLE, "the other model is only on its way"
    assert (world.alias(), ships.aliases) == ("2", {})


def test_a_version_deleted_from_the_registry_does_not_keep_later_rollouts_from_it() -> None:
    world = rolling_out()
    world.behaviours["2"] = Behaviour(failing=0.5)
    del world.registry.models[MODEL].versions["2"]
    world.until_phase(Phase.ROLLED_BACK)
    world.ask_version("3")
    world.until(lambda state: state.phase is Phase.STABLE and world.alias() == "3")
    world.until(lambda state: not state.unrecorded, ticks=15)
    assert [record.to_version for record in world.registry.rollouts.values()] == ["3"]
    assert [record.to_version for record in world.records()] == ["2", "3"]
    assert not world.state.registry_problem


def test_the_journal_has_a_record_though_the_registry_is_down() -> None:
    world = rolling_out()
    world.registry.available = False
    world.behaviours["2"] = Behaviour(failing=0.5)
    world.until_phase(Phase.ROLLED_BACK)
    world.ask_for(with_model(world.asked, version="1"))
    world.until(lambda _: bool(world.records()), ticks=15)


def test_an_unresolved_version_leaves_stable_serving_and_says_so() -> None:
    world = stable_world()
    world.ask_version("99")
    state = world.tick().next_state
    assert (state.phase, state.reason) == (Phase.STABLE, reasons.TARGET_UNRESOLVED)
    assert '"99"' in state.message
    assert "goes on serving" in state.message
    world.ask_version("1")
    assert world.tick().reason == reasons.SERVING


def test_a_revision_given_by_uri_alone_needs_no_alias_and_no_registry_record(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "MLmodel").write_text("x")
    world = stable_world()
    world.ask_for(with_model(world.asked, version=None, promoteAlias=None, uri=f"file:{tmp_path}"))
    world.registry.models[MODEL].versions["uri"] = (tmp_path, "sha256:uri")
    assert world.tick().next_state.phase is Phase.STABLE


def test_the_alias_is_moved_with_its_owner() -> None:
    world = stable_world()
    assert world.registry.models[MODEL].owners == {ALIAS: str(KEY)}
