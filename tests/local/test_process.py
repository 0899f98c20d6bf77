import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from serinus.local.environment import THREAD_VARIABLES, child_environment, owner_of
from serinus.local.process import Process, ProcessRecord, last_line, strays
from tests.local.harness import eventually

pytestmark = pytest.mark.anyio

DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
PATIENT = "import signal; print('up', flush=True); signal.pause()"


@pytest.fixture
def spawned() -> Iterator[list[Process]]:
    processes: list[Process] = []
    yield processes
    for process in processes:
        process.signal(signal.SIGKILL)


def spawn(folder: Path, code: str, spawned: list[Process]) -> Process:
    process = Process.spawn([sys.executable, "-S", "-c", code], folder / "logs" / "log", child_environment(folder))
    spawned.append(process)
    return process


def test_a_process_is_found_again_by_pid_and_start_time_only(tmp_path: Path, spawned: list[Process]) -> None:
    process = spawn(tmp_path, PATIENT, spawned)
    record = process.record
    assert Process.find(record) is not None
    assert Process.find(record.model_copy(update={"started_at": record.started_at - 60})) is None
    assert Process.find(ProcessRecord(pid=2**22 + 1, started_at=record.started_at)) is None


async def test_ending_waits_until_the_process_has_ended(tmp_path: Path, spawned: list[Process]) -> None:
    process = spawn(tmp_path, PATIENT, spawned)
    await process.end()
    assert not process.running()
    assert process.exit_code() == -signal.SIGTERM
    assert Process.find(process.record) is None


async def test_a_process_that_ignores_the_request_to_end_is_killed(tmp_path: Path, spawned: list[Process]) -> None:
    process = spawn(tmp_path, DEAF, spawned)
    await eventually(lambda: last_line(tmp_path / "logs" / "log") == "deaf", "it ignores SIGTERM")
    await process.end(kill_after_seconds=0.2)
    assert process.exit_code() == -signal.SIGKILL


async def test_an_adopted_process_can_be_ended_though_it_is_no_child(tmp_path: Path, spawned: list[Process]) -> None:
    process = spawn(tmp_path, PATIENT, spawned)
    adopted = Process.find(process.record)
    assert adopted
    await adopted.end()
    assert not adopted.running()
    assert adopted.exit_code() is None


def test_a_process_that_nobody_reaped_is_dead(tmp_path: Path, spawned: list[Process]) -> None:
    process = spawn(tmp_path, "", spawned)
    os.waitid(os.P_PID, process.record.pid, os.WEXITED | os.WNOWAIT)
    assert Process.find(process.record) is None


def test_a_child_leads_a_session_of_its_own_so_that_ctrl_c_does_not_reach_it(
    tmp_path: Path, spawned: list[Process]
) -> None:
    assert os.getsid(spawn(tmp_path, PATIENT, spawned).record.pid) != os.getsid(0)


def test_children_take_one_thread_each() -> None:
    environment = child_environment(Path("/state"))
    assert {environment[name] for name in THREAD_VARIABLES} == {"1"}


async def test_strays_are_the_unknown_children_of_the_same_state_folder(tmp_path: Path, spawned: list[Process]) -> None:
    (tmp_path / "other").mkdir()
    known, lost = spawn(tmp_path, PATIENT, spawned), spawn(tmp_path, PATIENT, spawned)
    spawn(tmp_path / "other", PATIENT, spawned)
    for folder in (tmp_path, tmp_path / "other"):
        # Right after its start a process shows no environment yet.
        await eventually(lambda log=folder / "logs" / "log": last_line(log) == "up", "the process is up")
    found = strays(owner_of(tmp_path), {known.record.pid})
    assert [process.record for process in found] == [lost.record]


def test_the_last_line_of_a_log_skips_blank_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert last_line(log) == ""
    log.write_text("Traceback:\n  ...\nValueError: no model\n\n")
    assert last_line(log) == "ValueError: no model"


def test_the_former_log_is_kept_once(tmp_path: Path, spawned: list[Process]) -> None:
    for text in ("one", "two", "three"):
        process = spawn(tmp_path, f"print({text!r})", spawned)
        os.waitid(os.P_PID, process.record.pid, os.WEXITED | os.WNOWAIT)
    logs = tmp_path / "logs"
    assert sorted(path.name for path in logs.iterdir()) == ["log", "log.1"]
    assert (last_line(logs / "log"), last_line(logs / "log.1")) == ("three", "two")
