"""From a serving revision to a candidate that is up beside it: Stable, RolledBack and Deploying."""

from serinus.core import reasons
from serinus.core.analysis import Evidence, begin
from serinus.core.decision import IDLE, SOON, Input, Step, change_rollout, go, stay
from serinus.core.observation import Problem
from serinus.core.policies.closing import promote, take_back
from serinus.core.policies.serving import stable_label, stable_replicas, status_of
from serinus.core.revision import Revision
from serinus.core.spec import RolloutPolicy, Strategy
from serinus.core.state import Outcome, Phase, Rollout, RolloutState, Stage, WeightChange

ATTEMPTS_LENGTH = 100

# ---- Stable and RolledBack: one revision serves


def report_unresolved_target(seen: Input) -> Step | None:
    """What serves goes on serving; the reason says why the spec cannot be followed."""
    problem = seen.observed.target
    if not isinstance(problem, Problem) or seen.state.phase is Phase.ROLLED_BACK:
        return None
    if problem.passing:
        return Step(seen.state)
    message = f"{problem.message} ({stable_label(seen)} goes on serving)"
    asks_again = SOON if problem.reason == reasons.TARGET_UNRESOLVED else IDLE
    return stay(seen, problem.reason, message, asks_again)


def begin_rollout(seen: Input) -> Step | None:
    """The spec asks for another revision than the one that serves."""
    target, stable = seen.target, seen.state.stable
    if target is None or stable is None:
        return None
    if target.id == stable.id:
        if seen.state.phase is Phase.STABLE:
            return None
        return go(seen, Phase.STABLE, reasons.SERVING, f"{stable.label} serves all requests, as the spec asks")
    rejection = seen.state.rejection_of(target.id)
    if rejection is None:
        message = f"bringing up {target.label} beside {stable.label}"
        return start_rollout(seen, target, reasons.ROLLOUT_STARTED, message)
    message = (
        f"{rejection.label} was rejected ({rejection.reason}: {rejection.message}); {stable.label} goes on "
        "serving; put another version in the spec, or ask for it again with `serinus retry`"
    )
    if seen.state.phase is Phase.ROLLED_BACK and seen.state.message == message:
        return None
    return go(seen, Phase.ROLLED_BACK, rejection.reason, message)


def remain_stable(seen: Input) -> Step | None:
    """Nothing to do; what stood against a target for a while is no reason any more."""
    state = seen.state
    overcome = (reasons.TARGET_UNRESOLVED, reasons.SPEC_INVALID, reasons.MIRRORING_UNAVAILABLE)
    if isinstance(seen.observed.target, Revision) and state.phase is Phase.STABLE and state.reason in overcome:
        message = f"{stable_label(seen)} serves all requests, as the spec asks"
        state = state.model_copy(update={"reason": reasons.SERVING, "message": message})
    return Step(state, IDLE)


def start_rollout(seen: Input, target: Revision, reason: str, message: str) -> Step:
    """Bring the target up beside stable, with the policy as it is now and an attempt's share of alpha."""
    state, policy = seen.state, seen.spec.rollout
    attempt = state.attempts.get(target.id, 0) + 1
    number = state.rollouts_started + 1
    rollout = Rollout(
        id=f"{seen.now:%Y%m%d-%H%M%S}-{number}-{target.id}",  # unique also where a lost state began to count anew
        attempt=attempt,
        candidate=target,
        policy=policy,
        started_at=seen.now,
        stage_since=seen.now,
        deadline_since=seen.now,
        weights=(WeightChange(at=seen.now, weight=0),),
        evidence=no_evidence(seen, policy, target, attempt),
        stable_replicas=stable_replicas(seen),
    )
    return go(
        seen,
        Phase.DEPLOYING,
        reason,
        message,
        rollout=rollout,
        rollouts_started=number,
        attempts=attempts_with(state, target.id, attempt),
        rejected=tuple(entry for entry in state.rejected if entry.revision != target.id),
    )


def attempts_with(state: RolloutState, revision: str, attempt: int) -> dict[str, int]:
    """How often each revision was tried, the latest last; those tried long ago are forgotten."""
    others = {name: number for name, number in state.attempts.items() if name != revision}
    return dict([*others.items(), (revision, attempt)][-ATTEMPTS_LENGTH:])


def no_evidence(seen: Input, policy: RolloutPolicy, candidate: Revision, attempt: int) -> Evidence:
    """Evidence that begins now: what was counted before is not about this rollout."""
    return begin(
        policy.signals,
        alpha=policy.alpha,
        attempt=attempt,
        candidate=candidate.id,
        stable=seen.state.stable.id if seen.state.stable else "",
        since=seen.now,
    )


# ---- Deploying: the candidate comes up with weight 0


def reject_candidate_that_cannot_start(seen: Input) -> Step | None:
    """A candidate that cannot come up never gets a request."""
    candidate = seen.rollout.candidate
    status = status_of(seen, candidate)
    why = f": {status.message}" if status and status.message else ""
    if status and status.failed:
        message = f"{candidate.label} cannot start{why}"
        return take_back(seen, Outcome.ROLLED_BACK, reasons.CANDIDATE_FAILED, message, rejects=True)
    if seen.in_phase_for() > seen.rollout.policy.ready_deadline:
        message = f"{candidate.label} was not ready within its readyDeadline{why}"
        return take_back(seen, Outcome.ROLLED_BACK, reasons.CANDIDATE_NOT_READY, message, rejects=True)
    return None


def start_steps_when_candidate_is_ready(seen: Input) -> Step | None:
    """First step; or straight to promotion for a revision that was promoted before, or under strategy Immediate."""
    candidate = seen.rollout.candidate
    if not seen.observed.serving.ready(candidate.id):
        return None
    if candidate.id in seen.state.promoted:
        return promote(seen, reasons.KNOWN_GOOD, f"{candidate.label} was promoted before, so it takes over at once")
    if seen.rollout.policy.strategy is Strategy.IMMEDIATE:
        return promote(
            seen, reasons.IMMEDIATE, f"{candidate.label} is ready and takes over at once, as the strategy says"
        )
    rollout = change_rollout(
        seen,
        step=0,
        stage=Stage.SCALING,
        stage_since=seen.now,
        evidence=no_evidence(seen, seen.rollout.policy, candidate, seen.rollout.attempt),
        stable_replicas=stable_replicas(seen),
    )
    return go(seen, Phase.PROGRESSING, reasons.CANDIDATE_READY, f"{candidate.label} is ready", rollout=rollout)


def wait_for_candidate(seen: Input) -> Step | None:
    """Stay as it is; readiness or the deadline will come."""
    return Step(seen.state)
