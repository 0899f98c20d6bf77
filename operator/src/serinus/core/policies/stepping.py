"""Moving through the steps: capacity before traffic, traffic before judgement."""

from serinus.core import reasons
from serinus.core.decision import Input, Step, change_rollout, go, stay
from serinus.core.observation import Problem
from serinus.core.policies.closing import promote, take_back
from serinus.core.policies.serving import stable_replicas
from serinus.core.policies.shares import as_share, at_share, gets, giving, is_in_force, step_share
from serinus.core.spec import Approval, PauseStep, Strategy, WeightStep
from serinus.core.state import Outcome, Phase, Rollout, Stage, WeightChange


def is_pause(rollout: Rollout) -> bool:
    """Whether the current step is a pause."""
    return rollout.step < len(rollout.policy.steps) and isinstance(rollout.policy.steps[rollout.step], PauseStep)


def weight_step(rollout: Rollout) -> WeightStep:
    """The current step, which is a weight step."""
    step = rollout.policy.steps[rollout.step]
    if not isinstance(step, WeightStep):
        raise AssertionError(f"step {rollout.step} is a pause")
    return step


def takes_over_next(rollout: Rollout) -> bool:
    """Whether the candidate gets all requests after the current step, looking past pauses: by a weight or promoted."""
    later = [step for step in rollout.policy.steps[rollout.step + 1 :] if isinstance(step, WeightStep)]
    return not later or (later[0].weight == 100 and not rollout.policy.strategy.mirrors)


def advance(seen: Input) -> Step:
    """The next step, or what comes after the last one."""
    rollout = seen.rollout
    if rollout.step + 1 < len(rollout.policy.steps):
        changed = change_rollout(
            seen,
            step=rollout.step + 1,
            stage=Stage.SCALING,
            stage_since=seen.now,
            hold_seconds=0.0,
            stable_replicas=stable_replicas(seen),
            # A pause is not time spent waiting for evidence.
            deadline_since=seen.now if is_pause(rollout) else rollout.deadline_since,
        )
        message = f"step {rollout.step + 1} of {len(rollout.policy.steps)} passed at {at_share(rollout)}"
        return go(seen, Phase.PROGRESSING, reasons.STEP_PASSED, message, rollout=changed)
    label = rollout.candidate.label
    if rollout.policy.strategy is Strategy.SHADOW:
        message = f"{label} passed every step on mirrored requests; strategy Shadow leaves it to a person to promote it"
        return go(
            seen, Phase.AWAITING_APPROVAL, reasons.SHADOW_PASSED, f"{message}: `serinus promote` or `serinus abort`"
        )
    if rollout.policy.approval is Approval.MANUAL:
        message = f"{label} passed every step; it waits for `serinus promote` or `serinus abort`"
        return go(seen, Phase.AWAITING_APPROVAL, reasons.APPROVAL_REQUIRED, message)
    if rollout.proceed or rollout.waived:
        message = f"{label} is promoted although the evidence was not conclusive, as the policy or a person said"
        return promote(seen, reasons.PROCEEDED_INCONCLUSIVE, message)
    return promote(seen, reasons.ALL_SIGNALS_PASSED, f"{label} passed every step and every required signal")


def begin_pause_step(seen: Input) -> Step | None:
    """A pause step holds the weight until its duration is over or a person resumes."""
    if not is_pause(seen.rollout):
        return None
    message = f"paused at {at_share(seen.rollout)} by step {seen.rollout.step + 1}; `serinus resume` goes on"
    return go(seen, Phase.PAUSED, reasons.PAUSE_STEP, message)


def raise_capacity(seen: Input) -> Step | None:
    """No traffic before the replicas that are to answer it are ready."""
    rollout = seen.rollout
    if rollout.stage is not Stage.SCALING or isinstance(seen.observed.metrics, Problem):
        return None
    if seen.observed.serving.ready(rollout.candidate.id):
        weight = weight_step(rollout).weight
        changed = change_rollout(seen, stage=Stage.SHIFTING, stage_since=seen.now, **as_share(rollout, weight))
        return stay(seen, reasons.WEIGHT_SHIFTING, giving(rollout, weight), rollout=changed)
    if seen.now - rollout.stage_since > rollout.policy.ready_deadline:
        message = f"{rollout.candidate.label} was not ready within its readyDeadline"
        return take_back(seen, Outcome.ROLLED_BACK, reasons.CANDIDATE_NOT_READY, message, rejects=True)
    return stay(seen, reasons.WAITING_FOR_READINESS, f"waiting until {rollout.candidate.label} is ready")


def shift_weight(seen: Input) -> Step | None:
    """Judgement of a step begins when the route was accepted with its share."""
    rollout = seen.rollout
    if rollout.stage is not Stage.SHIFTING:
        return None
    if is_in_force(seen):
        changed = change_rollout(
            seen,
            stage=Stage.ANALYSING,
            stage_since=seen.now,
            step_requests=rollout.evidence.candidate_requests,
            weights=(*rollout.weights, WeightChange(at=seen.now, weight=rollout.weight, mirror=rollout.mirror)),
        )
        return stay(seen, reasons.WEIGHT_ACCEPTED, gets(rollout), rollout=changed)
    if seen.now - rollout.stage_since > rollout.policy.ready_deadline:
        message = f"the route did not accept {giving(rollout, step_share(rollout))} within readyDeadline"
        return take_back(seen, Outcome.ROLLED_BACK, reasons.ROUTE_NOT_ACCEPTED, message, rejects=True)
    message = f"waiting until the route is accepted, {giving(rollout, step_share(rollout))}"
    return stay(seen, reasons.WEIGHT_SHIFTING, message)
