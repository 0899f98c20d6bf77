"""What is true of the local backend only: its processes, its files, its crashes."""

import asyncio
import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from serinus.core.errors import ServingUnavailable, StateUnwritable
from serinus.core.observation import RevisionStatus
from serinus.core.plan import ServingPlan
from serinus.local import gateway as gateway_module
from serinus.local import serving as module
from serinus.local.environment import child_environment
from serinus.local.files import atomic_write_text
from serinus.local.process import Process
from serinus.local.records import ServingRecord
from serinus.local.revisions import Launch
from serinus.local.routes import Route
from serinus.local.serving import LocalServing
from serinus.local.sockets import free_port
from tests.local import run_backend
from tests.local.harness import KEY, eventually, new_backend, plan, revision, running, stub_command
from tests.local.load import Client, Load

pytestmark = pytest.mark.anyio

A, B = revision("aaa"), revision("bbb")


async def until_ready(serving: LocalServing, wanted: ServingPlan) -> str:
    """Apply a plan and wait until it is in effect. Returns the URL."""
    await serving.apply(KEY, wanted)

    async def so() -> bool:
        seen = await serving.observe(KEY)
        accepted = {name: weight for name, weight in seen.weights.items() if weight}
        ready = all(seen.ready(one.revision.id) for one in wanted.served)
        return ready and accepted == {name: weight for name, weight in wanted.weights if weight}

    await eventually(so, "the plan is in effect")
    return (await serving.observe(KEY)).url


async def status(serving: LocalServing, name: str) -> RevisionStatus:
    return (await serving.observe(KEY)).revisions[name]


def pids(folder: Path) -> dict[str, list[int]]:
    """The processes that the record on disk names, by revision."""
    record = ServingRecord.model_validate_json((folder / "serving.json").read_text())
    revisions = [one for deployment in record.deployments for one in deployment.revisions]
    return {one.revision.id: [replica.process.pid for replica in one.replicas if replica.process] for one in revisions}


def children_of(folder: Path) -> set[int]:
    """Every living process that was started for this state folder."""
    owner = child_environment(folder)["SERINUS_STATE_FOLDER"]
    found = set()
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get("SERINUS_STATE_FOLDER") == owner:
                found.add(process.pid)
        except psutil.Error:
            continue
    return found


async def test_closing_ends_every_process_and_keeps_the_plan(tmp_path: Path) -> None:
    wanted = plan(A, B, weights={"aaa": 50, "bbb": 50})
    async with running(tmp_path) as (serving, gateway):
        await until_ready(serving, wanted)
        port = int(gateway.url.rpartition(":")[2])
        assert len(children_of(tmp_path)) == 3
    assert children_of(tmp_path) == set()
    async with running(tmp_path, port) as (serving, _):
        assert (await serving.observe(KEY)).known.keys() == {"aaa", "bbb"}
        await until_ready(serving, wanted)
        assert (await status(serving, "aaa")).restarts == 0


async def test_no_request_fails_while_revisions_replace_each_other(tmp_path: Path) -> None:
    names = ["r0", "r1", "r2", "r3"]
    async with running(tmp_path) as (serving, _):
        url = await until_ready(serving, plan(revision("r0"), weights={"r0": 100}))
        async with Load(url) as load:
            for old, new in pairwise(names):
                both = revision(old), revision(new)
                await until_ready(serving, plan(*both, weights={old: 100, new: 0}))
                await until_ready(serving, plan(*both, weights={old: 0, new: 100}))
                await until_ready(serving, plan(revision(new), weights={new: 100}))
                await eventually(lambda: len(children_of(tmp_path)) == 2, "the old process has ended")
    assert load.answers.failed == 0, load.answers.statuses
    assert load.answers.revisions.keys() == set(names)


async def test_a_slow_request_in_flight_is_answered_before_its_revision_ends(tmp_path: Path) -> None:
    slow = revision("slow", delay_seconds=1.0)
    async with running(tmp_path) as (serving, _):
        url = await until_ready(serving, plan(slow, weights={"slow": 100}))
        await until_ready(serving, plan(slow, B, weights={"slow": 100, "bbb": 0}))
        client = Client(url)
        request = asyncio.create_task(client.send())
        await asyncio.sleep(0)
        await eventually(lambda: client.is_waiting, "the request is on its way")
        await serving.apply(KEY, plan(B, weights={"bbb": 100}))
        code, body, _ = await request
        client.close()
        assert (code, json.loads(body)["revision"]) == (200, "slow")
        await eventually(lambda: len(children_of(tmp_path)) == 2, "the slow process has ended")


