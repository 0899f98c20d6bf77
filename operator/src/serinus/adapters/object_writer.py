"""Writing objects: only what differs, only what is ours, and a person's edit is put back with a word about it."""

import hashlib
import json
import logging
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from serinus.adapters import manifests
from serinus.adapters.kubernetes_objects import HTTP_ROUTE, MODEL_DEPLOYMENT, Kind, KubernetesObjects, Manifest
from serinus.core.errors import ServingUnavailable
from serinus.ports import Key

logger = logging.getLogger(__name__)

# Kinds whose wanted spec names every field: whatever else stands there was put there by somebody.
WRITTEN_OUT: Final = frozenset({HTTP_ROUTE})

Notice = Callable[[Key, str], None]
"""Told once of each edit that was put back, as a sentence."""


def log_notice(key: Key, sentence: str) -> None:
    """The notice where nobody else listens."""
    logger.warning("%s: %s", key, sentence)


@dataclass(frozen=True)
class _Written:
    """An object as it was after we wrote it, or found it right. The generation counts changes of its spec."""

    uid: str
    generation: int
    wanted: str


class ObjectWriter:
    """Brings objects of ModelDeployments to what is wanted. It keeps a few words for each object it wrote."""

    def __init__(self, objects: KubernetesObjects, notice: Notice = log_notice) -> None:
        self._objects = objects
        self._notice = notice
        self._written: dict[Key, dict[tuple[Kind, str], _Written]] = {}

    async def write(self, key: Key, kind: Kind, wanted: dict[str, Any], *, adopt: bool = False) -> None:
        """Create the object or change what differs. Raises StateConflict, ServingUnavailable (not ours, refused)."""
        existing = self._objects.get(kind, key.namespace, manifests.name_of(wanted))
        if existing is None:
            self._remember(key, kind, wanted, await self._objects.apply(kind, wanted))
            return
        known = self._written.get(key, {}).get((kind, manifests.name_of(existing)))
        if manifests.is_being_deleted(existing) or _is_outdated(existing, known):
            return  # an event will come when it is gone, or when the cache has caught up
        _refuse_foreign(key, kind, existing, adopt)
        written = existing
        if not _is_so(kind, existing, wanted, known):
            written = await self._objects.apply(kind, _at_version_of(existing, wanted))
        if known is None or written is not existing or _was_edited(existing, known):
            self._remember(key, kind, wanted, written)
        if _was_edited(existing, known):
            put_back = _generation(written) > _generation(existing)
            what = "it was put back" if put_back else "Serinus does not own what was added and keeps it"
            self._notice(key, f"somebody changed {kind.kind} {manifests.name_of(wanted)}; {what}")

    async def delete(self, key: Key, kind: Kind, existing: Manifest) -> None:
        """Delete the object as it was seen. Raises StateConflict, ServingUnavailable."""
        self._written.get(key, {}).pop((kind, manifests.name_of(existing)), None)
        if not manifests.is_being_deleted(existing):
            await self._objects.delete(kind, existing)

    def forget(self, key: Key) -> None:
        """The deployment is gone."""
        self._written.pop(key, None)

    def _remember(self, key: Key, kind: Kind, wanted: Manifest, written: Manifest) -> None:
        known = _Written(manifests.uid_of(written), _generation(written), _fingerprint(wanted))
        self._written.setdefault(key, {})[kind, manifests.name_of(written)] = known


def _at_version_of(existing: Manifest, wanted: dict[str, Any]) -> dict[str, Any]:
    version = manifests.field(existing, "metadata", "resourceVersion")
    return wanted | {"metadata": wanted["metadata"] | {"resourceVersion": version}}


def _generation(manifest: Manifest) -> int:
    return int(manifests.field(manifest, "metadata", "generation") or 0)


def _fingerprint(wanted: Manifest) -> str:
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()


def _is_outdated(existing: Manifest, known: _Written | None) -> bool:
    """Whether what we wrote is not to be seen yet."""
    return known is not None and manifests.uid_of(existing) == known.uid and _generation(existing) < known.generation


def _was_edited(existing: Manifest, known: _Written | None) -> bool:
    return known is not None and manifests.uid_of(existing) == known.uid and _generation(existing) > known.generation


def _is_so(kind: Kind, existing: Manifest, wanted: Manifest, known: _Written | None) -> bool:
    """Whether the object is as wanted.

    The server may spell a value its own way (1000m becomes 1) or add a default: what we wrote and nobody has changed
    since is right, however it looks.
    """
    mine = ("labels", "annotations")
    metadata = {name: wanted["metadata"][name] for name in mine if name in wanted["metadata"]}
    if not manifests.covers(existing["metadata"], metadata) or _owners(existing) != _owners(wanted):
        return False
    if known and (manifests.uid_of(existing), _generation(existing)) == (known.uid, known.generation):
        return known.wanted == _fingerprint(wanted)
    same = operator.eq if kind in WRITTEN_OUT else manifests.covers
    return bool(same(existing.get("spec"), wanted["spec"]))


def _owners(manifest: Manifest) -> set[str]:
    """The ModelDeployments that it goes with."""
    references = manifests.field(manifest, "metadata", "ownerReferences") or ()
    return {one["uid"] for one in references if one.get("kind") == MODEL_DEPLOYMENT.kind}


def _refuse_foreign(key: Key, kind: Kind, existing: Manifest, adopt: bool) -> None:
    if manifests.belongs_to(existing, key) or adopt:
        return
    raise ServingUnavailable(
        f"{kind.kind} {key.namespace}/{manifests.name_of(existing)} is there already and was not made by Serinus for {key}; "
        "delete it, name the ModelDeployment differently, or set spec.serving.adopt: true to take it over"
    )
