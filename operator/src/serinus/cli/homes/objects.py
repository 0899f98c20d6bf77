"""A ModelDeployment of the API server as people see it; the operator's whole state is in `status.checkpoint`."""

import contextlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import ValidationError

from serinus.cli.homes.home import Found
from serinus.core.errors import StateUnreadable
from serinus.core.observation import Problem
from serinus.core.spec import ModelDeployment, ModelDeploymentSpec
from serinus.core.state import Phase, RolloutState, initial_state
from serinus.kubernetes.actions import action_text
from serinus.kubernetes.checkpoint import decoded
from serinus.ports import Key

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
NOT_SEEN: Final = Problem(
    "NotReconciled",
    "no operator has looked at it yet; is one running, and does it watch this namespace? look with `kubectl get pods -A -l "
    "app.kubernetes.io/name=serinus`",
)


def found_of(manifest: dict[str, Any]) -> Found:
    """The deployment with its state. A status that cannot be read is a complaint, never an error."""
    metadata, status = manifest["metadata"], manifest.get("status") or {}
    state, complaint = _state(metadata, status)
    spec = _spec(manifest)
    return Found(
        key=Key(metadata["namespace"], metadata["name"]),
        manifest=_printed(manifest),
        state=state,
        spec=spec,
        complaint=complaint,
        asked=_nonce(manifest),
        notes=_notes(metadata, status, spec),
    )


def _state(metadata: Mapping[str, Any], status: Mapping[str, Any]) -> tuple[RolloutState, Problem | None]:
    checkpoint = status.get("checkpoint", "")
    said = Problem(status.get("reason", ""), status.get("message", ""))
    if not checkpoint:
        problem = said if said.reason else NOT_SEEN
        return _unknown(metadata, status, problem), problem
    try:
        state = decoded(checkpoint)
    except StateUnreadable as error:
        problem = Problem("StateUnreadable", str(error))
        return _unknown(metadata, status, problem), problem
    differs = said.reason and said != Problem(state.reason, state.message)
    return state, said if differs else None


def _unknown(metadata: Mapping[str, Any], status: Mapping[str, Any], problem: Problem) -> RolloutState:
    """What stands for a state that nobody knows."""
    created = datetime.fromisoformat(metadata.get("creationTimestamp") or datetime.now(UTC).isoformat())
    state = initial_state(created, problem.reason, problem.message)
    with contextlib.suppress(ValueError):
        state = state.model_copy(update={"phase": Phase(status.get("phase", Phase.PENDING))})
    return state


def _spec(manifest: Mapping[str, Any]) -> ModelDeploymentSpec | None:
    try:
        return ModelDeployment.model_validate(manifest).spec
    except ValidationError:
        return None


def _nonce(manifest: Mapping[str, Any]) -> str:
    """Of the request in the annotation, whether or not it is understood."""
    try:
        return str(json.loads(action_text(manifest))["nonce"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def _notes(metadata: Mapping[str, Any], status: Mapping[str, Any], spec: ModelDeploymentSpec | None) -> tuple[str, ...]:
    seen = status.get("observedGeneration")
    notes = {
        "it is being deleted": "deletionTimestamp" in metadata,
        "the spec was changed and the operator has not looked at it yet": seen is not None
        and seen != metadata.get("generation", seen),
        "this version of serinus cannot read its spec; use the operator's version": spec is None,
    }
    return tuple(note for note, holds in notes.items() if holds)


def _printed(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Without what only machines read."""
    metadata = {name: value for name, value in manifest["metadata"].items() if name != "managedFields"}
    annotations = {
        name: text for name, text in (metadata.pop("annotations", None) or {}).items() if name != LAST_APPLIED
    }
    printed = {**manifest, "metadata": metadata | ({"annotations": annotations} if annotations else {})}
    if "status" in manifest:
        printed["status"] = {name: value for name, value in manifest["status"].items() if name != "checkpoint"}
    return printed
