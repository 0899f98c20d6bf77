"""Prometheus as the metrics source of a cluster, where the API server knows which pods ought to be counted."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from serinus.adapters import manifests
from serinus.adapters.inference_service import entry_service
from serinus.adapters.kubernetes_objects import INFERENCE_SERVICE, POD, REVISION_LABEL, KubernetesObjects, Manifest
from serinus.adapters.prometheus_api import PrometheusApi
from serinus.adapters.prometheus_finding import Backends
from serinus.adapters.prometheus_metrics import PrometheusMetrics
from serinus.adapters.prometheus_templates import ByPod, Template
from serinus.core.errors import MetricsUnavailable
from serinus.core.observation import MetricsSnapshot
from serinus.ports import Clock, Key

PATIENCE: Final = timedelta(minutes=2)  # until Prometheus has found a new pod and scraped it


class ClusterPrometheus:
    """Implements serinus.ports.MetricsSource: a pod that has long been ready and that Prometheus does not know is told."""

    def __init__(
        self, objects: KubernetesObjects, api: PrometheusApi, clock: Clock, template: Template, stale_after: timedelta
    ) -> None:
        self._objects = objects
        self._clock = clock
        self._template = template
        self._url = api.url
        self._metrics = PrometheusMetrics(api, clock, template, backends_of(objects), stale_after=stale_after)

    async def read(self, key: Key) -> MetricsSnapshot:
        """Counters of the deployment's revisions. Raises MetricsUnavailable."""
        snapshot = await self._metrics.read(key)
        # A gateway has no series of a backend before its first request.
        if not snapshot.instances and isinstance(self._template.found, ByPod):
            self._raise_if_pods_ought_to_count(key)
        return snapshot

    async def close(self) -> None:
        """End all connections."""
        await self._metrics.close()

    def _raise_if_pods_ought_to_count(self, key: Key) -> None:
        for pod in self._objects.of(POD, key):
            since = _ready_since(pod)
            if since and self._clock.now() - since > PATIENCE:
                raise MetricsUnavailable(
                    f"the Prometheus at {self._url} knows no {self._template.requests or self._template.latency} of {key}, "
                    f"though its pod {manifests.name_of(pod)} is ready since {since:%H:%M} UTC; let it scrape the predictors "
                    "(metrics.podMonitor.enabled of the chart), or choose another template (SERINUS_PROMETHEUS_TEMPLATE)"
                )


def backends_of(objects: KubernetesObjects) -> Backends:
    """The Services of a deployment's InferenceServices, by name, with the revision of each."""

    def backends(key: Key) -> Mapping[str, str]:
        running = objects.of(INFERENCE_SERVICE, key)
        return {entry_service(one): manifests.label_of(one, REVISION_LABEL) for one in running}

    return backends


def _ready_since(pod: Manifest) -> datetime | None:
    ready = manifests.condition_of(manifests.field(pod, "status", "conditions"), "Ready")
    since = ready.get("lastTransitionTime")
    if ready.get("status") != "True" or not since or not manifests.label_of(pod, REVISION_LABEL):
        return None
    return datetime.fromisoformat(since)
