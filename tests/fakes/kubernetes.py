"""The part of an API server that the serving adapters need, in memory, with its rules: versions, generations, owners."""

import copy
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from serinus.adapters.kubernetes_objects import (
    DEPLOYMENT_LABEL,
    HTTP_ROUTE,
    INFERENCE_SERVICE,
    MODEL_DEPLOYMENT,
    POD,
    Kind,
    Manifest,
    Owner,
)
from serinus.adapters.manifests import merged
from serinus.core.errors import ServingUnavailable, StateConflict
from serinus.core.spec import ModelDeployment
from serinus.ports import Key

Place = tuple[Kind, str, str]


class Refused(ServingUnavailable):
    """The API server does not accept the object, however often it is sent."""

    retriable = False


class FakeKubernetes:
    """Implements serinus.adapters.kubernetes_objects.KubernetesObjects. `requests` are the writes that were sent."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.kinds = {MODEL_DEPLOYMENT, INFERENCE_SERVICE, HTTP_ROUTE, POD}
        self.requests: list[tuple[str, str, str]] = []
        self.refusals: dict[str, Exception] = {}  # by name of the object
        self.clock_ahead = timedelta()
        self.admission: Callable[[dict[str, Any]], None] = lambda _: None
        self._now = now
        self._owners: dict[Key, Owner] = {}
        self._objects: dict[Place, dict[str, Any]] = {}
        self._applied: dict[Place, Manifest] = {}
        self._version = 0

    # ---- the port

    def owner(self, key: Key) -> Owner | None:
        return self._owners.get(key)

    def serves(self, kind: Kind) -> bool:
        return kind in self.kinds

    def ahead(self) -> timedelta:
        return self.clock_ahead

    def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        return copy.deepcopy(self._objects.get((kind, namespace, name)))

    def of(self, kind: Kind, key: Key) -> tuple[Manifest, ...]:
        return tuple(
            copy.deepcopy(found)
            for (one, namespace, _), found in sorted(self._objects.items(), key=lambda item: item[0][2])
            if one == kind and namespace == key.namespace
            if found["metadata"].get("labels", {}).get(DEPLOYMENT_LABEL) == key.name
        )

    async def apply(self, kind: Kind, manifest: Manifest) -> Manifest:
        place = _place(kind, manifest)
        self.requests.append(("apply", kind.kind, place[2]))
        if place[2] in self.refusals:
            raise self.refusals[place[2]]
        existing = self._objects.get(place)
        version = manifest["metadata"].get("resourceVersion")
        if version != (existing["metadata"]["resourceVersion"] if existing else None):
            raise StateConflict(f"{kind.kind} {place[2]} has changed")
        applied = _without_version(manifest)
        left = _taken_away(existing, self._applied.get(place, {}), applied) if existing else {}
        self._applied[place] = copy.deepcopy(applied)
        return self._store(place, _owned(existing, merged(left, applied)))

    async def delete(self, kind: Kind, manifest: Manifest) -> None:
        place = _place(kind, manifest)
        self.requests.append(("delete", kind.kind, place[2]))
        existing = self._objects.get(place)
        if existing is None:
            return
        if any(existing["metadata"][name] != manifest["metadata"][name] for name in ("uid", "resourceVersion")):
            raise StateConflict(f"{kind.kind} {place[2]} has changed")
        self.remove(kind, *place[1:])

    # ---- everybody else

    def deploy(self, deployment: ModelDeployment, uid: str = "uid-of-the-deployment") -> Key:
        """A ModelDeployment is there, or is changed."""
        key = Key(deployment.metadata.namespace, deployment.metadata.name)
        self._owners[key] = Owner(uid, deployment)
        return key

    def edit(self, kind: Kind, namespace: str, name: str, change: Manifest) -> None:
        """Another program or a person changes or creates an object; None takes a field away."""
        existing = self._objects.get((kind, namespace, name), {"metadata": {"name": name, "namespace": namespace}})
        self._store((kind, namespace, name), merged(copy.deepcopy(existing), change))

    def remove(self, kind: Kind, namespace: str, name: str) -> None:
        """An object is gone."""
        self._objects.pop((kind, namespace, name), None)
        self._applied.pop((kind, namespace, name), None)

    def names(self, kind: Kind) -> set[str]:
        """All objects of a kind."""
        return {name for one, _, name in self._objects if one == kind}

    def _store(self, place: Place, wanted: dict[str, Any]) -> Manifest:
        existing = self._objects.get(place)
        wanted = copy.deepcopy(wanted)
        self.admission(wanted)
        metadata = wanted.setdefault("metadata", {})
        if existing is None:
            metadata |= {"uid": str(uuid.uuid4()), "generation": 1, "creationTimestamp": _stamp(self._now())}
        elif wanted == existing:
            return copy.deepcopy(existing)
        elif wanted.get("spec") != existing.get("spec"):
            metadata["generation"] = existing["metadata"]["generation"] + 1
        self._version += 1
        metadata["resourceVersion"] = str(self._version)
        self._objects[place] = wanted
        return copy.deepcopy(wanted)


def _place(kind: Kind, manifest: Manifest) -> Place:
    return kind, manifest["metadata"]["namespace"], manifest["metadata"]["name"]


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _without_version(manifest: Manifest) -> dict[str, Any]:
    metadata = {name: value for name, value in manifest["metadata"].items() if name != "resourceVersion"}
    return copy.deepcopy({**manifest, "metadata": metadata})


def _taken_away(existing: Manifest, before: Manifest, now: Manifest) -> dict[str, Any]:
    """`existing` without the fields that were applied before and no longer are."""
    left = dict(existing)
    for name, value in before.items():
        inner = now.get(name)
        if isinstance(value, dict) and isinstance(left.get(name), dict):
            left[name] = _taken_away(left[name], value, inner if isinstance(inner, dict) else {})
        elif name not in now:
            left.pop(name, None)
    return left


def _owned(existing: Manifest | None, wanted: dict[str, Any]) -> dict[str, Any]:
    """The owners are a set by uid, of which everybody has some."""
    before = (existing or {}).get("metadata", {}).get("ownerReferences", ())
    ours = wanted["metadata"].get("ownerReferences", [])
    theirs = [one for one in before if one["kind"] != MODEL_DEPLOYMENT.kind]
    if theirs or ours:
        wanted["metadata"]["ownerReferences"] = theirs + [one for one in ours if one["kind"] == MODEL_DEPLOYMENT.kind]
    return wanted
