"""The wanted world as a pure function of the state: applying it again after a crash repairs whatever was left half done."""

import math

from serinus.core.plan import HeaderMatch, Role, ServedRevision, ServingPlan
from serinus.core.revision import Revision
from serinus.core.spec import LatencySignal, ModelDeploymentSpec, RolloutPolicy, Strategy, WeightStep
from serinus.core.state import Phase, Rollout, RolloutState


def plan(spec: ModelDeploymentSpec, state: RolloutState) -> ServingPlan:
    """Which revisions run and how requests are split between them in this state."""
    policy = state.rollout.policy if state.rollout else spec.rollout
    return ServingPlan(
        served=tuple(
            ServedRevision(revision, role, spec.serving.min_replicas, needed_replicas(spec, state, role))
            for revision, role in _served(state).values()
        ),
        weights=_weights(state),
        match=_match(policy, state),
        sticky=policy.sticky,
        latency_edges_seconds=latency_edges(spec.rollout, policy),
        mirror=mirrored_share(state),
    )


def needed_replicas(spec: ModelDeploymentSpec, state: RolloutState, role: Role) -> int:
    """The replicas that a revision needs for its share, told from what stable had with all requests; at most maxReplicas."""
    if state.rollout is None or role not in (Role.STABLE, Role.CANDIDATE):
        return 0
    percent = 100 if role is Role.STABLE else _share_to_come(state.phase, state.rollout)
    most = spec.serving.max_replicas or spec.serving.min_replicas
    return min(most, math.ceil(state.rollout.stable_replicas * percent / 100))


def _share_to_come(phase: Phase, rollout: Rollout) -> int:
    """The largest share that the candidate has or gets in the step under way, in percent."""
    policy = rollout.policy
    if phase is Phase.PROMOTING or policy.strategy in (Strategy.IMMEDIATE, Strategy.BLUE_GREEN):
        return 100
    step = policy.steps[rollout.step] if rollout.step < len(policy.steps) else None
    return max(rollout.weight, rollout.mirror, step.weight if isinstance(step, WeightStep) else 0)


def latency_edges(*policies: RolloutPolicy) -> tuple[float, ...]:
    """Every latency threshold of the policies, in seconds, ascending."""
    signals = [signal for policy in policies for signal in policy.signals]
    return tuple(sorted({s.threshold.total_seconds() for s in signals if isinstance(s, LatencySignal)}))


def candidate_weight(state: RolloutState) -> int:
    """The candidate's share in percent."""
    match state.phase:
        case Phase.PROMOTING:
            return 100
        case Phase.PROGRESSING | Phase.PAUSED | Phase.AWAITING_APPROVAL:
            return state.rollout.weight if state.rollout else 0
        case _:
            return 0


def mirrored_share(state: RolloutState) -> int:
    """The share of requests that is copied to the candidate, in percent."""
    trying = state.phase in (Phase.PROGRESSING, Phase.PAUSED, Phase.AWAITING_APPROVAL)
    return state.rollout.mirror if state.rollout and trying else 0


def told_share(state: RolloutState) -> str:
    """What the candidate gets, as people read it: `20 %`, or `0 % (mirrors 20 %)`."""
    mirrored = mirrored_share(state)
    return f"{candidate_weight(state)} %" + (f" (mirrors {mirrored} %)" if mirrored else "")


def _served(state: RolloutState) -> dict[str, tuple[Revision, Role]]:
    served = {}
    if state.kept:
        served[state.kept.revision.id] = (state.kept.revision, Role.REJECTED)
    if state.warm:
        served[state.warm.revision.id] = (state.warm.revision, Role.WARM)
    if state.rollout:
        served[state.rollout.candidate.id] = (state.rollout.candidate, Role.CANDIDATE)
    if state.stable:
        served[state.stable.id] = (state.stable, Role.STABLE)
    return served


def _weights(state: RolloutState) -> tuple[tuple[str, int], ...]:
    share = candidate_weight(state)
    weights = [(state.stable.id, 100 - share)] if state.stable else []
    if state.rollout:
        weights.append((state.rollout.candidate.id, share))
    return tuple(weights)


def _match(policy: RolloutPolicy, state: RolloutState) -> HeaderMatch | None:
    """Testers reach the candidate by header once it may have traffic, and no longer."""
    if policy.match is None or state.phase not in (Phase.PROGRESSING, Phase.PAUSED, Phase.AWAITING_APPROVAL):
        return None
    return HeaderMatch(policy.match.header.name, policy.match.header.value)
