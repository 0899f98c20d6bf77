"""A predictor that waits with everything imported, and what becomes of it."""

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from serinus.local import standby as module
from serinus.local.environment import child_environment
from serinus.local.process import Process, last_line
from serinus.local.sockets import free_port
from serinus.local.standby import PREDICTOR, Standby
from tests.local.harness import eventually

pytestmark = pytest.mark.anyio

NAMED = ["--model-name", "m", "--deployment", "d", "--revision", "r"]
NO_MODEL = [*PREDICTOR, "--model-dir", "nowhere", *NAMED, "--port", str(free_port())]
UNLOADABLE = 4


@pytest.fixture
async def standby(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Standby]:
    monkeypatch.setattr(module, "RESPITE_SECONDS", 0.0)
    standby = Standby(tmp_path / "standby.log")
    yield standby
    await standby.close()


def waiting() -> list[psutil.Process]:
    """The predictors of this program that wait."""
    seen = psutil.process_iter(["ppid", "cmdline"])  # what has ended has no command line
    ours = [one for one in seen if one.info["ppid"] == os.getpid()]
    return [one for one in ours if "serinus.predictor.standby" in (one.info["cmdline"] or ())]


async def ended(process: Process) -> int | None:
    await eventually(lambda: not process.running(), "the predictor has ended")
    return process.exit_code()


async def test_what_waits_does_what_a_fresh_process_does(tmp_path: Path, standby: Standby) -> None:
    environment = child_environment(tmp_path)
    fresh = standby.spawn(NO_MODEL, tmp_path / "fresh.log", environment)
    await eventually(lambda: len(waiting()) == 1, "another one waits")
    (spare,) = waiting()
    told = standby.spawn(NO_MODEL, tmp_path / "told.log", environment)
    assert told.record.pid == spare.pid
    assert await ended(fresh) == await ended(told) == UNLOADABLE
    assert last_line(tmp_path / "told.log") == last_line(tmp_path / "fresh.log") != ""


async def test_a_dead_one_and_another_environment_make_a_fresh_process(tmp_path: Path, standby: Standby) -> None:
    environment = child_environment(tmp_path)
    standby.spawn(NO_MODEL, tmp_path / "log", environment)
    await eventually(lambda: len(waiting()) == 1, "another one waits")
    (spare,) = waiting()
    other = standby.spawn(NO_MODEL, tmp_path / "log", environment | {"OTHER": "1"})
    assert other.record.pid != spare.pid
    await eventually(lambda: bool(waiting()) and spare not in waiting(), "one of that environment waits")
    (newer,) = waiting()
    newer.kill()
    newer.wait()
    again = standby.spawn(NO_MODEL, tmp_path / "log", environment | {"OTHER": "1"})
    assert await ended(again) == UNLOADABLE


async def test_nothing_waits_for_other_programs_or_once_closed(tmp_path: Path, standby: Standby) -> None:
    environment = child_environment(tmp_path)
    process = standby.spawn([sys.executable, "-c", ""], tmp_path / "log", environment)
    assert await ended(process) == 0
    assert not waiting()
    standby.spawn(NO_MODEL, tmp_path / "log", environment)
    await eventually(lambda: len(waiting()) == 1, "one waits")
    await standby.close()
    assert not waiting()
