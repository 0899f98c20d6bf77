"""The contract of metrics sources, kept by the one that asks a real Prometheus, which scrapes real pages."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from serinus.adapters.prometheus_api import PrometheusApi
from serinus.adapters.prometheus_metrics import PrometheusMetrics
from serinus.adapters.system_clock import SystemClock
from tests.adapters.standard.exporters import PredictorExporter
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
from tests.cluster.monitoring.server import Prometheus, Target, running
from tests.local.harness import KEY, eventually

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


class PrometheusWorld:
    """Two predictors' pages; that of the broken one answers from its first request on."""

    def __init__(
        self, prometheus: Prometheus, exporters: dict[str, PredictorExporter], addresses: dict[str, int]
    ) -> None:
        self.prometheus, self.exporters, self.addresses = prometheus, exporters, addresses
        self.source = PrometheusMetrics(PrometheusApi(prometheus.url, timeout_seconds=2), SystemClock())

    async def send(self, revision: str, requests: int) -> None:
        if revision not in self.exporters:
            self.exporters[revision] = exporter(revision)
            await self.exporters[revision].listen(port=self.addresses[revision])
        self.exporters[revision].counts["", CODE[revision]] += requests
        await self.scraped()

    async def restart(self) -> None:
        for one in self.exporters.values():
            one.restart()
        await self.scraped()

    async def scraped(self) -> None:
        """Every page has been scraped anew: a scrape that began before may be under way."""
        before = {name: one.scrapes for name, one in self.exporters.items()}
        await eventually(
            lambda: all(one.scrapes >= before[name] + 2 for name, one in self.exporters.items()), "two more scrapes"
        )

    async def take_down(self) -> None:
        self.prometheus.process.send_signal(signal.SIGSTOP)

    async def end(self) -> None:
        os.kill(self.prometheus.process.pid, signal.SIGCONT)
        for one in self.exporters.values():
            one.close()
        await self.source.close()


def exporter(revision: str) -> PredictorExporter:
    """A page as that of a real predictor, with the labels by which it is found."""
    return PredictorExporter(f'deployment="{KEY}",revision="{revision}"')


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[PrometheusWorld]:
    first, later = exporter(HEALTHY), exporter("broken")
    ports = {HEALTHY: await first.listen(), "broken": await later.listen()}
    later.close()
    with running(tmp_path, [Target(f"127.0.0.1:{port}") for port in ports.values()], interval="300ms") as prometheus:
        made = PrometheusWorld(prometheus, {HEALTHY: first}, ports)
        await made.scraped()
        yield made
        await made.end()


async def test_a_process_that_vanished_takes_its_counters_with_it(world: PrometheusWorld) -> None:
    await world.send("broken", 5)
    assert {one.revision for one in (await world.source.read(KEY)).samples} == {"broken"}
    world.exporters.pop("broken").close()

    async def gone() -> bool:
        return not (await world.source.read(KEY)).samples

    await eventually(gone, "Prometheus has noticed that the process is gone")
    assert len((await world.source.read(KEY)).instances) == 1
