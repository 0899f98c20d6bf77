"""Questions about what serves, which several policies ask."""

from serinus.core.decision import Input
from serinus.core.observation import RevisionStatus
from serinus.core.revision import Revision


def serves_everything(seen: Input, revision: Revision) -> bool:
    """Whether the revision is ready and the route was accepted with all requests going to it."""
    return seen.observed.serving.ready(revision.id) and seen.observed.serving.weights.get(revision.id) == 100


def status_of(seen: Input, revision: Revision | None) -> RevisionStatus | None:
    """How the revision is doing, or None where nothing of it runs."""
    return seen.observed.serving.revisions.get(revision.id) if revision else None


def stable_replicas(seen: Input) -> int:
    """The most replicas that stable had ready, now or when an earlier step of the rollout began."""
    status, rollout = status_of(seen, seen.state.stable), seen.state.rollout
    return max(status.ready_replicas if status else 0, rollout.stable_replicas if rollout else 0)


def stable_label(seen: Input) -> str:
    """How people name what serves."""
    return seen.state.stable.label if seen.state.stable else "nothing"
