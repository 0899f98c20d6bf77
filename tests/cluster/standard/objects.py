"""Objects of a cluster as the operator's cache would hold them, without its watches."""

from serinus.adapters.system_clock import SystemClock
from serinus.kubernetes.api import Api
from serinus.kubernetes.cache import ObjectCache
from serinus.kubernetes.connection import cluster_config, http_client
from serinus.kubernetes.discovery import Discovery
from serinus.kubernetes.intake import Intake
from serinus.kubernetes.leader import AlwaysLeading
from serinus.kubernetes.objects import ClusterObjects
from serinus.kubernetes.relist import Relist


class Objects:
    """What the operator's cache would know, listed anew whenever it is asked to."""

    def __init__(self, kubeconfig: str, namespace: str) -> None:
        config = cluster_config(kubeconfig, "")
        self.writes: list[tuple[str, str, int]] = []
        self._api = Api(http_client(config, 30), 8, AlwaysLeading(), self._count, SystemClock())
        cache = ObjectCache()
        self._discovery = Discovery(self._api)
        self._relist = Relist(self._api, cache, Intake(cache, lambda _: None), [namespace])
        self.objects = ClusterObjects(self._api, cache, self._discovery)

    def _count(self, verb: str, kind: str, code: int) -> None:
        if verb not in ("get", "list"):
            self.writes.append((verb, kind, code))

    async def refresh(self) -> None:
        if not self._discovery.watched:
            await self._discovery.refresh()
        await self._relist.fill(self._discovery.watched)

    async def close(self) -> None:
        await self._api.close()
