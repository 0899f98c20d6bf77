"""What a step gives to the candidate, a share of the requests or copies of a share, and how that is told."""

from serinus.core.decision import Input
from serinus.core.state import Rollout


def step_share(rollout: Rollout) -> int:
    """What the candidate gets or is copied at the step under way, in percent."""
    return rollout.mirror if rollout.policy.strategy.mirrors else rollout.weight


def as_share(rollout: Rollout, percent: int) -> dict[str, int]:
    """The rollout's fields that give the candidate a step's share."""
    return {"mirror": percent} if rollout.policy.strategy.mirrors else {"weight": percent}


def is_in_force(seen: Input) -> bool:
    """Whether the route was accepted with the rollout's share."""
    rollout, serving = seen.rollout, seen.observed.serving
    name = rollout.candidate.id
    return serving.weights.get(name, 0) == rollout.weight and serving.mirror.get(name, 0) == rollout.mirror


def gets(rollout: Rollout) -> str:
    """`version 2 gets 20 %`, or `version 2 mirrors 20 %`."""
    verb = "mirrors" if rollout.policy.strategy.mirrors else "gets"
    return f"{rollout.candidate.label} {verb} {step_share(rollout)} %"


def giving(rollout: Rollout, percent: int) -> str:
    """`giving version 2 20 %`, or `mirroring 20 % to version 2`."""
    label = rollout.candidate.label
    return f"mirroring {percent} % to {label}" if rollout.policy.strategy.mirrors else f"giving {label} {percent} %"


def at_share(rollout: Rollout) -> str:
    """`20 %`, or `20 % mirrored`."""
    return f"{step_share(rollout)} %" + (" mirrored" if rollout.policy.strategy.mirrors else "")
