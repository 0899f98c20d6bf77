"""`serinus` as a process: run to its end, or started and watched."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest

from serinus.core.state import RolloutRecord, RolloutState
from serinus.local.folder import StateFolder
from serinus.local.journal import read_decisions, read_records
from serinus.local.process import OWNER_VARIABLE
from serinus.local.state import read_state
from serinus.ports import Key
from tests.local.support.deployment import NAME

T = TypeVar("T")
ROOT = Path(__file__).parents[3]
KEY = Key("test", NAME)
DEADLINE_SECONDS = 60.0
COMMAND = (sys.executable, "-m", "serinus.cli")
HURRIED = (sys.executable, "-m", "tests.local.support.hurried")


def wait_until(condition: Callable[[], T], what: str, seconds: float = DEADLINE_SECONDS) -> T:
    """The first true answer; the test fails if there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        time.sleep(0.02)
    return pytest.fail(f"not within {seconds:g} s: {what}")


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Everything it wrote."""
        return self.out + self.err


def serinus(*arguments: object, cwd: Path, seconds: float = 60.0, **environment: str) -> Finished:
    """Run one command to its end. It must never show a stack trace."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True, text=True, cwd=cwd, env=program_environment(environment), timeout=seconds, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return Finished(done.returncode, done.stdout, done.stderr)


def program_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours, with the packages of this checkout and without settings of the person who runs the tests."""
    path = os.pathsep.join((str(ROOT / "operator" / "src"), str(ROOT)))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "SERINUS_"))}
    return {**inherited, "PYTHONPATH": path, "MLFLOW_DISABLE_TELEMETRY": "true", **(more or {})}


@dataclass
class Runtime:
    """`serinus run` on one file, with one port and one state folder. May be started again and again."""

    file: Path
    state_dir: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None
    starts: int = 0
    more: list[str] = field(default_factory=list)
    program: tuple[str, ...] = COMMAND

    @property
    def folder(self) -> StateFolder:
        """Where its files are."""
        return StateFolder(self.state_dir)

    @property
    def log(self) -> Path:
        """What all runs wrote, one after the other."""
        return self.state_dir.with_name("run.log")

    def start(self) -> None:
        """The same command every time."""
        told = ["run", "-f", str(self.file), "--port", str(self.port), "--state-dir", str(self.state_dir), *self.more]
        # Through a pipe, as for a log collector: what is written arrives even where this process may write no file.
        with self.log.open("ab") as log:
            reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=log, start_new_session=True)
        with reader.stdin as pipe:  # type: ignore[union-attr]
            self.process = subprocess.Popen(
                [*self.program, *told], stdout=pipe, stderr=pipe, cwd=self.file.parent, env=program_environment()
            )
        self.starts += 1

    def has_taken_over(self) -> bool:
        """Whether the latest run holds the state folder; until then it loads its code."""
        return (self.state_dir / "lock").read_text() == str(self._living().pid)

    def kill(self) -> None:
        """As a crash would: no time for anything."""
        self._living().kill()
        self._living().wait(20)

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Ask it to stop; its exit code."""
        self._living().send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Its exit code, once it has ended by itself."""
        return self._living().wait(DEADLINE_SECONDS)

    def said(self) -> str:
        """What it wrote so far. Never a stack trace."""
        text = self.log.read_text() if self.log.exists() else ""
        assert "Traceback" not in text, text
        return text

    def state(self) -> RolloutState | None:
        """What it remembers; None before its first reconcile."""
        return read_state(self.folder.state(KEY))

    def decisions(self) -> list[dict[str, Any]]:
        """Its journal."""
        return read_decisions(self.folder.decisions(KEY))

    def records(self) -> list[RolloutRecord]:
        """The finished rollouts."""
        return read_records(self.folder.rollouts(KEY))

    def record_of(self, version: str) -> RolloutRecord | None:
        """The finished rollout of a version, if it is over."""
        return next((record for record in self.records() if record.to_version == version), None)

    def wait_for(self, condition: Callable[[RolloutState], object], what: str) -> RolloutState:
        """The first state of which the condition is true."""

        def holds() -> RolloutState | None:
            state = self.state()
            return state if state is not None and condition(state) else None

        try:
            return wait_until(holds, what)  # type: ignore[return-value]
        except BaseException:
            print(self.said()[-5000:])
            raise

    def finished(self, version: str) -> RolloutRecord:
        """The record of the version's rollout, once it is over."""
        self.wait_for(lambda _: self.record_of(version), f"the rollout of version {version} ends")
        record = self.record_of(version)
        assert record is not None
        return record

    def children(self) -> list[psutil.Process]:
        """Predictors and gateways that any run on this state folder started and that still live."""
        return processes_of(self.state_dir)

    def running(self) -> list[dict[str, Any]]:
        """The revisions that it remembers to run."""
        serving = json.loads((self.state_dir / "serving.json").read_text())
        return [revision for deployment in serving["deployments"] for revision in deployment["revisions"]]

    def known_pids(self) -> set[int]:
        """The processes that it remembers to have."""
        replicas = [replica for revision in self.running() for replica in revision["replicas"]]
        gateway = json.loads((self.state_dir / "gateway" / "gateway.json").read_text())
        return {one["process"]["pid"] for one in (*replicas, gateway) if one["process"]}

    def _living(self) -> "subprocess.Popen[bytes]":
        assert self.process is not None, "start it first"
        return self.process


def collector_record(runtime: Runtime) -> dict[str, Any]:
    """What the runtime remembers of its collector; nothing while there is none."""
    try:
        found: dict[str, Any] = json.loads((runtime.folder.collector / "collector.json").read_text())
    except (OSError, ValueError):
        return {}
    return found


def processes_of(state_dir: Path) -> list[psutil.Process]:
    """Every living process that carries the mark of the state folder."""
    return [process for process in psutil.process_iter() if _is_marked(process, str(state_dir.resolve()))]


def _is_marked(process: psutil.Process, owner: str) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.environ().get(OWNER_VARIABLE) == owner
    except psutil.Error:
        return False


@contextmanager
def ending(runtime: Runtime) -> Iterator[Runtime]:
    """Whatever happens in the block, no process outlives it."""
    try:
        yield runtime
    finally:
        if runtime.process is not None and runtime.process.poll() is None:
            runtime.kill()
        for process in runtime.children():
            process.kill()
