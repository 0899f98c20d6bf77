"""Paused and AwaitingApproval: the weight stays, the signals are still judged, and nobody waits for ever."""

from serinus.core import reasons
from serinus.core.decision import Input, Step
from serinus.core.policies.closing import take_back
from serinus.core.policies.stepping import advance, is_pause
from serinus.core.spec import PauseStep
from serinus.core.state import Outcome


def go_on_when_pause_is_over(seen: Input) -> Step | None:
    """A pause step with a duration ends by itself."""
    if not is_pause(seen.rollout) or seen.state.reason != reasons.PAUSE_STEP:
        return None
    step = seen.rollout.policy.steps[seen.rollout.step]
    if not isinstance(step, PauseStep) or step.pause.duration is None or seen.in_phase_for() < step.pause.duration:
        return None
    return advance(seen)


def take_back_when_nobody_answers(seen: Input) -> Step | None:
    """Waiting for a person ends at the policy's deadline, on the safe side."""
    if seen.in_phase_for() <= seen.rollout.policy.deadline:
        return None
    message = f"{seen.rollout.candidate.label} waited in {seen.state.phase} for its whole deadline and nobody answered"
    return take_back(seen, Outcome.ABORTED, reasons.DEADLINE_EXCEEDED, message, rejects=True)


def wait_for_people(seen: Input) -> Step | None:
    """Stay as it is."""
    return Step(seen.state)
