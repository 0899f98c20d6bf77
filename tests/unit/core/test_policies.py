"""Each policy with worked examples: what it says, and when it has nothing to say."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from serinus.core import reasons
from serinus.core.decision import Policy
from serinus.core.observation import Action, MetricsSnapshot, Problem, Verb
from serinus.core.policies import (
    CHAINS,
    analysing,
    finishing,
    first,
    mirroring,
    people,
    starting,
    stepping,
    superseding,
    waiting,
)
from serinus.core.state import Ending, Outcome, Phase
from tests.unit.core.builders import (
    CANDIDATE,
    NOW,
    OTHER,
    STABLE,
    drifted,
    ending,
    evidence_of,
    outside,
    rejection,
    seen,
    serving,
    spec,
    state,
)

P = Phase
FULL = serving(STABLE, CANDIDATE, weights={STABLE.id: 0, CANDIDATE.id: 100})
SPLIT = serving(STABLE, CANDIDATE, weights={STABLE.id: 90, CANDIDATE.id: 10})
ALONE = serving(STABLE)
GONE = Problem(reasons.TARGET_UNRESOLVED, "version 9 is not in the registry")
DOWN = Problem(reasons.METRICS_UNAVAILABLE, "nobody answers")
QUEUE = spec(whenSuperseded="Queue").rollout
PAUSES = spec(steps=[{"weight": 10}, {"pause": {"duration": "90s"}}, {"pause": {}}]).rollout
REQUESTS = spec(steps=[{"weight": 10, "hold": "3s", "minRequests": 5}, {"weight": 100}]).rollout
PROCEED = spec(onInconclusive="Proceed").rollout
ROLLBACK = spec(onInconclusive="Rollback").rollout
WAITING = reasons.WAITING_FOR_EVIDENCE
ANALYSING = {"stage": "Analysing", "weight": 10}
HELD = ANALYSING | {"hold_seconds": 9.0}
TIMED = {"step": 1, "reason": reasons.PAUSE_STEP}
MIRRORS = spec(strategy="BlueGreen").rollout
MIRRORED = serving(STABLE, CANDIDATE, mirror=10)
NO_MIRROR = serving(STABLE, CANDIDATE, no_mirror="the gateway cannot copy requests")
OPEN = {"step": 2, "reason": reasons.PAUSE_STEP}
HARMED = {"step": 1, "reason": reasons.SIGNAL_FAILED}
DRIFTS = {"evidence": evidence_of(drifted())}
FAILS = {"evidence": evidence_of(drifted(), outside())}


@dataclass
class Case:
    """A policy, what it sees, and the phase and reason it answers with (None: it has nothing to say)."""

    policy: Policy
    phase: Phase
    to: Phase | None = None
    reason: str | None = None
    has: dict[str, Any] = field(default_factory=dict)
    asks: dict[str, Any] = field(default_factory=dict)
    under: Any = None

    def __str__(self) -> str:
        name = getattr(self.policy, "__name__", "")
        return f"{name}-{self.phase}-{self.reason or 'silent'}"


CASES = [
    # nothing serves yet
    Case(first.bring_up_first_revision, P.PENDING, P.PENDING, reasons.WAITING_FOR_READINESS),
    Case(first.bring_up_first_revision, P.PENDING, has={"stable": CANDIDATE}),
    Case(first.bring_up_first_revision, P.PENDING, has={"stable": STABLE, "promoted": (STABLE.id,)}),
    Case(first.bring_up_first_revision, P.PENDING, P.PENDING, GONE.reason, asks={"target": GONE}),
    Case(first.bring_up_first_revision, P.PENDING, has={"stable": CANDIDATE}, asks={"promoted": GONE}),
    Case(first.fail_first_revision, P.PENDING, has={"stable": CANDIDATE}),
    Case(
        first.fail_first_revision,
        P.PENDING,
        P.FAILED,
        reasons.REVISION_FAILED,
        {"stable": CANDIDATE},
        {"world": serving(failed=CANDIDATE)},
    ),
    Case(
        first.fail_first_revision,
        P.PENDING,
        P.FAILED,
        reasons.NOT_READY_IN_TIME,
        {"stable": CANDIDATE},
        {"after": 21},
    ),
    Case(first.fail_first_revision, P.PENDING, has={"stable": CANDIDATE}, asks={"after": 20}),
    Case(first.serve_first_revision, P.PENDING, has={"stable": CANDIDATE}, asks={"world": SPLIT}),
    Case(
        first.serve_first_revision,
        P.PENDING,
        P.STABLE,
        reasons.FIRST_REVISION_READY,
        {"stable": CANDIDATE},
        {"world": FULL},
    ),
    Case(first.start_over_after_failure, P.FAILED, has={"rejected": (rejection(),)}, asks={"world": serving()}),
    Case(first.start_over_after_failure, P.FAILED, P.DEPLOYING, reasons.ROLLOUT_STARTED, asks={"world": serving()}),
    # one revision serves
    Case(starting.report_unresolved_target, P.STABLE, P.STABLE, GONE.reason, asks={"target": GONE}),
    Case(starting.report_unresolved_target, P.STABLE),
    Case(starting.begin_rollout, P.STABLE, asks={"target": STABLE}),
    Case(starting.begin_rollout, P.STABLE, P.ROLLED_BACK, "ErrorsIncreased", {"rejected": (rejection(),)}),
    Case(starting.begin_rollout, P.ROLLED_BACK, P.STABLE, reasons.SERVING, asks={"target": STABLE}),
    Case(starting.remain_stable, P.STABLE, P.STABLE, reasons.SERVING, {"reason": reasons.TARGET_UNRESOLVED}),
    Case(starting.remain_stable, P.STABLE, P.STABLE, reasons.SERVING, {"reason": reasons.MIRRORING_UNAVAILABLE}),
    # nothing can copy requests
    Case(mirroring.refuse_to_begin_without_a_mirror, P.STABLE, asks={"world": NO_MIRROR}),
    Case(mirroring.refuse_to_begin_without_a_mirror, P.STABLE, asks={"asked": spec(strategy="Shadow")}),
    Case(
        mirroring.refuse_to_begin_without_a_mirror,
        P.STABLE,
        P.STABLE,
        reasons.MIRRORING_UNAVAILABLE,
        asks={"asked": spec(strategy="Shadow"), "world": NO_MIRROR},
    ),
    Case(
        mirroring.refuse_to_begin_without_a_mirror,
        P.STABLE,
        has={"promoted": (CANDIDATE.id,)},
        asks={"asked": spec(strategy="Shadow"), "world": NO_MIRROR},
    ),
    Case(mirroring.take_back_without_a_mirror, P.PROGRESSING, under=MIRRORS),
    Case(mirroring.take_back_without_a_mirror, P.PROGRESSING, asks={"world": NO_MIRROR}),
    Case(
        mirroring.take_back_without_a_mirror,
        P.DEPLOYING,
        P.ROLLING_BACK,
        reasons.MIRRORING_UNAVAILABLE,
        asks={"world": NO_MIRROR},
        under=MIRRORS,
    ),
    # the candidate comes up
    Case(starting.reject_candidate_that_cannot_start, P.DEPLOYING, asks={"after": 20}),
    Case(
        starting.reject_candidate_that_cannot_start,
        P.DEPLOYING,
        P.ROLLING_BACK,
        reasons.CANDIDATE_FAILED,
        asks={"world": serving(STABLE, failed=CANDIDATE)},
    ),
    Case(
        starting.reject_candidate_that_cannot_start,
        P.DEPLOYING,
        P.ROLLING_BACK,
        reasons.CANDIDATE_NOT_READY,
        asks={"after": 21},
    ),
    Case(starting.start_steps_when_candidate_is_ready, P.DEPLOYING, asks={"world": ALONE}),
    Case(starting.start_steps_when_candidate_is_ready, P.DEPLOYING, P.PROGRESSING, reasons.CANDIDATE_READY),
    Case(
        starting.start_steps_when_candidate_is_ready,
        P.DEPLOYING,
        P.PROMOTING,
        reasons.IMMEDIATE,
        under=spec(strategy="Immediate").rollout,
    ),
    # the spec changes meanwhile
    Case(
        superseding.abort_when_target_is_stable_again,
        P.PAUSED,
        P.ROLLING_BACK,
        reasons.TARGET_REVERTED,
        asks={"target": STABLE},
    ),
    Case(superseding.abort_when_target_is_stable_again, P.PAUSED, asks={"target": OTHER}),
    Case(superseding.abort_when_target_is_stable_again, P.PAUSED, asks={"target": GONE}),
    Case(
        superseding.supersede_when_target_changed, P.PAUSED, P.ROLLING_BACK, reasons.SUPERSEDED, asks={"target": OTHER}
    ),
    Case(superseding.supersede_when_target_changed, P.PAUSED, asks={"target": OTHER}, under=QUEUE),
    Case(superseding.supersede_when_target_changed, P.PAUSED, asks={"target": GONE}),
    # a step
    Case(stepping.begin_pause_step, P.PROGRESSING),
    Case(stepping.begin_pause_step, P.PROGRESSING, P.PAUSED, reasons.PAUSE_STEP, {"step": 1}, under=PAUSES),
    Case(stepping.raise_capacity, P.PROGRESSING, has=ANALYSING),
    Case(stepping.raise_capacity, P.PROGRESSING, asks={"metrics": DOWN}),
    Case(stepping.raise_capacity, P.PROGRESSING, P.PROGRESSING, reasons.WEIGHT_SHIFTING),
    Case(stepping.raise_capacity, P.PROGRESSING, P.PROGRESSING, reasons.WAITING_FOR_READINESS, asks={"world": ALONE}),
    Case(
        stepping.raise_capacity,
        P.PROGRESSING,
        P.ROLLING_BACK,
        reasons.CANDIDATE_NOT_READY,
        asks={"world": ALONE, "after": 21},
    ),
    Case(stepping.shift_weight, P.PROGRESSING, has=ANALYSING),
    Case(
        stepping.shift_weight,
        P.PROGRESSING,
        P.PROGRESSING,
        reasons.WEIGHT_ACCEPTED,
        {"stage": "Shifting", "weight": 10},
        {"world": SPLIT},
    ),
    Case(
        stepping.shift_weight,
        P.PROGRESSING,
        P.PROGRESSING,
        reasons.WEIGHT_SHIFTING,
        {"stage": "Shifting", "weight": 10},
    ),
    Case(
        stepping.shift_weight,
        P.PROGRESSING,
        P.PROGRESSING,
        reasons.WEIGHT_ACCEPTED,
        {"stage": "Shifting", "mirror": 10},
        {"world": MIRRORED},
        MIRRORS,
    ),
    Case(
        stepping.shift_weight,
        P.PROGRESSING,
        P.PROGRESSING,
        reasons.WEIGHT_SHIFTING,
        {"stage": "Shifting", "mirror": 10},
        under=MIRRORS,
    ),
    Case(
        stepping.shift_weight,
        P.PROGRESSING,
        P.ROLLING_BACK,
        reasons.ROUTE_NOT_ACCEPTED,
        {"stage": "Shifting", "weight": 10},
        {"after": 21},
    ),
    # judging it
    Case(analysing.stop_when_a_signal_fails, P.PROGRESSING, has=ANALYSING),
    Case(analysing.stop_when_a_signal_fails, P.PROGRESSING, has=ANALYSING | DRIFTS),
    Case(analysing.stop_when_a_signal_fails, P.PROGRESSING, P.ROLLING_BACK, "QueryOutOfRange", ANALYSING | FAILS),
    Case(analysing.pause_when_answers_drift, P.PROGRESSING, has=ANALYSING | DRIFTS | {"waived": ("drift",)}),
    Case(
        analysing.pause_when_answers_drift,
        P.PROGRESSING,
        P.PAUSED,
        reasons.CANDIDATE_DRIFTED,
        ANALYSING | DRIFTS,
    ),
    Case(analysing.pause_when_answers_drift, P.PAUSED, P.PAUSED, reasons.CANDIDATE_DRIFTED, TIMED | DRIFTS),
    Case(analysing.pause_when_answers_drift, P.PAUSED, has=DRIFTS | {"reason": reasons.CANDIDATE_DRIFTED}),
    Case(analysing.pause_when_answers_drift, P.PAUSED, has=HARMED | DRIFTS),
    Case(
        analysing.pause_when_answers_drift,
        P.AWAITING_APPROVAL,
        P.AWAITING_APPROVAL,
        reasons.CANDIDATE_DRIFTED,
        DRIFTS,
    ),
    Case(analysing.give_up_at_deadline, P.PROGRESSING, has=ANALYSING, asks={"after": 60}),
    Case(analysing.give_up_at_deadline, P.PROGRESSING, P.PAUSED, reasons.INCONCLUSIVE, ANALYSING, {"after": 61}),
    Case(
        analysing.give_up_at_deadline,
        P.PROGRESSING,
        P.PROGRESSING,
        reasons.PROCEEDED_INCONCLUSIVE,
        ANALYSING,
        {"after": 61},
        PROCEED,
    ),
    Case(
        analysing.give_up_at_deadline,
        P.PROGRESSING,
        P.ROLLING_BACK,
        reasons.INCONCLUSIVE,
        ANALYSING,
        {"after": 61},
        ROLLBACK,
    ),
    Case(
        analysing.give_up_at_deadline,
        P.PROGRESSING,
        P.PAUSED,
        reasons.INCONCLUSIVE,
        ANALYSING | {"proceed": True},
        {"after": 61},
        PROCEED,
    ),
    Case(
        analysing.hold_while_metrics_are_unavailable,
        P.PROGRESSING,
        P.PROGRESSING,
        reasons.METRICS_UNAVAILABLE,
        HELD,
        {"metrics": DOWN},
    ),
    Case(analysing.hold_while_metrics_are_unavailable, P.PROGRESSING, has=HELD, asks={"metrics": MetricsSnapshot(NOW)}),
    Case(
        analysing.hold_while_step_lasts,
        P.PROGRESSING,
        P.PROGRESSING,
        reasons.HOLDING,
        ANALYSING | {"hold_seconds": 2.5},
    ),
    Case(analysing.hold_while_step_lasts, P.PROGRESSING, has=ANALYSING | {"hold_seconds": 3.0}),
    Case(
        analysing.hold_while_step_lasts,
        P.PROGRESSING,
        P.PROGRESSING,
        reasons.WAITING_FOR_REQUESTS,
        HELD,
        under=REQUESTS,
    ),
    Case(analysing.hold_while_step_lasts, P.PROGRESSING, has=HELD | {"proceed": True}, under=REQUESTS),
    Case(analysing.await_evidence_before_full_weight, P.PROGRESSING, has=HELD),
    Case(
        analysing.await_evidence_before_full_weight,
        P.PROGRESSING,
        P.PROGRESSING,
        reasons.WAITING_FOR_EVIDENCE,
        HELD | {"step": 1, "weight": 50},
    ),
    Case(
        analysing.await_evidence_before_full_weight,
        P.PROGRESSING,
        P.PROGRESSING,
        reasons.WAITING_FOR_EVIDENCE,
        HELD,
        under=REQUESTS,
    ),
    Case(analysing.await_evidence_before_full_weight, P.PROGRESSING, has=HELD | {"step": 1, "proceed": True}),
    Case(analysing.finish_step, P.PROGRESSING, P.PROGRESSING, reasons.STEP_PASSED, HELD),
    # waiting for people
    Case(
        waiting.go_on_when_pause_is_over,
        P.PAUSED,
        has=TIMED,
        asks={"after": 89},
        under=PAUSES,
    ),
    Case(
        waiting.go_on_when_pause_is_over,
        P.PAUSED,
        P.PROGRESSING,
        reasons.STEP_PASSED,
        TIMED,
        {"after": 90},
        PAUSES,
    ),
    Case(
        waiting.go_on_when_pause_is_over,
        P.PAUSED,
        has=OPEN,
        asks={"after": 9999},
        under=PAUSES,
    ),
    Case(
        waiting.go_on_when_pause_is_over,
        P.PAUSED,
        has=HARMED,
        asks={"after": 99},
        under=PAUSES,
    ),
    Case(waiting.take_back_when_nobody_answers, P.PAUSED, asks={"after": 60}),
    Case(
        waiting.take_back_when_nobody_answers, P.PAUSED, P.ROLLING_BACK, reasons.DEADLINE_EXCEEDED, asks={"after": 61}
    ),
    Case(
        waiting.take_back_when_nobody_answers,
        P.PAUSED,
        has=TIMED,
        asks={"after": 61},
        under=PAUSES,
    ),
    # ending
    Case(finishing.finish_promotion, P.PROMOTING, asks={"world": SPLIT}),
    Case(finishing.finish_promotion, P.PROMOTING, P.STABLE, reasons.PROMOTED, asks={"world": FULL}),
    Case(finishing.take_back_a_stuck_promotion, P.PROMOTING, asks={"after": 20}),
    Case(
        finishing.take_back_a_stuck_promotion,
        P.PROMOTING,
        P.ROLLING_BACK,
        reasons.ROUTE_NOT_ACCEPTED,
        asks={"after": 21},
    ),
    Case(finishing.finish_rollback, P.ROLLING_BACK, asks={"world": SPLIT}),
    Case(finishing.finish_rollback, P.ROLLING_BACK, P.ROLLED_BACK, "ErrorsIncreased"),
    Case(finishing.finish_rollback, P.ROLLING_BACK, P.STABLE, "ErrorsIncreased", {"ending": ending(rejects=False)}),
    Case(
        finishing.wait_for_rollback,
        P.ROLLING_BACK,
        P.FAILED,
        reasons.ROUTE_NOT_ACCEPTED,
        asks={"world": SPLIT, "after": 21},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_policy_says_what_its_example_says(case: Case) -> None:
    answer = case.policy(seen(state(case.phase, case.under, **case.has), **case.asks))
    if case.reason is None:
        assert answer is None
        return
    assert answer is not None
    assert (answer.state.phase, answer.state.reason) == (case.to, case.reason)
    assert answer.state.message


ALWAYS_THE_SAME = {"wait_for_first_revision", "wait_for_candidate", "wait_for_promotion", "wait_for_people"}


def test_every_policy_of_a_chain_has_an_example() -> None:
    names: Callable[[Any], str] = lambda policy: policy.__name__  # noqa: E731
    in_chains = {names(policy) for chain in CHAINS.values() for policy in chain}
    assert in_chains == {names(case.policy) for case in CASES} | ALWAYS_THE_SAME


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("verb", [verb for verb in Verb if verb is not Verb.RETRAIN])  # tests/unit/retraining
def test_a_request_is_carried_out_or_refused_with_a_sentence_and_never_both(verb: Verb, phase: Phase) -> None:
    before = state(phase)
    answer = people.act_on_request(seen(before, action=Action(verb, "n1", "", "ann")))
    assert answer is not None
    assert answer.state.handled_nonce == "n1"
    possible = phase in people.POSSIBLE_IN[verb]
    assert answer.state.action_refused is not possible
    assert ("was refused" in answer.state.action_message) is not possible
    if not possible:
        handled = {"handled_nonce": "n1", "action_message": answer.state.action_message, "action_refused": True}
        assert answer.state == before.model_copy(update=handled)
    assert people.act_on_request(seen(answer.state, action=Action(verb, "n1", "", "ann"))) is None


def test_the_strictest_of_the_open_signals_decides_at_the_deadline() -> None:
    errors = {"name": "errors", "type": "Errors", "onInconclusive": "Proceed"}
    policy = spec(signals=[errors], onInconclusive="Rollback").rollout
    given = seen(state(P.PROGRESSING, policy, **ANALYSING), after=61)
    answer = analysing.give_up_at_deadline(given)
    assert answer
    assert answer.state.phase is P.ROLLING_BACK, "availability is open too, and has no choice of its own"


def test_a_rejection_keeps_why() -> None:
    why = Ending(outcome=Outcome.ABORTED, reason="Why", message="because", rejects=True)
    answer = finishing.finish_rollback(seen(state(P.ROLLING_BACK, ending=why)))
    assert answer
    [kept] = answer.state.rejected
    assert (kept.revision, kept.reason, kept.message) == (CANDIDATE.id, "Why", "because")
    assert [record.outcome for record in answer.state.unrecorded] == [Outcome.ABORTED]
