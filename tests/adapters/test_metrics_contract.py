"""What every metrics source does, whatever it asks."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import pytest

from serinus.adapters.system_clock import SystemClock
from serinus.core.errors import MetricsUnavailable, ServingUnavailable
from serinus.core.observation import CounterSample, MetricsSnapshot
from serinus.local.gateway import Gateway
from serinus.local.metrics import LocalMetrics
from serinus.local.serving import LocalServing
from serinus.ports import Key, MetricsSource
from tests.adapters.fakes.metrics import FakeMetrics
from tests.local.harness import KEY, eventually, new_backend, plan, revision
from tests.local.load import Client

pytestmark = pytest.mark.anyio

HEALTHY, BROKEN = "healthy", "broken"
CODE = {HEALTHY: 200, BROKEN: 500}
SLOW_EDGE = 1.0


class World(Protocol):
    """A metrics source and the requests it should count. The revision `broken` answers 500."""

    @property
    def source(self) -> MetricsSource: ...

    async def send(self, revision: str, requests: int) -> None: ...

    async def restart(self) -> None:
        """What counts is restarted."""
        ...

    async def take_down(self) -> None:
        """What counts does not answer any more."""
        ...

    async def end(self) -> None: ...


class FakeWorld:
    def __init__(self) -> None:
        self.source = FakeMetrics(SystemClock())

    async def send(self, revision: str, requests: int) -> None:
        self.source.count(KEY, revision, CODE[revision], requests)

    async def restart(self) -> None:
        self.source.restart()

    async def take_down(self) -> None:
        self.source.up = False

    async def end(self) -> None:
        return None


class LocalWorld:
    def __init__(self, serving: LocalServing, gateway: Gateway) -> None:
        self.serving, self.gateway = serving, gateway
        self.source = LocalMetrics(gateway, SystemClock())

    async def begin(self) -> None:
        await self.serving.start()
        await self.route_to(HEALTHY)

    async def route_to(self, name: str) -> str:
        """Send everything to one of the two revisions; both run. Returns the URL."""
        both = revision(HEALTHY), revision(BROKEN, status=500)
        await self.serving.apply(KEY, plan(*both, weights={HEALTHY: 0, BROKEN: 0, name: 100}))

        async def so() -> bool:
            try:
                seen = await self.serving.observe(KEY)
            except ServingUnavailable:
                return False
            return seen.weights.get(name) == 100 and seen.ready(HEALTHY) and seen.ready(BROKEN)

        await eventually(so, f"all requests go to {name}")
        return (await self.serving.observe(KEY)).url

    async def send(self, revision: str, requests: int) -> None:
        client = Client(await self.route_to(revision))
        codes = {(await client.send())[0] for _ in range(requests)}
        client.close()
        assert codes == {CODE[revision]}

    async def restart(self) -> None:
        process = self.gateway.process
        assert process
        os.kill(process.pid, signal.SIGKILL)
        await eventually(lambda: self.gateway.process not in (None, process), "a new gateway process")
        await self.route_to(HEALTHY)

    async def take_down(self) -> None:
        process = self.gateway.process
        assert process
        # Stopped, not ended: it takes connections and does not answer.
        os.kill(process.pid, signal.SIGSTOP)

    async def end(self) -> None:
        if process := self.gateway.process:
            os.kill(process.pid, signal.SIGCONT)
        await self.serving.close()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["fake", "local"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    if request.param == "fake":
        yield FakeWorld()
        return
    local = LocalWorld(*new_backend(tmp_path, edges=(0.123,)))
    await local.begin()
    yield local
    await local.end()


def sample(snapshot: MetricsSnapshot, name: str) -> CounterSample:
    return next(one for one in snapshot.samples if one.revision == name)


async def counted(world: World, name: str, requests: int) -> MetricsSnapshot:
    """The snapshot once the last request's count has arrived: a gateway counts just after it has answered."""
    seen: list[MetricsSnapshot] = []

    async def so() -> bool:
        seen.append(await world.source.read(KEY))
        return any(sum(one.codes.values()) >= requests for one in seen[-1].samples if one.revision == name)

    await eventually(so, f"{requests} requests of {name} are counted")
    return seen[-1]


