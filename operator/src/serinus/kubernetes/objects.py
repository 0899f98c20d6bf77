"""The objects of ModelDeployments in a cluster (`serinus.adapters.kubernetes_objects.KubernetesObjects`)."""

from datetime import timedelta
from typing import Any, Final

from serinus.adapters.kubernetes_objects import FIELD_MANAGER, MODEL_DEPLOYMENT, Kind, Manifest, Owner
from serinus.core.errors import SerinusError, SpecInvalid, StateConflict
from serinus.kubernetes.api import Api, ApiUnavailable
from serinus.kubernetes.cache import ObjectCache
from serinus.kubernetes.discovery import Discovery
from serinus.kubernetes.specs import Specs
from serinus.ports import Key

NOT_FOUND: Final = 404
CONFLICT: Final = 409
UNPROCESSABLE: Final = 422
OURS: Final = {"fieldManager": FIELD_MANAGER}


class ClusterObjects:
    """Reads from the cache; writes with preconditions, and takes what the server answers into the cache."""

    def __init__(self, api: Api, cache: ObjectCache, discovery: Discovery) -> None:
        self._api = api
        self._cache = cache
        self._discovery = discovery
        self._specs = Specs()

    def owner(self, key: Key) -> Owner | None:
        """The ModelDeployment as it was last valid, or None if there is none, it is being deleted, or it never was."""
        manifest = self.living(key)
        deployment = self._specs.in_force(manifest) if manifest else None
        return Owner(manifest["metadata"]["uid"], deployment) if manifest and deployment else None

    def living(self, key: Key) -> Manifest | None:
        """The ModelDeployment as it stands in the cluster, valid or not, unless it is being deleted."""
        manifest = self.get(MODEL_DEPLOYMENT, key.namespace, key.name)
        return None if manifest is None or "deletionTimestamp" in manifest["metadata"] else manifest

    def forget(self, key: Key) -> None:
        """The ModelDeployment is gone."""
        self._specs.forget(key)

    def why_invalid(self, key: Key) -> str:
        """What is wrong with the spec, or nothing."""
        manifest = self.living(key)
        try:
            if manifest is not None:
                self._specs.of(manifest)
        except SpecInvalid as error:
            return str(error)
        return ""

    def was_valid(self, key: Key) -> bool:
        """Whether a valid spec of this very deployment was seen."""
        manifest = self.living(key)
        return manifest is not None and self._specs.was_valid(manifest)

    def serves(self, kind: Kind) -> bool:
        """Whether the cluster has this kind."""
        return self._discovery.has(kind)

    def forbids(self, kind: Kind) -> bool:
        """Whether the cluster has this kind, and the operator must not list it."""
        return kind in self._discovery.forbidden

    def ahead(self) -> timedelta:
        """How far the API server's clock is ahead of ours, as it last said."""
        return self._api.ahead

    def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """One object as it was last seen."""
        return self._cache.get(kind, namespace, name)

    def of(self, kind: Kind, key: Key) -> tuple[Manifest, ...]:
        """All objects that bear the deployment's label."""
        return self._cache.of(kind, key)

    async def apply(self, kind: Kind, manifest: Manifest) -> Manifest:
        """See the port. Raises StateConflict, ServingUnavailable."""
        exists = "resourceVersion" in manifest["metadata"]
        try:
            answer = await (self._apply(kind, manifest) if exists else self._create(kind, manifest))
        except ApiUnavailable as error:
            raise await self._translated(error, kind, manifest, exists) from error
        return self._taken(kind, answer)

    async def delete(self, kind: Kind, manifest: Manifest) -> None:
        """See the port. Raises StateConflict, ServingUnavailable."""
        meta = manifest["metadata"]
        wanted = {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": wanted}
        try:
            answer = await self._api.request("delete", kind, meta["namespace"], meta["name"], body=options)
        except ApiUnavailable as error:
            if error.code != NOT_FOUND:
                raise await self._translated(error, kind, manifest, True) from error
            answer = {}
        if "deletionTimestamp" in answer.get("metadata", {}):
            self._taken(kind, answer)  # it stays until its finalizers are done
        else:
            self._cache.forget(kind, meta["namespace"], meta["name"], meta["uid"])

    async def write_status(self, verb: str, kind: Kind, manifest: Manifest) -> Manifest:
        """Replace (`update`) or change (`merge`) the status at the manifest's resourceVersion.

        Raises StateConflict, ServingUnavailable.
        """
        where = _where(kind, manifest)
        try:
            answer = await self._api.request(verb, *where, body=manifest, subresource="status", params=OURS)
        except ApiUnavailable as error:
            raise await self._translated(error, kind, manifest, True) from error
        return self._taken(kind, answer)

    async def _create(self, kind: Kind, manifest: Manifest) -> dict[str, Any]:
        """A plain create: a server-side apply would take over an object of the same name that is not in the cache."""
        return await self._api.request("create", kind, manifest["metadata"]["namespace"], body=manifest, params=OURS)

    async def _apply(self, kind: Kind, manifest: Manifest) -> dict[str, Any]:
        meta = manifest["metadata"]
        known = self._cache.sighting(*_where(kind, manifest))
        version = meta["resourceVersion"]
        if known and known.create_entry is not None and known.manifest["metadata"]["resourceVersion"] == version:
            version = await self._own_by_apply(kind, known.manifest, known.create_entry)
        body = {**manifest, "metadata": {**meta, "resourceVersion": version}}
        return await self._api.request("apply", *_where(kind, manifest), body=body, params={**OURS, "force": "true"})

    async def _own_by_apply(self, kind: Kind, manifest: Manifest, entry: int) -> str:
        """Make what we created ours in the sense of server-side apply, once, so that applying can take fields away."""
        operation = f"/metadata/managedFields/{entry}/operation"
        version = manifest["metadata"]["resourceVersion"]
        changes = [
            {"op": "test", "path": operation, "value": "Update"},
            {"op": "replace", "path": operation, "value": "Apply"},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
        ]
        try:
            answer = await self._api.request("patch", *_where(kind, manifest), body=changes)
        except ApiUnavailable as error:
            if error.code != UNPROCESSABLE:
                raise
            raise ApiUnavailable(str(error), CONFLICT) from error  # the entry is not where it was seen
        return str(self._taken(kind, answer)["metadata"]["resourceVersion"])

    def _taken(self, kind: Kind, answer: dict[str, Any]) -> Manifest:
        """What the server answered, as it stands in the cache now."""
        self._cache.put(kind, answer)
        return self._cache.get(*_where(kind, answer)) or answer

    async def _translated(self, error: ApiUnavailable, kind: Kind, manifest: Manifest, exists: bool) -> SerinusError:
        """A StateConflict where the object is another than was thought; then it is looked at once more."""
        if error.code != CONFLICT and not (exists and error.code == NOT_FOUND):
            return error
        _, namespace, name = where = _where(kind, manifest)
        await self.refresh(*where)
        return StateConflict(f"{kind.kind} {namespace}/{name} has changed meanwhile; start again from it ({error})")

    async def refresh(self, kind: Kind, namespace: str, name: str) -> None:
        """Look at one object; what a watch would have told. An API server that does not answer changes nothing."""
        try:
            self._cache.put(kind, await self._api.request("get", kind, namespace, name))
        except ApiUnavailable as error:
            known = self._cache.get(kind, namespace, name)
            if error.code == NOT_FOUND and known is not None:
                self._cache.forget(kind, namespace, name, known["metadata"]["uid"])


def _where(kind: Kind, manifest: Manifest) -> tuple[Kind, str, str]:
    return kind, manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"]
