"""From nothing to a serving revision, and from a serving revision to a candidate that is up beside it."""

from serinus.core import reasons
from serinus.core.analysis import Evidence, begin
from serinus.core.decision import IDLE, Input, Step, change_rollout, go, stay
from serinus.core.observation import Problem, RevisionStatus
from serinus.core.policies.closing import alias_owed, promote, remember_promoted, take_back
from serinus.core.revision import Revision
from serinus.core.spec import RolloutPolicy, Strategy
from serinus.core.state import Outcome, Phase, Rollout, Stage, WeightChange

# ---- Pending and Failed: nothing serves yet


def bring_up_first_revision(seen: Input) -> Step | None:
    """The registry's promoted version is served first, so that a rebuilt cluster never starts with an unjudged one."""
    if seen.state.has_served:
        return None
    wanted = first_revision(seen)
    if isinstance(wanted, Problem):
        return None if seen.state.stable else stay(seen, wanted.reason, wanted.message)
    if seen.state.stable and seen.state.stable.id == wanted.id:
        return None
    message = f"bringing up {wanted.label}"
    if seen.target and seen.target.id != wanted.id:
        message += f", the version that was promoted before; {seen.target.label} follows as a rollout"
    return go(seen, Phase.PENDING, reasons.WAITING_FOR_READINESS, message, stable=wanted, phase_since=seen.now)


def first_revision(seen: Input) -> Revision | Problem:
    """What to serve first, or why that cannot be told."""
    return seen.observed.promoted if seen.observed.promoted is not None else seen.observed.target


def fail_first_revision(seen: Input) -> Step | None:
    """Nothing can serve: the revision cannot start, or did not in time."""
    status = _status(seen, seen.state.stable)
    if status and status.failed:
        return go(seen, Phase.FAILED, reasons.REVISION_FAILED, f"{_label(seen)} cannot start: {status.message}")
    if seen.state.stable and seen.in_phase_for() > seen.spec.rollout.ready_deadline:
        why = f": {status.message}" if status and status.message else ""
        message = f"{_label(seen)} was not ready within its readyDeadline{why}; `serinus retry` tries again"
        return go(seen, Phase.FAILED, reasons.NOT_READY_IN_TIME, message)
    return None


def serve_first_revision(seen: Input) -> Step | None:
    """The first revision is ready and has all requests."""
    stable = seen.state.stable
    if stable is None or not serves_everything(seen, stable):
        return None
    return go(
        seen,
        Phase.STABLE,
        reasons.FIRST_REVISION_READY,
        f"{stable.label} serves all requests; it is the first revision, so there was nothing to compare it with",
        promoted=remember_promoted(seen.state, stable.id),
        alias_move=alias_owed(seen, stable.artifact.version),
    )


def wait_for_first_revision(seen: Input) -> Step | None:
    """Stay as it is; readiness may still come."""
    return Step(seen.state)


def start_over_after_failure(seen: Input) -> Step | None:
    """A late readiness or another version ends a failure."""
    stable = seen.state.stable
    if stable and serves_everything(seen, stable):
        message = f"{stable.label} became ready and serves all requests"
        promoted, owed = remember_promoted(seen.state, stable.id), alias_owed(seen, stable.artifact.version)
        return go(seen, Phase.STABLE, reasons.FIRST_REVISION_READY, message, promoted=promoted, alias_move=owed)
    if not seen.state.has_served:
        return bring_up_first_revision(seen)
    if seen.target is None or stable is None or seen.target.id == stable.id or seen.state.rejection_of(seen.target.id):
        return None
    return start_rollout(seen, seen.target, reasons.ROLLOUT_STARTED, f"bringing up {seen.target.label}")


def serves_everything(seen: Input, revision: Revision) -> bool:
    """Whether the revision is ready and the route was accepted with all requests going to it."""
    return seen.observed.serving.ready(revision.id) and seen.observed.serving.weights.get(revision.id) == 100


# ---- Stable and RolledBack: one revision serves


def report_unresolved_target(seen: Input) -> Step | None:
    """What serves goes on serving; the reason says why the spec cannot be followed."""
    problem = seen.observed.target
    if not isinstance(problem, Problem) or seen.state.phase is Phase.ROLLED_BACK:
        return None
    message = f"{problem.message} ({_label(seen)} goes on serving)"
    return stay(seen, problem.reason, message)


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
        f"{rejection.label} was rejected before ({rejection.reason}: {rejection.message}); {stable.label} goes on "
        "serving; put another version in the spec, or ask for it again with `serinus retry`"
    )
    if seen.state.phase is Phase.ROLLED_BACK and seen.state.message == message:
        return None
    return go(seen, Phase.ROLLED_BACK, rejection.reason, message)


def remain_stable(seen: Input) -> Step | None:
    """Nothing to do; a target that could not be resolved for a while is no reason any more."""
    state = seen.state
    if isinstance(seen.observed.target, Revision) and state.reason in (
        reasons.TARGET_UNRESOLVED,
        reasons.REGISTRY_UNAVAILABLE,
    ):
        message = f"{_label(seen)} serves all requests, as the spec asks"
        state = state.model_copy(update={"reason": reasons.SERVING, "message": message})
    return Step(state, IDLE)


def start_rollout(seen: Input, target: Revision, reason: str, message: str) -> Step:
    """Bring the target up beside stable, with the policy as it is now and an attempt's share of alpha."""
    state, policy = seen.state, seen.spec.rollout
    attempt = state.attempts.get(target.id, 0) + 1
    number = state.rollouts_started + 1
    rollout = Rollout(
        id=f"{number}-{target.id}",
        attempt=attempt,
        candidate=target,
        policy=policy,
        started_at=seen.now,
        stage_since=seen.now,
        deadline_since=seen.now,
        weights=(WeightChange(at=seen.now, weight=0),),
        evidence=no_evidence(seen, policy, target, attempt),
    )
    return go(
        seen,
        Phase.DEPLOYING,
        reason,
        message,
        rollout=rollout,
        rollouts_started=number,
        attempts={**state.attempts, target.id: attempt},
        rejected=tuple(entry for entry in state.rejected if entry.revision != target.id),
    )


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
    status = _status(seen, candidate)
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
    )
    return go(seen, Phase.PROGRESSING, reasons.CANDIDATE_READY, f"{candidate.label} is ready", rollout=rollout)


def wait_for_candidate(seen: Input) -> Step | None:
    """Stay as it is; readiness or the deadline will come."""
    return Step(seen.state)


def _status(seen: Input, revision: Revision | None) -> RevisionStatus | None:
    return seen.observed.serving.revisions.get(revision.id) if revision else None


def _label(seen: Input) -> str:
    return seen.state.stable.label if seen.state.stable else "nothing"
