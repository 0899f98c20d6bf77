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


def stable_label(seen: Input) -> str:
    """How people name what serves."""
    return seen.state.stable.label if seen.state.stable else "nothing"
