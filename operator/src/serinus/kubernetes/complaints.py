"""What keeps a deployment from being reconciled, as its status says it: the state itself stays as it was."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from serinus.core.state import Phase

DEGRADED: Final = "Degraded"
LONGEST: Final = 1024  # characters of a sentence; what is longer is an answer of some server


@dataclass(frozen=True)
class Complaint:
    """A reason in CamelCase, and a sentence that says what to do."""

    reason: str
    message: str

    @classmethod
    def about(cls, error: Exception) -> "Complaint":
        """What an error says."""
        text = str(error) or type(error).__name__
        return cls(type(error).__name__, text if len(text) <= LONGEST else text[: LONGEST - 3] + "...")


def with_complaint(
    status: Mapping[str, Any], complaint: Complaint, generation: int, now: datetime
) -> dict[str, Any] | None:
    """The fields of the status to change, or None where it says so already."""
    former = {condition["type"]: condition for condition in status.get("conditions", [])}
    wanted = dict(former)
    wanted[DEGRADED] = _condition(former, DEGRADED, "True", complaint, now)
    changes: dict[str, Any] = {
        "observedGeneration": generation,
        "reason": complaint.reason,
        "message": complaint.message,
    }
    if "checkpoint" not in status:
        wanted |= {kind: _condition(former, kind, "False", complaint, now) for kind in ("Ready", "Progressing")}
        changes["phase"] = str(Phase.FAILED)
    if wanted == former and status.get("observedGeneration") == generation:
        return None
    return {**changes, "conditions": list(wanted.values())}


def _condition(
    former: Mapping[str, dict[str, Any]], kind: str, status: str, complaint: Complaint, now: datetime
) -> dict[str, Any]:
    """A condition whose time moves only with its status."""
    same = kind in former and former[kind]["status"] == status
    since = former[kind]["lastTransitionTime"] if same else f"{now:%Y-%m-%dT%H:%M:%SZ}"
    content = {"type": kind, "status": status, "reason": complaint.reason, "message": complaint.message}
    return {**content, "lastTransitionTime": since}
