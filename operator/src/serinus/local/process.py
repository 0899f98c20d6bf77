"""Child processes that outlive this one: started in a session of their own, found again by pid and start time."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Self

import psutil

from serinus.core.model import Frozen

# Put into every child's environment, so that a child whose record was lost in a crash can still be found and ended.
OWNER_VARIABLE = "SERINUS_STATE_FOLDER"
# The boot time that start times are computed from may be corrected by a second while the machine runs.
START_TIME_TOLERANCE_SECONDS = 2.0
POLL_SECONDS = 0.02
KILL_AFTER_SECONDS = 10.0


class ProcessRecord(Frozen):
    """Names a process across runs of this program. `started_at`: seconds since the epoch, as the system tells it."""

    pid: int
    started_at: float


class Process:
    """A running child, whether this program started it or an earlier run did."""

    def __init__(self, record: ProcessRecord, child: "subprocess.Popen[bytes] | None" = None) -> None:
        self.record = record
        self._child = child

    @classmethod
    def spawn(cls, argv: Sequence[str], log: Path, environment: Mapping[str, str]) -> Self:
        """Start `argv` with both outputs in `log` (the former log becomes `<log>.1`). Raises OSError.

        The child leads its own session: Ctrl-C in the terminal reaches this program only, which then ends its children
        in order.
        """
        fresh_log(log)
        with log.open("wb") as output:
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=dict(environment),
            )
        return cls.of(child)

    @classmethod
    def of(cls, child: "subprocess.Popen[bytes]") -> Self:
        """A child that was started already, as the leader of its session."""
        return cls(ProcessRecord(pid=child.pid, started_at=psutil.Process(child.pid).create_time()), child)

    @classmethod
    def find(cls, record: ProcessRecord) -> Self | None:
        """The process that `record` names, or None if it has ended."""
        process = cls(record)
        return process if process.running() else None

    def running(self) -> bool:
        """Whether it lives. A zombie is dead: nothing answers there."""
        if self._child is not None:
            return self._child.poll() is None
        try:
            found = psutil.Process(self.record.pid)
            age_difference = abs(found.create_time() - self.record.started_at)
            return bool(age_difference < START_TIME_TOLERANCE_SECONDS and found.status() != psutil.STATUS_ZOMBIE)
        except psutil.Error:
            return False

    def exit_code(self) -> int | None:
        """How it ended; None while it runs, and for a process that an earlier run started."""
        return None if self._child is None else self._child.poll()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and its descendants; does nothing if it has ended."""
        if self.running():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.record.pid, number)

    async def end(self, kill_after_seconds: float = KILL_AFTER_SECONDS) -> None:
        """Ask it to finish, and kill it if it has not ended after `kill_after_seconds`."""
        self.signal(signal.SIGTERM)
        if not await self._ended_within(kill_after_seconds):
            self.signal(signal.SIGKILL)
            await self._ended_within(kill_after_seconds)

    async def _ended_within(self, seconds: float) -> bool:
        deadline = asyncio.get_running_loop().time() + seconds
        # It may be no child of ours, and then nothing tells its end.
        while self.running() and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)
        return not self.running()


def fresh_log(log: Path) -> None:
    """Make room for a log where there may be one of an earlier process, which becomes `<log>.1`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_name(log.name + ".1"))


def strays(owner: str, known: Collection[int]) -> list[Process]:
    """Session leaders that `owner` started (see OWNER_VARIABLE) and that are not among the `known` pids."""
    return [
        Process(record)
        for record in map(_record_of, psutil.process_iter())
        if record and _is_stray(record, owner, known)
    ]


def _record_of(found: psutil.Process) -> ProcessRecord | None:
    try:
        return ProcessRecord(pid=found.pid, started_at=found.create_time())
    except psutil.Error:
        return None


def _is_stray(record: ProcessRecord, owner: str, known: Collection[int]) -> bool:
    if record.pid in known or record.pid == os.getpid():
        return False
    try:
        leads_session = os.getsid(record.pid) == record.pid
        return leads_session and psutil.Process(record.pid).environ().get(OWNER_VARIABLE) == owner
    except (OSError, psutil.Error):
        return False


def last_line(log: Path, limit: int = 4096) -> str:
    """The last line of a log that has text in it, or "" (only the last `limit` bytes are looked at)."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - limit))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
