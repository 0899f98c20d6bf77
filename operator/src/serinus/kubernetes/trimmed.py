"""What is kept of an object in memory: thousands of them stand there."""

import sys
from typing import Any, Final

from serinus.adapters.kubernetes_objects import FIELD_MANAGER, MODEL_DEPLOYMENT, POD, Kind

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
STATUS_KEPT: Final = ("checkpoint", "conditions", "mode", "observedGeneration")  # the rest follows from the checkpoint
CONTAINER_KEPT: Final = ("name", "ports")
SHORT: Final = 64  # characters; longer texts are hardly ever the same in two objects


def trimmed(kind: Kind, manifest: dict[str, Any]) -> dict[str, Any]:
    """The object without bookkeeping; of our own status what cannot be computed, of a pod what tells how it is doing."""
    kept = {**manifest, "metadata": _metadata(manifest["metadata"])}
    if kind == MODEL_DEPLOYMENT and "status" in manifest:
        status = manifest["status"] or {}
        kept["status"] = {name: status[name] for name in STATUS_KEPT if name in status}
    if kind == POD:
        containers = manifest.get("spec", {}).get("containers", [])
        kept["spec"] = {
            "containers": [{name: one[name] for name in CONTAINER_KEPT if name in one} for one in containers]
        }
    shared: dict[str, Any] = _shared(kept)
    return shared


def _shared(part: Any) -> Any:
    """The same with one copy of each name and short text in all objects, which halves what they take."""
    if isinstance(part, dict):
        return {sys.intern(name): _shared(value) for name, value in part.items()}
    if isinstance(part, list):
        return [_shared(value) for value in part]
    return sys.intern(part) if isinstance(part, str) and len(part) <= SHORT else part


def _metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in metadata.items() if name != "managedFields"}
    if LAST_APPLIED in (metadata.get("annotations") or {}):
        kept["annotations"] = {name: text for name, text in metadata["annotations"].items() if name != LAST_APPLIED}
    return kept


def create_entry(manifest: dict[str, Any]) -> int | None:
    """The index in managedFields of what we wrote with a plain create, which server-side apply would never take away."""
    for index, entry in enumerate(manifest["metadata"].get("managedFields") or []):
        ours = entry.get("manager") == FIELD_MANAGER and not entry.get("subresource")
        if ours and entry.get("operation") == "Update":
            return index
    return None
