"""What people ask for: each request is carried out or refused with a sentence, exactly once."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from serinus.core import reasons
from serinus.core.decision import Input, Step, change_rollout, go
from serinus.core.observation import Action, Problem, Verb
from serinus.core.policies.closing import failing, promote, take_back
from serinus.core.policies.shares import at_share
from serinus.core.policies.starting import start_rollout
from serinus.core.policies.stepping import advance, is_pause
from serinus.core.retraining.asking import asked_by_person, why_not_asked
from serinus.core.state import IN_ROLLOUT, Outcome, Phase, Rejection

POSSIBLE_IN: Final[Mapping[Verb, frozenset[Phase]]] = {
    Verb.PROMOTE: frozenset({Phase.PROGRESSING, Phase.PAUSED, Phase.AWAITING_APPROVAL}),
    Verb.ABORT: frozenset(IN_ROLLOUT - {Phase.ROLLING_BACK}),
    Verb.RETRY: frozenset({Phase.ROLLED_BACK, Phase.FAILED}),
    Verb.PAUSE: frozenset({Phase.PROGRESSING}),
    Verb.RESUME: frozenset({Phase.PAUSED}),
    Verb.ROLLBACK: frozenset({Phase.STABLE}),
    Verb.RETRAIN: frozenset(Phase),
}


def act_on_request(seen: Input) -> Step | None:
    """Carry out the request that was not handled yet, if it fits the phase and the rollout it was meant for."""
    action = seen.observed.action
    if action is None or action.nonce == seen.state.handled_nonce:
        return None
    refusal = why_refused(seen, action)
    if refusal:
        return _handled(Step(seen.state), action, f"{action.verb} was refused: {refusal}", refused=True)
    if action.verb is Verb.RETRAIN:
        state, message = asked_by_person(seen, action)
        return _handled(Step(state), action, message)
    done = f"{action.verb} by {action.by or 'unknown'}"
    return _handled(_VERBS[action.verb](seen, action.by or "unknown"), action, done)


def why_refused(seen: Input, action: Action) -> str:
    """Why the request cannot be carried out now, or an empty string."""
    state = seen.state
    if action.verb is Verb.RETRAIN:
        return why_not_asked(seen)
    if action.rollout_id and action.rollout_id != state.latest_rollout:
        latest = state.latest_rollout or "none"
        return (
            f"it was meant for rollout {action.rollout_id}, but the latest is {latest}; look again with `serinus get`"
        )
    if state.phase not in POSSIBLE_IN[action.verb]:
        possible = ", ".join(sorted(POSSIBLE_IN[action.verb]))
        return f"the phase is {state.phase}; it is possible in {possible}"
    problem = seen.observed.target
    if action.verb is Verb.RETRY and state.phase is Phase.ROLLED_BACK and isinstance(problem, Problem):
        return f"what the spec asks for cannot be tried: {problem.message}; then try again"
    if action.verb is Verb.ROLLBACK and state.former is None:
        return "nothing served before the version that serves now; put another version in the spec"
    return ""


def _handled(step: Step, action: Action, message: str, *, refused: bool = False) -> Step:
    answer = {"handled_nonce": action.nonce, "action_message": message, "action_refused": refused}
    state = step.state.model_copy(update=answer)
    return Step(state, step.requeue_after)


def _promote(seen: Input, by: str) -> Step:
    return promote(seen, reasons.PROMOTED_BY_USER, f"{seen.rollout.candidate.label} is promoted on request of {by}")


def _abort(seen: Input, by: str) -> Step:
    message = f"{seen.rollout.candidate.label} was aborted on request of {by}; `serinus retry` starts it again"
    return take_back(seen, Outcome.ABORTED, reasons.ABORTED_BY_USER, message, rejects=True)


def _retry(seen: Input, by: str) -> Step:
    message = f"tried again on request of {by}"
    if seen.state.phase is Phase.FAILED or seen.target is None:
        return go(seen, Phase.PENDING, reasons.RETRIED, message)
    if seen.state.stable and seen.target.id == seen.state.stable.id:
        return Step(seen.state)
    return start_rollout(seen, seen.target, reasons.RETRIED, f"{seen.target.label} is {message}")


def _pause(seen: Input, by: str) -> Step:
    return go(seen, Phase.PAUSED, reasons.PAUSED_BY_USER, f"paused at {at_share(seen.rollout)} on request of {by}")


def _resume(seen: Input, by: str) -> Step:
    """Go on with new deadlines; a pause step is over, and the signals that failed are waived."""
    waived = (*seen.rollout.waived, *_waived_now(seen))
    rollout = change_rollout(seen, deadline_since=seen.now, stage_since=seen.now, waived=waived)
    if is_pause(rollout):
        return advance(replace(seen, state=seen.state.model_copy(update={"rollout": rollout})))
    return go(seen, Phase.PROGRESSING, reasons.RESUMED, f"resumed on request of {by}", rollout=rollout)


def _waived_now(seen: Input) -> tuple[str, ...]:
    """The failed signals that a person who resumes has read about: where answers have drifted, not what fails just now."""
    if seen.state.reason not in (reasons.SIGNAL_FAILED, reasons.CANDIDATE_DRIFTED):
        return ()
    drifted = seen.state.reason == reasons.CANDIDATE_DRIFTED
    return tuple(verdict.name for verdict in failing(seen) if verdict.only_pauses or not drifted)


def _rollback(seen: Input, by: str) -> Step:
    """Go back to what served before. The spec still asks for the revision that is left, so that one is quarantined."""
    stable, former = seen.state.stable, seen.state.former
    if stable is None or former is None:
        raise AssertionError("rollback was not refused although nothing served before")
    message = f"{stable.label} was rolled back on request of {by}"
    step = start_rollout(seen, former, reasons.ROLLED_BACK_BY_USER, f"{message}; going back to {former.label}")
    rollout = step.state.rollout
    if rollout is None:
        return step
    leaves = Rejection(
        revision=stable.id,
        label=stable.label,
        rollout_id=rollout.id,
        reason=reasons.ROLLED_BACK_BY_USER,
        message=message,
        at=seen.now,
    )
    changed = rollout.model_copy(update={"leaves": leaves})
    return Step(step.state.model_copy(update={"rollout": changed}), step.requeue_after)


_VERBS: Final[Mapping[Verb, Callable[[Input, str], Step]]] = {
    Verb.PROMOTE: _promote,
    Verb.ABORT: _abort,
    Verb.RETRY: _retry,
    Verb.PAUSE: _pause,
    Verb.RESUME: _resume,
    Verb.ROLLBACK: _rollback,
}