async def test_a_revision_with_several_replicas_spreads_its_requests_and_shrinks_without_failures(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as (serving, _):
        url = await until_ready(serving, plan(A, weights={"aaa": 100}, replicas=3))
        assert (await status(serving, "aaa")).ready_replicas == 3
        async with Load(url) as load:
            await until_ready(serving, plan(A, weights={"aaa": 100}, replicas=1))
            await eventually(lambda: len(children_of(tmp_path)) == 2, "two replicas have ended")
        assert load.answers.failed == 0, load.answers.statuses
        assert (await status(serving, "aaa")).replicas == 1


async def test_requests_to_a_revision_that_is_down_fail_and_are_not_sent_elsewhere(tmp_path: Path) -> None:
    dying = revision("dying")
    async with running(tmp_path) as (serving, _):
        url = await until_ready(serving, plan(A, dying, weights={"aaa": 50, "dying": 50}))
        os.kill(pids(tmp_path)["dying"][0], signal.SIGKILL)
        client = Client(url)
        codes = [(await client.send())[0] for _ in range(40)]
        client.close()
        assert set(codes) == {200, 502}
        await eventually(lambda: _is_back(serving, "dying"), "the process is back")


async def _is_back(serving: LocalServing, name: str) -> bool:
    seen = await status(serving, name)
    return seen.restarts == 1 and seen.ready


async def test_a_process_that_keeps_dying_says_so_with_its_last_words(tmp_path: Path) -> None:
    bad = revision("bad", exit_code=1, say="ValueError: cannot open the model")
    async with running(tmp_path) as (serving, _):
        await serving.apply(KEY, plan(bad, weights={"bad": 100}))

        async def died_twice() -> bool:
            return (await status(serving, "bad")).restarts >= 2

        await eventually(died_twice, "it died twice")
        seen = await status(serving, "bad")
        assert not seen.failed
        assert not seen.ready
        assert seen.message.endswith("ended with exit code 1: ValueError: cannot open the model")


async def test_a_command_that_does_not_exist_is_a_failed_revision(tmp_path: Path) -> None:
    def command(launch: Launch) -> Sequence[str]:
        return ["/nowhere/predictor"] if launch.revision.id == "bad" else stub_command(launch)

    async with running(tmp_path, command=command) as (serving, _):
        await serving.apply(KEY, plan(A, revision("bad"), weights={"aaa": 100, "bad": 0}))

        async def has_failed() -> bool:
            return (await status(serving, "bad")).failed

        await eventually(has_failed, "the revision is failed")
        assert "could not be started" in (await status(serving, "bad")).message


async def test_a_command_that_raises_is_a_failed_revision(tmp_path: Path) -> None:
    def command(launch: Launch) -> Sequence[str]:
        raise ValueError("no such runtime")

    async with running(tmp_path, command=command) as (serving, _):
        await serving.apply(KEY, plan(A, weights={"aaa": 100}))

        async def has_failed() -> bool:
            return (await status(serving, "aaa")).failed

        await eventually(has_failed, "the revision is failed")
        assert (await status(serving, "aaa")).message.endswith("ValueError: no such runtime")


async def test_a_backend_that_is_not_started_says_so(tmp_path: Path) -> None:
    serving, _ = new_backend(tmp_path)
    with pytest.raises(ServingUnavailable, match="not started"):
        await serving.observe(KEY)
    with pytest.raises(ServingUnavailable, match="not started"):
        await serving.apply(KEY, plan(A, weights={"aaa": 100}))


async def test_a_damaged_record_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "serving.json").write_text("{half")
    serving, _ = new_backend(tmp_path)
    with pytest.raises(ServingUnavailable, match="move it away"):
        await serving.start()
    await serving.close()
    assert (tmp_path / "serving.json").read_text() == "{half"


async def test_a_full_disk_is_reported_by_apply_and_what_serves_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str) -> None:
        raise StateUnwritable(f"cannot write {path}: {os.strerror(errno.ENOSPC)}; free some space")

    async with running(tmp_path) as (serving, _):
        url = await until_ready(serving, plan(A, weights={"aaa": 100}))
        with monkeypatch.context() as patched:
            patched.setattr(module, "atomic_write_text", full)
            with pytest.raises(StateUnwritable, match="No space left"):
                await serving.apply(KEY, plan(A, B, weights={"aaa": 0, "bbb": 100}))
            client = Client(url)
            assert (await client.send())[0] == 200
            client.close()
        await until_ready(serving, plan(A, B, weights={"aaa": 0, "bbb": 100}))


