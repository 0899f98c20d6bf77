"""Processes that outlive this one: each is recorded when it starts, and found and ended by pid and start time."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from tests.cluster.control_plane.errors import ClusterError
from tests.cluster.control_plane.waiting import POLL_SECONDS, wait_until

START_TIME_TOLERANCE_SECONDS = 2.0
LOG_LINES_SHOWN = 15
# In the environment of every process of a cluster: one whose starter was killed before it could record it is found by it.
OWNER = "SERINUS_TEST_CLUSTER_FOLDER"


@dataclass(frozen=True)
class Record:
    """One started process. `started_at`: seconds since the epoch."""

    name: str
    pid: int
    started_at: float

    def process(self) -> psutil.Process | None:
        """The process if it still runs: its pid may have been given to another one since."""
        with contextlib.suppress(psutil.NoSuchProcess):
            found = psutil.Process(self.pid)
            same = abs(found.create_time() - self.started_at) <= START_TIME_TOLERANCE_SECONDS
            return found if same and found.status() != psutil.STATUS_ZOMBIE else None
        return None


def write_record(folder: Path, name: str, pid: int) -> Record:
    """Record a running process. Raises psutil.NoSuchProcess when it has ended already."""
    record = Record(name, pid, psutil.Process(pid).create_time())
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / f".{name}"
    written.write_text(json.dumps(asdict(record)))
    written.replace(folder / f"{name}.json")
    return record


def read_records(folder: Path) -> list[Record]:
    """Every process that was recorded and not yet forgotten, the first recorded first."""
    files = sorted(folder.glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
    return [Record(**json.loads(file.read_text())) for file in files]


def forget(folder: Path, record: Record) -> None:
    """Remove the record of a process that has ended."""
    (folder / f"{record.name}.json").unlink(missing_ok=True)


@dataclass(frozen=True)
class Starter:
    """Starts processes with a log and a record. `prefix`: the command that enters the cluster's namespace."""

    records: Path
    logs: Path
    prefix: Sequence[str] = ()

    def start(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        sockets: Sequence[int] = (),
    ) -> Record:
        """Start a process in a session of its own, so that Ctrl-C does not reach it. It inherits `sockets`."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with (self.logs / f"{name}.log").open("ab") as log:
            child = subprocess.Popen(
                [*self.prefix, *map(str, argv)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, OWNER: str(self.records.parent), **(environment or {})},
                cwd=folder,
                pass_fds=sockets,
            )
        return write_record(self.records, name, child.pid)

    def wait(self, record: Record, ready: Callable[[], bool], seconds: float = 60) -> None:
        """Wait until the process is ready. Raises ClusterError with the end of its log when it ends or is late."""
        deadline = time.monotonic() + seconds
        while not ready():
            ended = record.process() is None
            if ended or time.monotonic() > deadline:
                said = last_lines(self.logs / f"{record.name}.log")
                what = "has ended" if ended else f"is not ready after {seconds:.0f} s"
                raise ClusterError(f"{record.name} {what}; the end of {self.logs / record.name}.log:\n{said}")
            time.sleep(POLL_SECONDS)


def last_lines(log: Path) -> str:
    """The end of a log, or a word that there is none."""
    if not log.exists():
        return "(no log)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:])


def stop_all(folder: Path, records: Iterable[Record], seconds: float = 10) -> None:
    """End processes at the same time: SIGTERM, then SIGKILL for what is still there after `seconds`."""
    running = [(record, found) for record in records if (found := record.process())]
    for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 5.0)):
        for _, found in running:
            with contextlib.suppress(psutil.NoSuchProcess):
                found.send_signal(number)
        wait_until_gone([record for record, _ in running], patience)
        running = [(record, found) for record, found in running if record.process()]
    if running:
        names = ", ".join(f"{record.name} (pid {record.pid})" for record, _ in running)
        raise ClusterError(f"these processes do not end, not even by SIGKILL: {names}")
    for record in records:
        forget(folder, record)


def unrecorded(folder: Path) -> list[Record]:
    """Processes of a cluster, by its folder, that nobody has recorded."""
    return [
        Record(f"unrecorded-{process.pid}", process.pid, process.create_time())
        for process in psutil.process_iter()
        if process.pid != os.getpid() and _owner(process) == str(folder)
    ]


def _owner(process: psutil.Process) -> str | None:
    with contextlib.suppress(psutil.Error):
        owner: str | None = process.environ().get(OWNER)
        return owner
    return None


def wait_until_gone(records: Iterable[Record], seconds: float) -> None:
    """Wait until all of them have ended, for `seconds` at most."""
    wait_until(lambda: not any(record.process() for record in records), seconds)
