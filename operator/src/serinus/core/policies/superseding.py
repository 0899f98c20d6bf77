"""The spec changes while a rollout is under way."""

from serinus.core import reasons
from serinus.core.decision import Input, Step
from serinus.core.policies.closing import take_back
from serinus.core.revision import Revision
from serinus.core.spec import WhenSuperseded
from serinus.core.state import Outcome


def _wanted(seen: Input) -> Revision | None:
    """What the spec asks for, unless a person is just rolling back from it: an unchanged spec does not overrule them."""
    leaves = seen.rollout.leaves
    return None if seen.target and leaves and leaves.revision == seen.target.id else seen.target


def abort_when_target_is_stable_again(seen: Input) -> Step | None:
    """A Git revert: back to stable at once, whatever whenSuperseded says, and nobody is quarantined."""
    target, stable = _wanted(seen), seen.state.stable
    if target is None or stable is None or target.id != stable.id:
        return None
    message = f"the spec asks for {stable.label} again, so {seen.rollout.candidate.label} was taken back; it is not quarantined"
    return take_back(seen, Outcome.ABORTED, reasons.TARGET_REVERTED, message, rejects=False)


def supersede_when_target_changed(seen: Input) -> Step | None:
    """A third revision arrives: start over with it (Restart), or finish this rollout first (Queue)."""
    target, candidate = _wanted(seen), seen.rollout.candidate
    if target is None or target.id == candidate.id:
        return None
    if seen.rollout.policy.when_superseded is WhenSuperseded.QUEUE:
        return None
    message = f"the spec asks for {target.label} now, so {candidate.label} was taken back; it is not quarantined"
    return take_back(seen, Outcome.SUPERSEDED, reasons.SUPERSEDED, message, rejects=False)
