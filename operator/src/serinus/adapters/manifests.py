"""Plain operations on Kubernetes objects as values: merging, comparing, and who owns what."""

from collections.abc import Mapping
from typing import Any

from serinus.adapters.kubernetes_objects import DEPLOYMENT_LABEL, MODEL_DEPLOYMENT, Manifest, Owner
from serinus.core.spec import DeletionPolicy
from serinus.ports import Key


def merged(base: Manifest, over: Manifest) -> dict[str, Any]:
    """`base` with `over` put on top: maps are merged, lists and everything else replaced, None takes a field away."""
    result = dict(base)
    for name, value in over.items():
        below = result.get(name)
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            result[name] = merged(below if isinstance(below, Mapping) else {}, value)
        else:
            result[name] = value
    return result


def covers(seen: Any, wanted: Any) -> bool:
    """Whether `seen` says all that `wanted` says; what the server or another program added does not matter."""
    if isinstance(wanted, Mapping):
        return isinstance(seen, Mapping) and all(covers(seen.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, list):
        same_length = isinstance(seen, list) and len(seen) == len(wanted)
        return same_length and all(covers(one, other) for one, other in zip(seen, wanted, strict=True))
    return bool(seen == wanted)


def field(manifest: Any, *path: str | int) -> Any:
    """The value at a path, or None where there is none."""
    for step in path:
        if isinstance(step, int):
            manifest = manifest[step] if isinstance(manifest, list) and len(manifest) > step else None
        else:
            manifest = manifest.get(step) if isinstance(manifest, dict) else None
    return manifest


def name_of(manifest: Manifest) -> str:
    """Its name."""
    return str(manifest["metadata"]["name"])


def uid_of(manifest: Manifest) -> str:
    """Its uid; empty before the server has given it one."""
    return str(field(manifest, "metadata", "uid") or "")


def label_of(manifest: Manifest, label: str) -> str:
    """A label's value, empty if there is none."""
    return str(field(manifest, "metadata", "labels", label) or "")


def is_being_deleted(manifest: Manifest) -> bool:
    """Whether it only waits for its finalizers."""
    return bool(field(manifest, "metadata", "deletionTimestamp"))


def belongs_to(manifest: Manifest, key: Key) -> bool:
    """Whether Serinus made it for this deployment; a label may have been taken away, and its owner may be gone."""
    owners = field(manifest, "metadata", "ownerReferences") or ()
    owned = any((one.get("kind"), one.get("name")) == (MODEL_DEPLOYMENT.kind, key.name) for one in owners)
    return owned or label_of(manifest, DEPLOYMENT_LABEL) == key.name


def condition_of(conditions: Any, name: str) -> Manifest:
    """The condition of that type; empty where it is not reported."""
    found = (one for one in conditions or () if one.get("type") == name)
    return next(found, {})


def owner_references(owner: Owner, key: Key) -> dict[str, Any]:
    """The part of metadata that lets an object go with its ModelDeployment; nothing where it is to stay behind."""
    if owner.deployment.spec.deletion_policy is DeletionPolicy.ORPHAN:
        return {}
    reference = {
        "apiVersion": MODEL_DEPLOYMENT.api_version,
        "kind": MODEL_DEPLOYMENT.kind,
        "name": key.name,
        "uid": owner.uid,
    }
    return {"ownerReferences": [reference]}
