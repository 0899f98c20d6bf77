"""The contract of metrics sources, kept by those that ask a gateway's page, predictors' pages, and Prometheus."""

import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest

from serinus.adapters.gateway_metrics import GatewayMetrics
from serinus.adapters.kubernetes_objects import INFERENCE_SERVICE, POD
from serinus.adapters.predictor_metrics import PredictorMetrics
from serinus.adapters.prometheus_api import PrometheusApi
from serinus.adapters.prometheus_metrics import PrometheusMetrics
from serinus.adapters.scrape import samples
from serinus.adapters.scraping import Scraper
from serinus.adapters.system_clock import SystemClock
from tests.adapters.fakes.prometheus import FakePrometheus, vector
from tests.adapters.standard.exporters import GatewayExporter, PredictorExporter, series
from tests.adapters.test_metrics_contract import (
    CODE,
    HEALTHY,
    anyio_backend,
    test_a_restart_of_what_counts_begins_at_zero_with_a_new_start,
    test_a_source_that_does_not_answer_is_unavailable,
    test_another_deployment_has_no_samples_of_this_one,
    test_counts_are_cumulative_with_the_same_start,
    test_counts_are_exact_per_revision_and_code,
    test_latency_buckets_are_cumulative_and_bounded_by_the_requests,
    test_no_traffic_is_no_samples_and_no_error,
)
from tests.fakes.kubernetes import FakeKubernetes
from tests.local.harness import KEY

pytestmark = pytest.mark.anyio

__all__ = [
    "anyio_backend",
    "test_a_restart_of_what_counts_begins_at_zero_with_a_new_start",
    "test_a_source_that_does_not_answer_is_unavailable",
    "test_another_deployment_has_no_samples_of_this_one",
    "test_counts_are_cumulative_with_the_same_start",
    "test_counts_are_exact_per_revision_and_code",
    "test_latency_buckets_are_cumulative_and_bounded_by_the_requests",
    "test_no_traffic_is_no_samples_and_no_error",
]


def labels(revision: str) -> dict[str, str]:
    return {"serinus.dev/deployment": KEY.name, "serinus.dev/revision": revision}


class GatewayWorld:
    def __init__(self) -> None:
        self.kubernetes, self.exporter, self.scraper = FakeKubernetes(), GatewayExporter(), Scraper()

    async def begin(self) -> None:
        port = await self.exporter.listen()
        for revision in CODE:
            service: dict[str, Any] = {
                "metadata": {"labels": labels(revision)},
                "spec": {"predictor": {}},
            }
            self.kubernetes.edit(INFERENCE_SERVICE, KEY.namespace, f"{KEY.name}-{revision}", service)
            created = {"metadata": {"creationTimestamp": "2026-01-05T12:00:00Z"}}
            self.kubernetes.edit(INFERENCE_SERVICE, KEY.namespace, f"{KEY.name}-{revision}", created)
        url = f"http://127.0.0.1:{port}/metrics"
        self.source = GatewayMetrics(self.kubernetes, [url], self.scraper, SystemClock(), fresh=timedelta())

    async def send(self, revision: str, requests: int) -> None:
        service = f"{KEY.name}-{revision}-predictor"
        self.exporter.counts[series(KEY.namespace, KEY.name, service), CODE[revision]] += requests

    async def restart(self) -> None:
        self.exporter.restart()

    async def take_down(self) -> None:
        self.exporter.stuck = True

    async def end(self) -> None:
        self.exporter.close()
        await self.scraper.close()


class PredictorWorld:
    def __init__(self) -> None:
        self.kubernetes, self.scraper = FakeKubernetes(), Scraper()
        self.exporters: dict[str, PredictorExporter] = {}
        self._port = 0

    async def begin(self) -> None:
        await self.bring_up(HEALTHY)
        self.source = PredictorMetrics(self.kubernetes, self.scraper, SystemClock(), self._port)

    async def bring_up(self, revision: str) -> None:
        """A pod at an address of its own."""
        address = f"127.0.0.{2 + len(self.exporters)}"
        self.exporters[revision] = PredictorExporter()
        self._port = await self.exporters[revision].listen(address, self._port)
        status = {"podIP": address, "conditions": [{"type": "Ready", "status": "True"}]}
        pod = {"metadata": {"labels": labels(revision)}, "status": status}
        self.kubernetes.edit(POD, KEY.namespace, f"{KEY.name}-{revision}-0", pod)

    async def send(self, revision: str, requests: int) -> None:
        if revision not in self.exporters:
            await self.bring_up(revision)
        self.exporters[revision].counts["", CODE[revision]] += requests

    async def restart(self) -> None:
        for exporter in self.exporters.values():
            exporter.restart()

    async def take_down(self) -> None:
        for exporter in self.exporters.values():
            exporter.stuck = True

    async def end(self) -> None:
        for exporter in self.exporters.values():
            exporter.close()
        await self.scraper.close()


class PrometheusWorld:
    """What a Prometheus would answer that scrapes two predictors, in the schema of the real one."""

    def __init__(self) -> None:
        self.prometheus = FakePrometheus(lambda promql: vector(self.rows()))
        self.exporters: dict[str, PredictorExporter] = {}

    async def begin(self) -> None:
        self.exporters[HEALTHY] = PredictorExporter()
        self.api = PrometheusApi(await self.prometheus.listen(), timeout_seconds=1)
        self.source = PrometheusMetrics(self.api, SystemClock())

    def rows(self) -> Iterator[tuple[dict[str, str], float]]:
        for place, (revision, exporter) in enumerate(self.exporters.items()):
            target = {"job": "predictors", "instance": f"10.0.0.{place}:8080"}
            of = {**target, "deployment": str(KEY), "revision": revision}
            yield {**target, "serinus_part": "scraped"}, time.time()
            yield {**target, "serinus_part": "started"}, exporter.started_at
            for sample in samples(exporter.page(), ("serinus_requests_total",)):
                yield {**of, "code": sample.labels["code"], "serinus_part": "requests"}, sample.value
            for sample in samples(exporter.page(), ("serinus_request_seconds_bucket",)):
                yield {**of, "le": sample.labels["le"], "serinus_part": "latency"}, sample.value

    async def send(self, revision: str, requests: int) -> None:
        self.exporters.setdefault(revision, PredictorExporter()).counts["", CODE[revision]] += requests

    async def restart(self) -> None:
        for exporter in self.exporters.values():
            exporter.restart()

    async def take_down(self) -> None:
        self.prometheus.stuck = True

    async def end(self) -> None:
        self.prometheus.close()
        await self.source.close()


World = GatewayWorld | PredictorWorld | PrometheusWorld


@pytest.fixture(params=[GatewayWorld, PredictorWorld, PrometheusWorld])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    made: World = request.param()
    await made.begin()
    yield made
    await made.end()
