"""What every serving backend does, whatever stands behind it."""

import json
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

from serinus.adapters.system_clock import SystemClock
from serinus.core.observation import ServingObservation
from serinus.core.plan import HeaderMatch, ServingPlan
from serinus.local.gateway import Gateway
from serinus.local.metrics import LocalMetrics
from serinus.local.serving import LocalServing
from serinus.ports import Key, ServingBackend
from tests.adapters.fakes.serving import FakeServing
from tests.local.harness import KEY, eventually, new_backend, plan, revision
from tests.local.load import Client, Load

pytestmark = pytest.mark.anyio

A, B, C = revision("aaa"), revision("bbb"), revision("ccc")


class World(Protocol):
    """A backend and what happens around it."""

    @property
    def backend(self) -> ServingBackend: ...

    async def send(self, headers: Mapping[str, str], cookie: str = "") -> tuple[int, str, str]:
        """A client's request: status code, revision that answered, cookie to send next time."""
        ...

    async def copies(self, name: str) -> int:
        """The requests that a revision has been sent since it was brought up."""
        ...

    async def kill(self, name: str) -> None:
        """The process of a revision dies."""
        ...

    async def crash(self) -> None:
        """The program is killed and started again on the same state."""
        ...

    async def end(self) -> None: ...


class FakeWorld:
    def __init__(self) -> None:
        self.backend = FakeServing()

    async def send(self, headers: Mapping[str, str], cookie: str = "") -> tuple[int, str, str]:
        status, name = self.backend.send(KEY, headers, cookie)
        return status, name, name

    async def copies(self, name: str) -> int:
        return self.backend.copies[name]

    async def kill(self, name: str) -> None:
        self.backend.kill(KEY, name)

    async def crash(self) -> None:
        self.backend = self.backend.crash()

    async def end(self) -> None:
        return None


