"""Strategies that copy requests, where nothing can copy them: refused in words, before anything is shifted."""

from serinus.core import reasons
from serinus.core.decision import IDLE, Input, Step, stay
from serinus.core.policies.closing import take_back
from serinus.core.policies.serving import stable_label
from serinus.core.revision import Revision
from serinus.core.spec import RolloutPolicy, WeightStep
from serinus.core.state import Outcome


def refuse_to_begin_without_a_mirror(seen: Input) -> Step | None:
    """No rollout begins; what serves goes on serving until the strategy is another or requests can be copied."""
    target, stable = seen.target, seen.state.stable
    if target is None or stable is None or target.id == stable.id or seen.state.rejection_of(target.id):
        return None
    why = missing_mirror(seen, seen.spec.rollout, target)
    if not why:
        return None
    message = f"{target.label} is not rolled out: {why} ({stable_label(seen)} goes on serving)"
    return stay(seen, reasons.MIRRORING_UNAVAILABLE, message, IDLE)


def take_back_without_a_mirror(seen: Input) -> Step | None:
    """Requests cannot be copied any more: back to stable, and nobody is quarantined."""
    why = missing_mirror(seen, seen.rollout.policy, seen.rollout.candidate)
    if not why:
        return None
    message = f"{seen.rollout.candidate.label} was taken back; it is not quarantined: {why}"
    return take_back(seen, Outcome.ABORTED, reasons.MIRRORING_UNAVAILABLE, message, rejects=False)


def missing_mirror(seen: Input, policy: RolloutPolicy, candidate: Revision) -> str:
    """Why the policy cannot be followed, or an empty string. What was promoted before takes over without a copy."""
    if not policy.strategy.mirrors or candidate.id in seen.state.promoted:
        return ""
    partial = any(isinstance(step, WeightStep) and step.weight < 100 for step in policy.steps)
    serving = seen.observed.serving
    why = serving.no_mirror or (serving.no_partial_mirror if partial else "")
    return why and f"strategy {policy.strategy} copies requests to the candidate, but {why}; use Canary"
