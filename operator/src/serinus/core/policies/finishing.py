"""Promoting and RollingBack: over when the route was *accepted*, never by counting requests (there may be none)."""

from serinus.core import reasons
from serinus.core.decision import Input, Step, go, stay
from serinus.core.policies.closing import alias_owed, close_rollout, rejected_with, remember_promoted, take_back
from serinus.core.policies.serving import serves_everything
from serinus.core.state import Ending, Outcome, Phase, Warm


def finish_promotion(seen: Input) -> Step | None:
    """The candidate has all requests: it is stable now, and what served before stays warm."""
    rollout, former = seen.rollout, seen.state.stable
    if not serves_everything(seen, rollout.candidate):
        return None
    ending = Ending(outcome=Outcome.PROMOTED, reason=seen.state.reason, message=seen.state.message, rejects=False)
    keep_warm = seen.spec.serving.keep_warm
    warm = Warm(revision=former, until=seen.now + keep_warm) if former and keep_warm else None
    return go(
        seen,
        Phase.STABLE,
        reasons.PROMOTED,
        f"{rollout.candidate.label} serves all requests ({seen.state.reason}: {seen.state.message})",
        **{
            **close_rollout(seen, ending),
            "stable": rollout.candidate,
            "warm": warm,
            "former": former,
            "rejected": rejected_with(seen.state, rollout.leaves),
            "promoted": remember_promoted(seen.state, rollout.candidate.id, rollout.leaves),
            "alias_move": alias_owed(seen, rollout.candidate.artifact),
        },
    )


def take_back_a_stuck_promotion(seen: Input) -> Step | None:
    """A promotion that is not accepted in time goes back rather than hang."""
    if seen.in_phase_for() <= seen.rollout.policy.ready_deadline:
        return None
    label = seen.rollout.candidate.label
    if not seen.observed.serving.ready(seen.rollout.candidate.id):
        message = f"{label} had not the replicas for all requests within readyDeadline; is there room for them?"
        return take_back(seen, Outcome.ROLLED_BACK, reasons.CANDIDATE_NOT_READY, message, rejects=True)
    message = f"the route did not give {label} all requests within readyDeadline"
    return take_back(seen, Outcome.ROLLED_BACK, reasons.ROUTE_NOT_ACCEPTED, message, rejects=True)


def wait_for_promotion(seen: Input) -> Step | None:
    """Stay as it is; acceptance or the deadline will come."""
    return Step(seen.state)


def finish_rollback(seen: Input) -> Step | None:
    """Stable has all requests again: a rejected candidate stays out, any other may come back."""
    stable, ending = seen.state.stable, seen.rollout.ending
    if stable is None or ending is None:
        raise AssertionError("RollingBack without a stable revision or an ending")
    if seen.observed.serving.weights.get(stable.id) != 100 or any(seen.observed.serving.mirror.values()):
        return None
    phase = Phase.ROLLED_BACK if ending.rejects else Phase.STABLE
    return go(seen, phase, ending.reason, ending.message, **close_rollout(seen, ending), kept=_kept(seen, ending))


def _kept(seen: Input, ending: Ending) -> Warm | None:
    """A rejected candidate, so that people can look at it; what was merely superseded is not looked at."""
    keep = seen.spec.serving.diagnostics_ttl
    return Warm(revision=seen.rollout.candidate, until=seen.now + keep) if ending.rejects and keep else seen.state.kept


def wait_for_rollback(seen: Input) -> Step | None:
    """Stay; but say so loudly when the route does not follow."""
    ending = seen.rollout.ending
    if ending is None or seen.in_phase_for() <= seen.rollout.policy.ready_deadline:
        return stay(seen, seen.state.reason, seen.state.message)
    message = f"the route did not give stable all requests within readyDeadline; look at the serving backend ({ending.message})"
    return go(seen, Phase.FAILED, reasons.ROUTE_NOT_ACCEPTED, message, **close_rollout(seen, ending))
