"""A mirrored candidate on one machine: whatever it does, no client waits for it and none sees it."""

import os
import signal
from pathlib import Path

import pytest

from serinus.adapters.system_clock import SystemClock
from serinus.core.observation import CounterSample
from serinus.local.gateway import Gateway
from serinus.local.metrics import LocalMetrics
from serinus.local.records import ServingRecord
from serinus.local.serving import LocalServing
from tests.local.harness import KEY, eventually, plan, revision, running
from tests.local.load import Client, Load

pytestmark = pytest.mark.anyio

A, B = revision("aaa"), revision("bbb")
REQUESTS = 40


async def mirroring(serving: LocalServing, candidate: object = B, percent: int = 100) -> str:
    """Bring up stable and a candidate that gets copies. Returns the URL."""
    wanted = plan(A, candidate, weights={"aaa": 100, "bbb": 0}, mirror=percent)  # type: ignore[arg-type]
    await serving.apply(KEY, wanted)

    async def so() -> bool:
        seen = await serving.observe(KEY)
        return seen.mirror == {"bbb": percent} and seen.weights == {"aaa": 100, "bbb": 0} and seen.ready("aaa")

    await eventually(so, "requests are mirrored")
    return (await serving.observe(KEY)).url


async def counted(gateway: Gateway, name: str) -> CounterSample:
    samples = (await LocalMetrics(gateway, SystemClock()).read(KEY)).samples
    return next(one for one in samples if one.revision == name)


async def requests(gateway: Gateway, name: str) -> int:
    samples = (await LocalMetrics(gateway, SystemClock()).read(KEY)).samples
    return sum(sum(one.codes.values()) for one in samples if one.revision == name)


async def send(url: str, count: int = REQUESTS) -> None:
    """One after another; every answer is stable's."""
    client = Client(url)
    for _ in range(count):
        status, body, _ = await client.send()
        assert (status, b'"aaa"' in body) == (200, True)
    client.close()


async def arrive(gateway: Gateway, count: int) -> None:
    async def have() -> bool:
        return await requests(gateway, "bbb") == count

    await eventually(have, f"{count} copies are answered")


async def test_copies_are_counted_as_requests_are_with_code_and_duration(tmp_path: Path) -> None:
    async with running(tmp_path) as (serving, gateway):
        url = await mirroring(serving, revision("bbb", status=503, delay_seconds=0.3))
        await send(url)
        await arrive(gateway, REQUESTS)
        stable, candidate = await counted(gateway, "aaa"), await counted(gateway, "bbb")
    assert (stable.codes, candidate.codes) == ({200: REQUESTS}, {503: REQUESTS})
    assert candidate.latency_buckets[0.2] == 0, "a copy is timed by itself"
    assert candidate.latency_buckets[float("inf")] == stable.latency_buckets[float("inf")] == REQUESTS


async def test_no_client_waits_for_a_candidate_that_hangs(tmp_path: Path) -> None:
    async with running(tmp_path) as (serving, gateway):
        url = await mirroring(serving)
        hanging = pid(tmp_path)
        os.kill(hanging, signal.SIGSTOP)
        await send(url)
        assert await requests(gateway, "bbb") == 0, "clients had all their answers before the first copy had one"
        assert await requests(gateway, "aaa") == REQUESTS
        os.kill(hanging, signal.SIGKILL)  # or its end would wait for what it still has


async def test_no_request_fails_while_the_candidate_dies_again_and_again(tmp_path: Path) -> None:
    async with running(tmp_path) as (serving, gateway):
        url = await mirroring(serving)
        async with Load(url) as load:
            for death in range(1, 3):
                os.kill(pid(tmp_path), signal.SIGKILL)
                await eventually(lambda times=death: is_back(serving, times), "it is back")  # type: ignore[misc]
        failed = (await counted(gateway, "bbb")).codes
    assert load.answers.revisions.keys() == {"aaa"}
    assert load.answers.failed == 0, load.answers.statuses
    assert failed.keys() & {502, 503}, "what a dead candidate misses counts against it"


async def is_back(serving: LocalServing, deaths: int) -> bool:
    status = (await serving.observe(KEY)).revisions["bbb"]
    return status.restarts == deaths and status.ready


def pid(folder: Path) -> int:
    """The candidate's process."""
    record = ServingRecord.model_validate_json((folder / "serving.json").read_text())
    candidates = [one for one in record.deployments[0].revisions if one.revision.id == "bbb"]
    process = candidates[0].replicas[0].process
    assert process
    return process.pid


async def test_no_request_fails_and_none_is_answered_twice_while_the_mirror_comes_and_goes(tmp_path: Path) -> None:
    async with running(tmp_path) as (serving, _):
        url = await mirroring(serving)
        async with Load(url) as load:
            for percent in (20, 100, 50):
                await mirroring(serving, percent=percent)
            await serving.apply(KEY, plan(A, B, weights={"aaa": 0, "bbb": 100}))
            await eventually(lambda: gives_everything(serving, "bbb"), "the candidate is promoted")
            await serving.apply(KEY, plan(A, B, weights={"aaa": 100, "bbb": 0}))
            await eventually(lambda: gives_everything(serving, "aaa"), "stable serves again")
    assert load.answers.failed == 0, load.answers.statuses
    assert load.answers.revisions.keys() == {"aaa", "bbb"}


async def gives_everything(serving: LocalServing, name: str) -> bool:
    seen = await serving.observe(KEY)
    return seen.weights[name] == 100 and not seen.mirror


async def test_a_request_too_large_to_be_copied_is_answered_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serinus.local.traefik.MIRRORED_BYTES", 1000)
    async with running(tmp_path) as (serving, gateway):
        url = await mirroring(serving)
        large = Client(url, b"[" + 2000 * b" " + b"]")
        assert [(await large.send())[0] for _ in range(5)] == [200] * 5
        large.close()
        await send(url, 3)
        await arrive(gateway, 3)
