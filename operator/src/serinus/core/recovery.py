"""A state that was lost while its revisions run, told from the registry and from what runs."""

from datetime import datetime

from serinus.core import reasons
from serinus.core.observation import ServingObservation
from serinus.core.revision import Artifact, Revision
from serinus.core.state import Phase, RolloutState


def recovered_state(serving: ServingObservation, promoted: Artifact | None, now: datetime) -> RolloutState | None:
    """The state of a deployment that serves; None if nothing that is known has traffic.

    Stable is what the registry's promoteAlias names, if that runs, else what the route holds for stable, else what has
    most of the traffic. Whatever else the spec asks for starts over as a rollout.
    """
    weights = {name: serving.weights.get(name, 0) for name in serving.known}
    if not any(weights.values()):
        return None
    judged = promoted.digest if promoted else ""

    def likely(one: Revision) -> tuple[bool, bool, int, str]:
        return one.artifact.digest == judged, one.id == serving.stable, weights[one.id], one.id

    stable = max(serving.known.values(), key=likely)
    return RolloutState(
        phase=Phase.STABLE,
        phase_since=now,
        reason=reasons.STATUS_REBUILT,
        message=f"the status was lost; {stable.label} is taken for stable, as registry and route say",
        stable=stable,
        promoted=(stable.id,),
    )