async def test_closing_on_a_full_disk_ends_every_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, text: str) -> None:
        raise StateUnwritable(f"cannot write {path}: {os.strerror(errno.ENOSPC)}; free some space")

    serving, _ = new_backend(tmp_path)
    await serving.start()
    try:
        await until_ready(serving, plan(A, weights={"aaa": 100}))
        assert len(children_of(tmp_path)) == 2
        for writer in (gateway_module, module):
            monkeypatch.setattr(writer, "atomic_write_text", full)
        with contextlib.suppress(StateUnwritable):  # it may say so, once everything has ended
            await serving.close()
        assert children_of(tmp_path) == set()
    finally:
        for pid in children_of(tmp_path):
            os.kill(pid, signal.SIGKILL)


async def test_a_program_that_is_killed_leaves_its_processes_serving_and_the_next_adopts_them(tmp_path: Path) -> None:
    port = free_port()
    killed = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, run_backend.__file__, str(tmp_path), str(port)], stdout=subprocess.PIPE, env=dict(os.environ)
    )
    assert killed.stdout
    assert (await asyncio.to_thread(killed.stdout.readline)).strip() == b"up"
    before = children_of(tmp_path)
    async with Load(f"http://127.0.0.1:{port}/v1/models/{KEY.name}:predict") as load:
        killed.kill()
        killed.wait()
        killed.stdout.close()
        async with running(tmp_path, port) as (serving, _):
            await until_ready(serving, plan(A, B, weights={"aaa": 50, "bbb": 50}))
            assert children_of(tmp_path) == before
            assert load.answers.failed == 0, load.answers.statuses
            await eventually(lambda: load.answers.total > 100, "requests were sent")
            load.stop()
    assert children_of(tmp_path) == set()


async def test_a_server_is_remembered_before_it_is_routed_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    too_early: set[str] = set()
    async with running(tmp_path) as (serving, gateway):

        def write_until_it_answers(path: Path, text: str) -> None:
            atomic_write_text(path, text)
            deadline = time.monotonic() + 10
            while '"pid"' in text and not _all_ready(serving) and time.monotonic() < deadline:
                time.sleep(0.01)

        async def publish(routes: Iterable[Route], *, again: bool = False, really=gateway.publish) -> bool:  # type: ignore[no-untyped-def]
            routes = list(routes)
            listed = {url for route in routes for urls in route.servers.values() for url in urls}
            too_early.update(listed - remembered_as_ready(tmp_path))
            return bool(await really(routes, again=again))

        monkeypatch.setattr(module, "atomic_write_text", write_until_it_answers)
        monkeypatch.setattr(gateway, "publish", publish)
        await until_ready(serving, plan(A, weights={"aaa": 100}))
    assert not too_early


def _all_ready(serving: LocalServing) -> bool:
    return all(replica.supervised.ready for replica in serving._replicas())


def remembered_as_ready(folder: Path) -> set[str]:
    """The servers that the next run would take over as ready."""
    record = ServingRecord.model_validate_json((folder / "serving.json").read_text())
    revisions = [one for deployment in record.deployments for one in deployment.revisions]
    return {f"http://127.0.0.1:{replica.port}" for one in revisions for replica in one.replicas if replica.ready}


async def test_what_died_while_nobody_watched_is_replaced_and_counted(tmp_path: Path) -> None:
    first, gateway = new_backend(tmp_path)
    wanted = plan(A, weights={"aaa": 100})
    await first.start()
    await until_ready(first, wanted)
    await first.close(keep=True)
    os.kill(pids(tmp_path)["aaa"][0], signal.SIGKILL)
    async with running(tmp_path, int(gateway.url.rpartition(":")[2])) as (serving, _):
        await until_ready(serving, wanted)
        assert (await status(serving, "aaa")).restarts == 1


async def test_a_process_whose_record_was_lost_is_ended_by_the_next_run(tmp_path: Path) -> None:
    port = free_port()
    stray = Process.spawn(stub_command(Launch(KEY, A, port)), tmp_path / "log", child_environment(tmp_path))
    async with running(tmp_path):
        assert not stray.running()