async def test_no_traffic_is_no_samples_and_no_error(world: World) -> None:
    snapshot = await world.source.read(KEY)
    assert snapshot.samples == ()
    assert len(snapshot.instances) == 1
    assert snapshot.instances[0].started_at <= snapshot.at


async def test_counts_are_exact_per_revision_and_code(world: World) -> None:
    await world.send(HEALTHY, 37)
    await world.send(BROKEN, 11)
    snapshot = await counted(world, BROKEN, 11)
    assert sample(snapshot, HEALTHY).codes == {200: 37}
    assert sample(snapshot, BROKEN).codes == {500: 11}


async def test_counts_are_cumulative_with_the_same_start(world: World) -> None:
    await world.send(HEALTHY, 5)
    first = await counted(world, HEALTHY, 5)
    await world.send(HEALTHY, 7)
    second = await counted(world, HEALTHY, 12)
    assert sample(second, HEALTHY).codes == {200: 12}
    assert sample(second, HEALTHY).started_at == sample(first, HEALTHY).started_at
    assert second.instances == first.instances
    assert second.at > first.at


async def test_latency_buckets_are_cumulative_and_bounded_by_the_requests(world: World) -> None:
    await world.send(HEALTHY, 20)
    buckets = sample(await counted(world, HEALTHY, 20), HEALTHY).latency_buckets
    counts = [buckets[edge] for edge in sorted(buckets)]
    assert counts == sorted(counts)
    assert counts[-1] <= 20
    assert buckets[SLOW_EDGE] == 20


async def test_another_deployment_has_no_samples_of_this_one(world: World) -> None:
    await world.send(HEALTHY, 3)
    await counted(world, HEALTHY, 3)
    assert (await world.source.read(Key("default", "other"))).samples == ()


async def test_a_restart_of_what_counts_begins_at_zero_with_a_new_start(world: World) -> None:
    await world.send(HEALTHY, 9)
    before = await counted(world, HEALTHY, 9)
    await world.restart()
    await world.send(HEALTHY, 2)
    after = await counted(world, HEALTHY, 2)
    assert sample(after, HEALTHY).codes == {200: 2}
    assert sample(after, HEALTHY).started_at > sample(before, HEALTHY).started_at
    assert after.instances[0].started_at > before.instances[0].started_at


async def test_a_source_that_does_not_answer_is_unavailable(world: World) -> None:
    await world.take_down()
    with pytest.raises(MetricsUnavailable):
        await world.source.read(KEY)


@pytest.mark.parametrize("world", ["local"], indirect=True)
async def test_the_histogram_has_the_edges_asked_for_at_the_start(world: World) -> None:
    await world.send(HEALTHY, 1)
    assert 0.123 in sample(await counted(world, HEALTHY, 1), HEALTHY).latency_buckets


@pytest.mark.parametrize("world", ["local"], indirect=True)
async def test_a_revision_that_comes_back_counts_from_zero_with_a_new_start(world: World) -> None:
    assert isinstance(world, LocalWorld)
    await world.send(BROKEN, 4)
    before = await counted(world, BROKEN, 4)
    await world.serving.apply(KEY, plan(revision(HEALTHY), weights={HEALTHY: 100}))

    async def is_gone() -> bool:
        return BROKEN not in (await world.serving.observe(KEY)).weights

    await eventually(is_gone, "the revision is gone")
    await world.send(BROKEN, 3)
    after = await counted(world, BROKEN, 3)
    assert sample(after, BROKEN).codes == {500: 3}
    assert sample(after, BROKEN).started_at > sample(before, BROKEN).started_at
