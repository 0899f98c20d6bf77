"""Judging a step: harm stops at once, no harm lets it go on, and full traffic needs evidence of no harm."""

from serinus.core import reasons
from serinus.core.analysis import SignalVerdict, Verdict, judge
from serinus.core.decision import Input, Step, change_rollout, go, stay
from serinus.core.observation import Problem
from serinus.core.policies.closing import failing, take_back
from serinus.core.policies.shares import at_share
from serinus.core.policies.stepping import advance, takes_over_next, weight_step
from serinus.core.spec import OnFailure, OnInconclusive
from serinus.core.state import Outcome, Phase

STOPPED = frozenset({reasons.SIGNAL_FAILED, reasons.CANDIDATE_DRIFTED})


def stop_when_a_signal_fails(seen: Input) -> Step | None:
    """A signal shows harm: roll back, or pause where the policy says so."""
    first = next((found for found in failed(seen) if not found.only_pauses), None)
    if first is None:
        return None
    if seen.rollout.policy.on_failure is OnFailure.ROLLBACK:
        return take_back(seen, Outcome.ROLLED_BACK, first.reason, first.message, rejects=True)
    if seen.state.phase is not Phase.PROGRESSING and seen.state.reason == reasons.SIGNAL_FAILED:
        return None
    if seen.state.phase is Phase.AWAITING_APPROVAL:
        return stay(
            seen,
            reasons.SIGNAL_FAILED,
            f"{first.message}; `serinus abort` takes it back, `serinus promote` goes on",
        )
    message = f"{first.message}; paused as onFailure says: `serinus abort` takes it back, `serinus resume` goes on"
    return go(seen, Phase.PAUSED, reasons.SIGNAL_FAILED, message)


def pause_when_answers_drift(seen: Input) -> Step | None:
    """The candidate answers otherwise than stable: a person says whether it should, whatever onFailure is."""
    first = next((found for found in failed(seen) if found.only_pauses), None)
    paused = seen.state.phase is not Phase.PROGRESSING and seen.state.reason in STOPPED
    if first is None or paused:
        return None
    if seen.state.phase is Phase.AWAITING_APPROVAL:
        message = f"{first.message}; `serinus abort` takes it back, `serinus promote` goes on"
        return stay(seen, reasons.CANDIDATE_DRIFTED, message)
    message = f"{first.message}; paused: `serinus resume` if that is as it should be, else `serinus abort`"
    return go(seen, Phase.PAUSED, reasons.CANDIDATE_DRIFTED, message)


def failed(seen: Input) -> tuple[SignalVerdict, ...]:
    """The signals that have failed and that nobody has waived."""
    return tuple(verdict for verdict in failing(seen) if verdict.name not in seen.rollout.waived)


def give_up_at_deadline(seen: Input) -> Step | None:
    """The rollout lasted longer than its deadline: what the policy says of inconclusive evidence is done."""
    rollout = seen.rollout
    if seen.now - rollout.deadline_since <= rollout.policy.deadline:
        return None
    open_signals = unsettled(seen)
    message = f"no verdict within the deadline: {describe(open_signals) or 'a step is not over'}"
    match OnInconclusive.PAUSE if rollout.proceed else strictest(seen, open_signals):
        case OnInconclusive.ROLLBACK:
            return take_back(seen, Outcome.ROLLED_BACK, reasons.INCONCLUSIVE, message, rejects=True)
        case OnInconclusive.PAUSE:
            message += "; `serinus promote`, `serinus abort` or `serinus resume`"
            return go(seen, Phase.PAUSED, reasons.INCONCLUSIVE, message)
        case OnInconclusive.PROCEED:
            changed = change_rollout(seen, proceed=True, deadline_since=seen.now)
            return stay(
                seen, reasons.PROCEEDED_INCONCLUSIVE, f"{message}; going on, as the policy says", rollout=changed
            )


def strictest(seen: Input, verdicts: tuple[SignalVerdict, ...]) -> OnInconclusive:
    """The most careful of what the open signals ask for: Rollback before Pause before Proceed."""
    default = seen.rollout.policy.on_inconclusive
    own = {signal.name: signal.on_inconclusive for signal in seen.rollout.policy.signals}
    asked = {own.get(verdict.name) or default for verdict in verdicts} or {default}
    return next(
        choice for choice in (OnInconclusive.ROLLBACK, OnInconclusive.PAUSE, OnInconclusive.PROCEED) if choice in asked
    )


def hold_while_metrics_are_unavailable(seen: Input) -> Step | None:
    """Not being able to ask is evidence of nothing: nothing moves and no hold time passes."""
    if isinstance(seen.observed.metrics, Problem):
        return stay(seen, reasons.METRICS_UNAVAILABLE, seen.observed.metrics.message)
    errors = [verdict for verdict in unsettled(seen) if verdict.verdict is Verdict.ERROR]
    if errors and not seen.rollout.proceed:
        return stay(seen, errors[0].reason, errors[0].message)
    return None


def hold_while_step_lasts(seen: Input) -> Step | None:
    """A step lasts its observed hold time and its requests."""
    rollout, step = seen.rollout, weight_step(seen.rollout)
    missing_seconds = step.hold.total_seconds() - rollout.hold_seconds
    if missing_seconds > 0:
        message = f"{rollout.candidate.label} holds {at_share(rollout)} for another {missing_seconds:.0f} s"
        return stay(seen, reasons.HOLDING, message)
    requests = rollout.evidence.candidate_requests - rollout.step_requests
    if requests < step.min_requests and not rollout.proceed:
        message = f"{rollout.candidate.label} had {requests} of {step.min_requests} requests at {at_share(rollout)}"
        return stay(seen, reasons.WAITING_FOR_REQUESTS, message)
    return None


def await_evidence_before_full_weight(seen: Input) -> Step | None:
    """Before all traffic goes to the candidate every required signal must have shown no harm, on the pooled evidence."""
    rollout = seen.rollout
    if rollout.proceed or not takes_over_next(rollout):
        return None
    waiting = unsettled(seen)
    if not waiting:
        return None
    return stay(seen, reasons.WAITING_FOR_EVIDENCE, f"before promotion: {describe(waiting)}")


def finish_step(seen: Input) -> Step | None:
    """Nothing speaks against it."""
    return advance(seen)


def unsettled(seen: Input) -> tuple[SignalVerdict, ...]:
    """The required signals that have not passed."""
    waived = seen.rollout.waived
    verdicts = judge(seen.rollout.evidence)
    return tuple(v for v in verdicts if v.required and v.verdict is not Verdict.PASS and v.name not in waived)


def describe(verdicts: tuple[SignalVerdict, ...]) -> str:
    """The verdicts' sentences in one."""
    return "; ".join(f"{verdict.name}: {verdict.message}" for verdict in verdicts)
