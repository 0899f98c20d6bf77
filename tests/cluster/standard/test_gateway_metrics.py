"""The contract of metrics sources, kept by the real gateway's page for HTTPRoutes; and how its counters live."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import httpx
import psutil
import pytest

from serinus.adapters.gateway_metrics import GatewayMetrics
from serinus.adapters.scraping import FAILURE_FRESH, Scraper
from serinus.adapters.system_clock import SystemClock
from serinus.core.errors import MetricsUnavailable
from serinus.core.observation import MetricsSnapshot
from serinus.core.plan import HeaderMatch
from tests.adapters import test_metrics_contract as contract
from tests.adapters.test_metrics_contract import (
    BROKEN,
    CODE,
    HEALTHY,
    counted,
    sample,
    test_a_restart_of_what_counts_begins_at_zero_with_a_new_start,
    test_a_source_that_does_not_answer_is_unavailable,
    test_another_deployment_has_no_samples_of_this_one,
    test_counts_are_cumulative_with_the_same_start,
    test_counts_are_exact_per_revision_and_code,
    test_latency_buckets_are_cumulative_and_bounded_by_the_requests,
    test_no_traffic_is_no_samples_and_no_error,
)
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.processes import read_records
from tests.cluster.looking import Look
from tests.cluster.standard.world import StandardWorld
from tests.local.harness import plan, revision

pytestmark = pytest.mark.anyio

__all__ = [
    "test_a_restart_of_what_counts_begins_at_zero_with_a_new_start",
    "test_a_source_that_does_not_answer_is_unavailable",
    "test_another_deployment_has_no_samples_of_this_one",
    "test_counts_are_cumulative_with_the_same_start",
    "test_counts_are_exact_per_revision_and_code",
    "test_latency_buckets_are_cumulative_and_bounded_by_the_requests",
    "test_no_traffic_is_no_samples_and_no_error",
]

BOTH = (revision(HEALTHY), revision(BROKEN, status=500))


class GatewayWorld(StandardWorld):
    """Counts must be exact, so nobody may ask whether the route works: the gateway says when it has loaded one."""

    async def begin(self) -> None:
        await super().begin()
        self.probing = False
        self.page = f"http://127.0.0.1:{self.cluster.facts.ports['gateway-metrics']}/metrics"
        self.scraper = Scraper()
        self.source = GatewayMetrics(self.objects, [self.page], self.scraper, SystemClock(), timedelta())
        await self.route_to(HEALTHY)

    async def route_to(self, name: str) -> None:
        """Send everything to one of the two revisions; both run."""
        if self._seen_weights.get(name) != 100:
            before = await self.reloads()
            await self.settled(plan(*BOTH, weights={HEALTHY: 0, BROKEN: 0, name: 100}))
            await self.loaded(before)

    async def reloads(self) -> float:
        """How often the gateway has loaded a configuration."""
        async with httpx.AsyncClient(trust_env=False) as client:
            lines = (await client.get(self.page)).text.splitlines()
        found = [line for line in lines if line.startswith("traefik_config_reloads_total")]
        return float(found[0].split()[-1]) if found else 0.0

    async def loaded(self, before: float) -> None:
        """Wait until the gateway has loaded something since, and nothing for a while."""
        deadline, last, since = time.monotonic() + 20, before, time.monotonic()
        while last == before or time.monotonic() - since < 1:
            assert time.monotonic() < deadline, "the gateway loads nothing"
            await asyncio.sleep(0.1)
            if (now := await self.reloads()) != last:
                last, since = now, time.monotonic()

    async def post(self, name: str, requests: int) -> None:
        """Send requests to one of the two revisions."""
        await self.route_to(name)
        answered = [await self.send({}) for _ in range(requests)]
        assert {status for status, _, _ in answered} == {CODE[name]}

    @property
    def process(self) -> psutil.Process:
        records = [one for one in read_records(self.cluster.layout.records) if one.name.startswith("pod-traefik-")]
        return next(process for one in records if (process := one.process()))

    async def restart_gateway(self) -> None:
        former = self.process.pid
        os.kill(former, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while True:
            assert time.monotonic() < deadline, "the gateway does not come back"
            await asyncio.sleep(0.2)
            try:
                await self.loaded(0)
            except httpx.HTTPError:
                continue
            if self.process.pid != former:
                return


class MeteredWorld:
    """The world as the contract knows it."""

    def __init__(self, gateway: GatewayWorld) -> None:
        self.gateway = gateway

    @property
    def source(self) -> GatewayMetrics:
        return self.gateway.source

    async def send(self, revision: str, requests: int) -> None:
        await self.gateway.post(revision, requests)

    async def restart(self) -> None:
        await self.gateway.restart_gateway()

    async def take_down(self) -> None:
        self.gateway.process.suspend()

    async def end(self) -> None:
        self.gateway.process.resume()
        await self.gateway.scraper.close()
        await self.gateway.end()


@pytest.fixture
async def world(
    cluster: Cluster,
    look: Look,
    new_namespace: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[MeteredWorld]:
    made = GatewayWorld(cluster, look, new_namespace(), tmp_path)
    monkeypatch.setattr(contract, "KEY", made.key)
    await made.begin()
    metered = MeteredWorld(made)
    yield metered
    await metered.end()


async def test_counters_live_through_changes_of_weights_and_rules(world: MeteredWorld) -> None:
    gateway = world.gateway
    await world.send(HEALTHY, 6)
    seen: list[MetricsSnapshot] = []
    match = HeaderMatch("X-Tester", "ann")
    for weights, more in (
        ({HEALTHY: 90, BROKEN: 10}, {}),
        ({HEALTHY: 100, BROKEN: 0}, {"match": match}),
        ({HEALTHY: 100, BROKEN: 0}, {"sticky": True}),
        ({HEALTHY: 100, BROKEN: 0}, {}),
    ):
        before = await gateway.reloads()
        await gateway.settled(plan(*BOTH, weights=weights, **more))
        await gateway.loaded(before)
        seen.append(await world.source.read(gateway.key))
    assert [sample(snapshot, HEALTHY).codes for snapshot in seen] == [{200: 6}] * 4
    assert len({sample(snapshot, HEALTHY).started_at for snapshot in seen}) == 1


async def test_testers_requests_count_for_the_candidate(world: MeteredWorld) -> None:
    gateway = world.gateway
    before = await gateway.reloads()
    match = HeaderMatch("X-Tester", "ann")
    await gateway.settled(plan(*BOTH, weights={HEALTHY: 100, BROKEN: 0}, match=match))
    await gateway.loaded(before)
    for _ in range(5):
        assert (await gateway.send({"X-Tester": "ann"}))[0] == 500
    assert sample(await counted(world, BROKEN, 5), BROKEN).codes == {500: 5}


async def test_a_revision_that_comes_back_counts_from_zero_with_a_new_start(world: MeteredWorld) -> None:
    gateway = world.gateway
    await world.send(BROKEN, 4)
    former = await counted(world, BROKEN, 4)
    await gateway.settled(plan(BOTH[0], weights={HEALTHY: 100}))
    await world.send(BROKEN, 3)
    after = await counted(world, BROKEN, 3)
    assert sample(after, BROKEN).codes == {500: 3}
    assert sample(after, BROKEN).started_at > sample(former, BROKEN).started_at


async def test_a_gateway_that_is_suspended_is_evidence_of_nothing(world: MeteredWorld) -> None:
    await world.send(HEALTHY, 2)
    await counted(world, HEALTHY, 2)
    await world.take_down()
    with pytest.raises(MetricsUnavailable):
        await world.source.read(world.gateway.key)
    world.gateway.process.resume()
    await asyncio.sleep(FAILURE_FRESH.total_seconds())  # for so long all are told what one was told
    assert sample(await counted(world, HEALTHY, 2), HEALTHY).codes == {200: 2}
