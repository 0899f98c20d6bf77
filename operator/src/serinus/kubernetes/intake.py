"""What was seen of the cluster goes into the cache, and wakes the deployment that it matters to."""

from collections.abc import Callable
from typing import Any

from serinus.adapters.kubernetes_objects import MODEL_DEPLOYMENT, Kind, Manifest
from serinus.kubernetes.actions import action_text
from serinus.kubernetes.cache import ObjectCache, owner_label
from serinus.ports import Key

Wake = Callable[[Key], None]


class Intake:
    """Takes in sightings from wherever they come; the same one twice is one."""

    def __init__(self, cache: ObjectCache, wake: Wake) -> None:
        self._cache = cache
        self._wake = wake

    def seen(self, kind: Kind, manifest: dict[str, Any]) -> None:
        """The object was created or changed, or simply is there."""
        meta = manifest["metadata"]
        place = (kind, meta.get("namespace", ""), meta["name"])
        before = self._cache.get(*place)
        if self._cache.put(kind, manifest):
            self._tell(kind, before, self._cache.get(*place))

    def gone(self, kind: Kind, manifest: Manifest) -> None:
        """The object with this uid was deleted."""
        meta = manifest["metadata"]
        if self._cache.forget(kind, meta.get("namespace", ""), meta["name"], meta["uid"]):
            self._tell(kind, manifest, None)

    def lost(self, kind: Kind) -> None:
        """The cluster has the kind no longer."""
        for manifest in self._cache.lose(kind):
            self._tell(kind, manifest, None)

    def _tell(self, kind: Kind, before: Manifest | None, after: Manifest | None) -> None:
        for key in {key_of(kind, one) for one in (before, after) if one is not None}:
            if key is not None and (kind != MODEL_DEPLOYMENT or face_of(before) != face_of(after)):
                self._wake(key)


def key_of(kind: Kind, manifest: Manifest) -> Key | None:
    """The deployment that the object is, or belongs to."""
    if kind == MODEL_DEPLOYMENT:
        return Key(manifest["metadata"]["namespace"], manifest["metadata"]["name"])
    return owner_label(kind, manifest)


def face_of(manifest: Manifest | None) -> tuple[object, ...]:
    """What of a ModelDeployment calls for a reconcile. Of its status only a checkpoint that we have not written."""
    if manifest is None:
        return ()
    meta = manifest["metadata"]
    checkpoint = manifest.get("status", {}).get("checkpoint", "")
    return (meta["uid"], meta["generation"], "deletionTimestamp" in meta, action_text(manifest), checkpoint)
