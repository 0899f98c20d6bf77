"""The status people read: what a ModelDeployment is doing and why."""

from collections.abc import Mapping
from typing import Any, Final

from serinus.core.planning import candidate_weight, mirrored_share
from serinus.core.spec import ModelDeployment
from serinus.core.state import RolloutState

MACHINE_ONLY: Final[Mapping[str, bool | set[str]]] = {
    **dict.fromkeys(("sequence", "attempts", "unrecorded"), True),
    "rollout": {"curve", "evidence"},
    "retraining": {"counter", "starts", "events", "schedules", "quality"},
    "drift": {"begun_at", "traffic_since", "asked_at", "alarming", "alarming_since", "calm"},
}


def object_of(deployment: ModelDeployment, state: RolloutState) -> dict[str, Any]:
    """The ModelDeployment with its status, as `serinus get -o yaml` prints it."""
    content = deployment.model_dump(mode="json", by_alias=True, exclude_none=True)
    return content | {"status": status_of(state)}


def status_of(state: RolloutState) -> dict[str, Any]:
    """The status section: the state without what only a machine needs."""
    status = state.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=MACHINE_ONLY)
    if state.rollout:
        status["candidate"] = status["rollout"]["candidate"]
        status["rollout"]["weight"] = candidate_weight(state)
        status["rollout"]["mirror"] = mirrored_share(state)
    return status
