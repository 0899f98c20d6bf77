"""From nothing to a serving revision: Pending and Failed."""

from serinus.core import reasons
from serinus.core.decision import Input, Step, go, stay
from serinus.core.observation import Problem
from serinus.core.policies.closing import alias_owed, remember_promoted
from serinus.core.policies.serving import serves_everything, stable_label, status_of
from serinus.core.policies.starting import start_rollout
from serinus.core.revision import Revision
from serinus.core.state import Phase


def bring_up_first_revision(seen: Input) -> Step | None:
    """The registry's promoted version is served first, so that a rebuilt cluster never starts with an unjudged one."""
    if seen.state.has_served:
        return None
    wanted = first_revision(seen)
    if isinstance(wanted, Problem) and seen.state.stable:
        return None
    if isinstance(wanted, Problem):
        return Step(seen.state) if wanted.passing else stay(seen, wanted.reason, wanted.message)
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
    status = status_of(seen, seen.state.stable)
    if status and status.failed:
        mend = "put another version in the spec, or repair it and `serinus retry`"
        message = f"{stable_label(seen)} cannot start: {status.message}; {mend}"
        return go(seen, Phase.FAILED, reasons.REVISION_FAILED, message)
    if seen.state.stable and seen.in_phase_for() > seen.spec.rollout.ready_deadline:
        why = f": {status.message}" if status and status.message else ""
        message = f"{stable_label(seen)} was not ready within its readyDeadline{why}; `serinus retry` tries again"
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
        alias_move=alias_owed(seen, stable.artifact),
    )


def wait_for_first_revision(seen: Input) -> Step | None:
    """Stay as it is; readiness may still come."""
    return Step(seen.state)


def start_over_after_failure(seen: Input) -> Step | None:
    """A late readiness or another version ends a failure."""
    stable = seen.state.stable
    if stable and serves_everything(seen, stable):
        message = f"{stable.label} became ready and serves all requests"
        promoted, owed = remember_promoted(seen.state, stable.id), alias_owed(seen, stable.artifact)
        return go(seen, Phase.STABLE, reasons.FIRST_REVISION_READY, message, promoted=promoted, alias_move=owed)
    if not seen.state.has_served:
        return bring_up_first_revision(seen)
    if seen.target is None or stable is None or seen.target.id == stable.id or seen.state.rejection_of(seen.target.id):
        return None
    return start_rollout(seen, seen.target, reasons.ROLLOUT_STARTED, f"bringing up {seen.target.label}")
