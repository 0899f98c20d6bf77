"""Paused and AwaitingApproval: the weight stays, the signals are still judged, and nobody waits for ever."""

from datetime import timedelta

from serinus.core import reasons
from serinus.core.decision import Input, Step
from serinus.core.policies.closing import take_back
from serinus.core.policies.stepping import advance, is_pause
from serinus.core.spec import PauseStep
from serinus.core.state import Outcome


def go_on_when_pause_is_over(seen: Input) -> Step | None:
    """A pause step with a duration ends by itself."""
    duration = timed_pause(seen)
    return None if duration is None or seen.in_phase_for() < duration else advance(seen)


def timed_pause(seen: Input) -> timedelta | None:
    """How long the pause step lasts that is under way, or None if it is another pause, or waits for a person."""
    if not is_pause(seen.rollout) or seen.state.reason != reasons.PAUSE_STEP:
        return None
    step = seen.rollout.policy.steps[seen.rollout.step]
    return step.pause.duration if isinstance(step, PauseStep) else None


def take_back_when_nobody_answers(seen: Input) -> Step | None:
    """Waiting for a person ends at the policy's deadline, on the safe side."""
    if timed_pause(seen) is not None or seen.in_phase_for() <= seen.rollout.policy.deadline:
        return None
    message = f"{seen.rollout.candidate.label} waited in {seen.state.phase} for its whole deadline and nobody answered"
    return take_back(seen, Outcome.ABORTED, reasons.DEADLINE_EXCEEDED, message, rejects=True)


def wait_for_people(seen: Input) -> Step | None:
    """Stay as it is."""
    return Step(seen.state)
