"""Objects as they were last seen, from watches, lists and our own writes alike: of two sightings the newer one counts."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from serinus.adapters.kubernetes_objects import DEPLOYMENT_LABEL, Kind, Manifest
from serinus.kubernetes.trimmed import create_entry, trimmed
from serinus.ports import Key

DELETIONS_REMEMBERED: Final = 10_000

Place = tuple[Kind, str, str]
"""Kind, namespace (empty for what has none) and name."""


@dataclass(frozen=True)
class Sighting:
    """An object without what nobody reads. `create_entry`: see `trimmed.create_entry`."""

    manifest: Manifest
    version: int
    create_entry: int | None


class ObjectCache:
    """All objects that matter, by kind and name and by the deployment whose label they bear."""

    def __init__(self) -> None:
        self._seen: dict[Place, Sighting] = {}
        self._labelled: dict[tuple[Kind, Key], dict[str, Sighting]] = defaultdict(dict)
        self._deleted: dict[str, None] = {}  # by uid, which never comes back; oldest first

    def put(self, kind: Kind, manifest: dict[str, Any]) -> bool:
        """Take in a sighting; False if it says nothing new: an older one, or of an object known to be deleted."""
        meta = manifest["metadata"]
        place, version = (kind, meta.get("namespace", ""), meta["name"]), version_of(manifest)
        known = self._seen.get(place)
        if meta["uid"] in self._deleted or (known and version <= known.version):
            return False
        self._unlabel(place)
        sighting = Sighting(trimmed(kind, manifest), version, create_entry(manifest))
        self._seen[place] = sighting
        owner = owner_label(kind, sighting.manifest)
        if owner:
            self._labelled[kind, owner][meta["name"]] = sighting
        return True

    def forget(self, kind: Kind, namespace: str, name: str, uid: str) -> bool:
        """The object with that uid is gone; False if that was known or another has taken its name."""
        self._deleted[uid] = None
        while len(self._deleted) > DELETIONS_REMEMBERED:
            self._deleted.pop(next(iter(self._deleted)))
        place = (kind, namespace, name)
        known = self._seen.get(place)
        if known is None or known.manifest["metadata"]["uid"] != uid:
            return False
        self._unlabel(place)
        del self._seen[place]
        return True

    def lose(self, kind: Kind) -> list[Manifest]:
        """The cluster has the kind no longer; what was seen of it. It may come back, with the same objects."""
        lost = [place for place in self._seen if place[0] == kind]
        for place in lost:
            self._unlabel(place)
        return [self._seen.pop(place).manifest for place in lost]

    def knows_deleted(self, uid: str) -> bool:
        """Whether the object with that uid is known to be gone."""
        return uid in self._deleted

    def sighting(self, kind: Kind, namespace: str, name: str) -> Sighting | None:
        """The newest sighting, or None."""
        return self._seen.get((kind, namespace, name))

    def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """The object as last seen, or None."""
        known = self._seen.get((kind, namespace, name))
        return known.manifest if known else None

    def of(self, kind: Kind, key: Key) -> tuple[Manifest, ...]:
        """The objects that bear the deployment's label, by name."""
        labelled = self._labelled.get((kind, key), {})
        return tuple(labelled[name].manifest for name in sorted(labelled))

    def all(self, kind: Kind) -> Iterator[Sighting]:
        """Every object of the kind, in no order."""
        return (sighting for (one, _, _), sighting in list(self._seen.items()) if one == kind)

    def _unlabel(self, place: Place) -> None:
        known = self._seen.get(place)
        owner = owner_label(place[0], known.manifest) if known else None
        if owner:
            labelled = self._labelled[place[0], owner]
            labelled.pop(place[2], None)
            if not labelled:
                del self._labelled[place[0], owner]


def version_of(manifest: Manifest) -> int:
    """The resourceVersion as a number; since Kubernetes 1.35 it is documented to be one that grows."""
    return int(manifest["metadata"]["resourceVersion"])


def owner_label(kind: Kind, manifest: Manifest) -> Key | None:
    """The deployment whose label the object bears."""
    meta = manifest["metadata"]
    name = (meta.get("labels") or {}).get(DEPLOYMENT_LABEL)
    return Key(meta.get("namespace", ""), name) if name else None