class LocalWorld:
    def __init__(self, folder: Path, backend: LocalServing, gateway: Gateway) -> None:
        self.folder, self.backend, self.gateway = folder, backend, gateway

    async def send(self, headers: Mapping[str, str], cookie: str = "") -> tuple[int, str, str]:
        client = Client((await self.backend.observe(KEY)).url)
        sent = {**headers, **({"cookie": cookie} if cookie else {})}
        status, body, new_cookie = await client.send(sent.items())
        client.close()
        return status, json.loads(body)["revision"] if status == 200 else "", new_cookie or cookie

    async def copies(self, name: str) -> int:
        samples = (await LocalMetrics(self.gateway, SystemClock()).read(KEY)).samples
        return sum(sum(one.codes.values()) for one in samples if one.revision == name)

    async def kill(self, name: str) -> None:
        os.kill(self.pids()[name], signal.SIGKILL)

    def pids(self) -> dict[str, int]:
        record = json.loads((self.folder / "serving.json").read_text())
        revisions = [one for deployment in record["deployments"] for one in deployment["revisions"]]
        return {one["revision"]["id"]: one["replicas"][0]["process"]["pid"] for one in revisions}

    async def crash(self) -> None:
        await self.backend.close(keep=True)
        self.backend, self.gateway = new_backend(self.folder, int(self.gateway.url.rpartition(":")[2]))
        await self.backend.start()

    async def end(self) -> None:
        await self.backend.close()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["fake", "local"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    if request.param == "fake":
        yield FakeWorld()
        return
    backend, gateway = new_backend(tmp_path)
    await backend.start()
    local = LocalWorld(tmp_path, backend, gateway)
    yield local
    await local.end()


async def settled(world: World, wanted: ServingPlan) -> ServingObservation:
    """Apply a plan and wait until it is so: all its revisions ready and no others, its weights accepted."""
    await world.backend.apply(KEY, wanted)
    seen: list[ServingObservation] = []

    async def so() -> bool:
        seen.append(await world.backend.observe(KEY))
        served = {one.revision.id for one in wanted.served}
        accepted = {name: weight for name, weight in seen[-1].weights.items() if weight}
        ready = all(seen[-1].ready(name) for name in served)
        mirrored = sum(seen[-1].mirror.values()) == wanted.mirror
        return (
            ready
            and mirrored
            and seen[-1].revisions.keys() == served
            and accepted == {k: w for k, w in wanted.weights if w}
        )

    await eventually(so, f"{wanted.weights} in effect")
    return seen[-1]


async def answers(world: World, count: int, headers: Mapping[str, str] | None = None) -> Counter[str]:
    sent = [await world.send(headers or {}) for _ in range(count)]
    assert {status for status, _, _ in sent} == {200}
    return Counter(name for _, name, _ in sent)


async def test_a_deployment_nobody_applied_serves_nothing(world: World) -> None:
    seen = await world.backend.observe(Key("default", "unknown"))
    assert not seen.revisions
    assert not seen.weights


async def test_an_applied_revision_becomes_ready_and_takes_the_requests(world: World) -> None:
    seen = await settled(world, plan(A, weights={"aaa": 100}))
    assert seen.revisions["aaa"].ready_replicas == seen.revisions["aaa"].replicas == 1
    assert seen.revisions["aaa"].restarts == 0
    assert not seen.revisions["aaa"].failed
    assert await answers(world, 10) == {"aaa": 10}


async def test_applying_twice_is_applying_once(world: World) -> None:
    wanted = plan(A, B, weights={"aaa": 90, "bbb": 10})
    before = await settled(world, wanted)
    assert await settled(world, wanted) == before


async def test_requests_are_split_by_the_weights(world: World) -> None:
    await settled(world, plan(A, B, weights={"aaa": 75, "bbb": 25}))
    split = await answers(world, 200)
    assert abs(split["bbb"] - 50) <= 2


async def test_a_revision_at_weight_0_runs_and_gets_no_request(world: World) -> None:
    seen = await settled(world, plan(A, B, weights={"aaa": 100, "bbb": 0}))
    assert seen.ready("bbb")
    assert await answers(world, 20) == {"aaa": 20}


async def test_a_revision_that_left_the_plan_vanishes(world: World) -> None:
    await settled(world, plan(A, B, weights={"aaa": 100, "bbb": 0}))
    seen = await settled(world, plan(B, weights={"bbb": 100}))
    assert "aaa" not in seen.weights
    assert await answers(world, 10) == {"bbb": 10}


async def test_an_empty_plan_ends_the_deployment(world: World) -> None:
    await settled(world, plan(A, weights={"aaa": 100}))
    seen = await settled(world, ServingPlan())
    assert not seen.revisions
    assert not seen.weights


async def test_weight_waits_until_the_revision_that_gets_it_is_ready(world: World, tmp_path: Path) -> None:
    late = revision("late", ready_file=str(tmp_path / "open"))
    await settled(world, plan(A, weights={"aaa": 100}))
    await world.backend.apply(KEY, plan(A, late, weights={"aaa": 50, "late": 50}))
    for _ in range(10):
        assert await answers(world, 5) == {"aaa": 5}
        assert not (await world.backend.observe(KEY)).ready("late")


async def test_a_header_leads_to_the_candidate_whatever_its_weight(world: World) -> None:
    match = HeaderMatch("x-canary", 'the "new" one')
    await settled(world, plan(A, B, weights={"aaa": 100, "bbb": 0}, match=match))
    await eventually(lambda: _is_answered_by(world, "bbb", {match.name: match.value}), "the header is matched")
    assert await answers(world, 10, {match.name: match.value}) == {"bbb": 10}
    assert await answers(world, 10, {match.name: "else"}) == {"aaa": 10}


async def _is_answered_by(world: World, name: str, headers: Mapping[str, str]) -> bool:
    return (await world.send(headers))[1] == name


async def test_a_mirrored_share_reaches_the_candidate_and_its_answers_nobody(world: World) -> None:
    """The candidate answers 500: a client that saw one of its answers would tell."""
    bad = revision("bad", status=500)
    stable_alone = plan(A, bad, weights={"aaa": 100, "bad": 0})
    await settled(world, stable_alone)
    seen = await settled(world, replace(stable_alone, mirror=25))
    assert seen.mirror == {"bad": 25}
    before = await world.copies("bad")
    assert await answers(world, 40) == {"aaa": 40}
    await eventually(lambda: _has_copies(world, "bad", before + 10), "the copies have arrived")
    await settled(world, replace(stable_alone, mirror=100))
    assert await answers(world, 20) == {"aaa": 20}
    await eventually(lambda: _has_copies(world, "bad", before + 30), "all are copied")
    assert not (await settled(world, stable_alone)).mirror
    assert await answers(world, 20) == {"aaa": 20}
    assert await _has_copies(world, "bad", before + 30)


async def _has_copies(world: World, name: str, count: int) -> bool:
    return await world.copies(name) == count


async def test_a_mirror_waits_until_the_revision_that_gets_it_is_ready(world: World, tmp_path: Path) -> None:
    late = revision("late", ready_file=str(tmp_path / "open"))
    await settled(world, plan(A, weights={"aaa": 100}))
    await world.backend.apply(KEY, plan(A, late, weights={"aaa": 100, "late": 0}, mirror=50))
    for _ in range(10):
        assert await answers(world, 5) == {"aaa": 5}
        assert not (await world.backend.observe(KEY)).mirror


async def test_sticky_clients_stay_until_their_revision_has_no_weight(world: World) -> None:
    await settled(world, plan(A, B, weights={"aaa": 50, "bbb": 50}, sticky=True))
    first = [await world.send({}) for _ in range(10)]
    assert {name for _, name, _ in first} == {"aaa", "bbb"}
    for _, name, cookie in first:
        assert [(await world.send({}, cookie))[1] for _ in range(3)] == [name] * 3
    await settled(world, plan(A, B, weights={"aaa": 100, "bbb": 0}, sticky=True))
    assert {(await world.send({}, cookie))[1] for _, _, cookie in first} == {"aaa"}


async def test_a_process_that_dies_counts_as_a_restart_and_comes_back(world: World) -> None:
    await settled(world, plan(A, B, weights={"aaa": 50, "bbb": 50}))
    await world.kill("aaa")

    async def is_back() -> bool:
        seen = await world.backend.observe(KEY)
        return seen.revisions["aaa"].restarts == 1 and seen.ready("aaa")

    await eventually(is_back, "the process is back")
    assert (await world.backend.observe(KEY)).revisions["bbb"].restarts == 0
    assert (await answers(world, 20)).keys() == {"aaa", "bbb"}


async def test_a_model_that_cannot_be_served_is_reported_as_failed_with_the_reason(world: World) -> None:
    bad = revision("bad", exit_code=3, say="artifact /m has digest x, but y was registered")
    await settled(world, plan(A, weights={"aaa": 100}))
    await world.backend.apply(KEY, plan(A, bad, weights={"aaa": 100, "bad": 0}))

    async def has_failed() -> bool:
        return (await world.backend.observe(KEY)).revisions["bad"].failed

    await eventually(has_failed, "the revision is failed")
    seen = await world.backend.observe(KEY)
    assert not seen.ready("bad")
    assert "artifact /m has digest x, but y was registered" in seen.revisions["bad"].message
    assert await answers(world, 10) == {"aaa": 10}


async def test_what_was_applied_outlives_a_crash(world: World) -> None:
    wanted = plan(A, B, weights={"aaa": 90, "bbb": 10})
    await settled(world, wanted)
    await world.kill("bbb")
    await eventually(lambda: _restarts(world, "bbb", 1), "bbb is back")
    before = await settled(world, wanted)
    await world.crash()
    assert await world.backend.observe(KEY) == before
    assert await settled(world, wanted) == before


async def test_what_is_held_for_stable_is_told_whatever_its_weight(world: World) -> None:
    for weights in ({"aaa": 100}, {"aaa": 80, "bbb": 20}, {"aaa": 20, "bbb": 80}):
        await settled(world, plan(A, B, weights=weights) if "bbb" in weights else plan(A, weights=weights))
        await world.crash()
        assert (await world.backend.observe(KEY)).stable == "aaa"


async def test_a_mirror_outlives_a_crash(world: World) -> None:
    wanted = plan(A, B, weights={"aaa": 100, "bbb": 0}, mirror=30)
    before = await settled(world, wanted)
    await world.crash()
    assert await world.backend.observe(KEY) == before
    assert await settled(world, wanted) == before


async def _restarts(world: World, name: str, count: int) -> bool:
    seen = await world.backend.observe(KEY)
    return seen.revisions[name].restarts == count and seen.ready(name)


@pytest.mark.parametrize("world", ["local"], indirect=True)
async def test_no_request_fails_while_the_weights_flip_20_times(world: World) -> None:
    first = await settled(world, plan(A, B, weights={"aaa": 100, "bbb": 0}))
    async with Load(first.url) as load:
        for flip in range(20):
            weight = 100 * (flip % 2)
            await settled(world, plan(A, B, weights={"aaa": weight, "bbb": 100 - weight}))
    assert load.answers.failed == 0, load.answers.statuses
    assert load.answers.revisions.keys() == {"aaa", "bbb"}


@pytest.mark.parametrize("world", ["local"], indirect=True)
async def test_no_request_fails_and_no_process_changes_over_a_crash(world: World) -> None:
    assert isinstance(world, LocalWorld)
    wanted = plan(A, B, weights={"aaa": 50, "bbb": 50})
    first = await settled(world, wanted)
    pids, gateway = world.pids(), world.gateway.process
    async with Load(first.url) as load:
        await world.crash()
        await settled(world, wanted)
    assert world.pids() == pids
    assert world.gateway.process == gateway
    assert load.answers.failed == 0, load.answers.statuses
    assert load.answers.total > 0
