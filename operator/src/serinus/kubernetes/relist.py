"""Listing every object now and then: what a watch has missed was created, changed or deleted meanwhile."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from serinus.adapters.kubernetes_objects import DEPLOYMENT_LABEL, POD, Kind, Manifest
from serinus.core.errors import SerinusError
from serinus.kubernetes.api import Api, ApiUnavailable
from serinus.kubernetes.cache import ObjectCache, version_of
from serinus.kubernetes.discovery import CLUSTER_SCOPED
from serinus.kubernetes.intake import Intake

log = logging.getLogger(__name__)

CHUNK: Final = 100  # objects whose every word is in memory at once
GRACE_SECONDS: Final = 3.0  # in which a watch may still tell what a list has shown
SELECTORS: Final = {POD: DEPLOYMENT_LABEL}
GONE: Final = 410
FORBIDDEN: Final = 403


class ClusterRestored(SerinusError):
    """The API server is older than what was seen before: what is in memory is of a cluster that is no more."""


@dataclass
class Listed:
    """All objects of a kind at one moment: `there` by namespace and name, and whole those that the cache did not know."""

    kind: Kind
    namespaces: Sequence[str]
    version: int
    there: set[tuple[str, str]] = field(default_factory=set)
    news: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Difference:
    """How a list differs from the cache."""

    changed: tuple[dict[str, Any], ...]
    gone: tuple[Manifest, ...]

    def __len__(self) -> int:
        return len(self.changed) + len(self.gone)


class Relist:
    """Lists in chunks and takes in the differences. `namespaces` is empty for the whole cluster."""

    def __init__(self, api: Api, cache: ObjectCache, intake: Intake, namespaces: Sequence[str]) -> None:
        self._api = api
        self._cache = cache
        self._intake = intake
        self._namespaces = namespaces
        self._forbidden: set[tuple[Kind, str]] = set()

    async def fill(self, kinds: Sequence[Kind]) -> tuple[Kind, ...]:
        """List all, take in all; the kinds that could be listed. One that is forbidden is said once, and left out.

        Raises ApiUnavailable, ClusterRestored.
        """
        return tuple([kind for kind in kinds if await self._fill(kind)])

    async def missed(self, kind: Kind) -> int:
        """List a kind, give watches a moment, and take in what they have not told; how much that was.

        Raises ApiUnavailable, ClusterRestored.
        """
        listed = await self._list(kind)
        if difference(self._cache, listed):
            await asyncio.sleep(GRACE_SECONDS)
        left = difference(self._cache, listed)
        self._take_in(kind, left)
        return len(left)

    async def _fill(self, kind: Kind) -> bool:
        try:
            listed = await self._list(kind)
        except ApiUnavailable as error:
            if error.code != FORBIDDEN:
                raise
            self._say_forbidden(kind, {"": error})
            return False
        self._take_in(kind, difference(self._cache, listed))
        return True

    def _take_in(self, kind: Kind, found: Difference) -> None:
        for manifest in found.changed:
            self._intake.seen(kind, manifest)
        for gone in found.gone:
            self._intake.gone(kind, gone)

    async def _list(self, kind: Kind) -> Listed:
        newest = max((sighting.version for sighting in self._cache.all(kind)), default=0)
        namespaces = [""] if kind in CLUSTER_SCOPED or not self._namespaces else list(self._namespaces)
        parts = await self._parts(kind, namespaces)
        listed = Listed(kind, [part.namespaces[0] for part in parts], min(part.version for part in parts))
        listed.there = {place for part in parts for place in part.there}
        listed.news = [manifest for part in parts for manifest in part.news]
        if listed.version < newest:
            raise ClusterRestored(
                f"the API server lists {kind.plural} as of version {listed.version}, but {newest} was seen before; the "
                "cluster was put back from a backup, so this process ends and is to be started again"
            )
        return listed

    async def _parts(self, kind: Kind, namespaces: Sequence[str]) -> list[Listed]:
        """The lists of all namespaces that may be listed: one that was deleted, with its Role, must not hold up the others."""
        parts, refused = list[Listed](), dict[str, ApiUnavailable]()
        for namespace in namespaces:
            try:
                parts.append(await self._list_one(kind, namespace))
            except ApiUnavailable as error:
                if error.code != FORBIDDEN:
                    raise
                refused[namespace] = error
        if not parts:
            raise next(iter(refused.values()))
        self._say_forbidden(kind, refused)
        return parts

    def _say_forbidden(self, kind: Kind, refused: Mapping[str, ApiUnavailable]) -> None:
        """What must not be listed, once. By namespace; an empty one means all."""
        for namespace, error in refused.items():
            if (kind, namespace) not in self._forbidden:
                where = f" of namespace {namespace}" if namespace else ""
                log.warning("%s objects%s are not watched: %s", kind.kind, where, error)
        others = {one for one in self._forbidden if one[0] != kind}
        self._forbidden = others | {(kind, namespace) for namespace in refused}

    async def _list_one(self, kind: Kind, namespace: str) -> Listed:
        """All chunks of a list; from the beginning where it has expired meanwhile."""
        for _ in range(3):
            try:
                return await self._chunks(kind, namespace)
            except ApiUnavailable as error:
                if error.code != GONE:
                    raise
        return await self._chunks(kind, namespace)

    async def _chunks(self, kind: Kind, namespace: str) -> Listed:
        params = {"limit": str(CHUNK)} | ({"labelSelector": SELECTORS[kind]} if kind in SELECTORS else {})
        listed = Listed(kind, [namespace], 0)
        while True:
            answer = await self._api.request("list", kind, namespace, params=params)
            meta = answer["metadata"]
            listed.version = listed.version or int(meta["resourceVersion"])
            for item in answer["items"]:
                listed.there.add((item["metadata"].get("namespace", ""), item["metadata"]["name"]))
                if is_news(self._cache, kind, item):
                    listed.news.append({**item, "apiVersion": kind.api_version, "kind": kind.kind})
            if not meta.get("continue"):
                return listed
            params = {**params, "continue": meta["continue"]}


def is_news(cache: ObjectCache, kind: Kind, manifest: dict[str, Any]) -> bool:
    """Whether the object is newer than what is known of it, and not known to be deleted."""
    meta = manifest["metadata"]
    known = cache.sighting(kind, meta.get("namespace", ""), meta["name"])
    return (known is None or known.version < version_of(manifest)) and not cache.knows_deleted(meta["uid"])


def difference(cache: ObjectCache, listed: Listed) -> Difference:
    """What of a list the cache does not know yet, and what it knows that had been deleted when the list was made."""
    changed = tuple(manifest for manifest in listed.news if is_news(cache, listed.kind, manifest))
    return Difference(changed, tuple(_gone(cache, listed)))


def _gone(cache: ObjectCache, listed: Listed) -> list[Manifest]:
    gone = []
    for sighting in cache.all(listed.kind):
        meta = sighting.manifest["metadata"]
        namespace = meta.get("namespace", "")
        within = listed.namespaces == [""] or namespace in listed.namespaces
        if within and (namespace, meta["name"]) not in listed.there and sighting.version <= listed.version:
            gone.append(sighting.manifest)
    return gone
