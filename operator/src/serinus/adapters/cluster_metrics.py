"""The metrics source of a cluster: the gateway's counters where they can be had, the predictors' own otherwise."""

from collections.abc import Sequence

from serinus.adapters import manifests
from serinus.adapters.gateway_metrics import GatewayMetrics
from serinus.adapters.kubernetes_objects import HTTP_ROUTE, KubernetesObjects
from serinus.adapters.predictor_metrics import PredictorMetrics
from serinus.adapters.scraping import Scraper
from serinus.core.observation import MetricsSnapshot
from serinus.ports import Clock, Key


class ClusterMetrics:
    """Implements serinus.ports.MetricsSource. `gateway_urls`: metrics pages of the gateway; none to ask the pods."""

    def __init__(self, objects: KubernetesObjects, clock: Clock, gateway_urls: Sequence[str] = ()) -> None:
        self._objects = objects
        self._scraper = Scraper()
        self._gateway = GatewayMetrics(objects, gateway_urls, self._scraper, clock) if gateway_urls else None
        self._predictors = PredictorMetrics(objects, self._scraper, clock)

    async def read(self, key: Key) -> MetricsSnapshot:
        """Counters of the deployment's revisions. Raises MetricsUnavailable."""
        route = self._objects.get(HTTP_ROUTE, key.namespace, key.name)
        # Without a route of ours the gateway does not count by revision: Knative splits behind it.
        if self._gateway is not None and route is not None and manifests.belongs_to(route, key):
            return await self._gateway.read(key)
        return await self._predictors.read(key)

    async def close(self) -> None:
        """End all connections."""
        await self._scraper.close()
