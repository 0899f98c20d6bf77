"""One child process that should always run: started, probed, started again with back-off when it dies."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from serinus.core.errors import SerinusError
from serinus.local.backoff import LONGEST_SECONDS, next_delay
from serinus.local.process import KILL_AFTER_SECONDS, Process, ProcessRecord, last_line

POLL_SECONDS = 0.1
PROBE_SECONDS = 1.0
# A busy process may answer a probe late; only several failures in a row take it out of service.
FAILURES_UNTIL_UNREADY = 3


Spawn = Callable[[Sequence[str], Path, Mapping[str, str]], Process]
"""Starts a command with its log and environment, as Process.spawn does."""


@dataclass(frozen=True)
class Program:
    """What to run. `fatal_codes`: exit codes that starting again will not cure. `spawn` is what starts it."""

    name: str
    log: Path
    argv: Callable[[], Sequence[str]]
    ready_url: Callable[[], str]
    environment: Mapping[str, str] = field(default_factory=dict)
    fatal_codes: frozenset[int] = frozenset()
    spawn: Spawn = Process.spawn


class Supervised:
    """Keeps one program running until it is stopped. `changed` is called when what it says of itself has changed."""

    def __init__(
        self,
        program: Program,
        client: httpx.AsyncClient,
        changed: Callable[[], None],
        *,
        process: Process | None = None,
        was_ready: bool = False,
    ) -> None:
        self.program = program
        self.process = process
        # An adopted process that was ready stays in service unless its probes say otherwise.
        self.ready = process is not None and was_ready
        self.was_ready = was_ready
        self.deaths = 0
        self.failed = False
        self.message = ""
        self._client = client
        self._changed = changed
        self._delay: float | None = None
        self._ready_since: float | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def record(self) -> ProcessRecord | None:
        """Names the running process across runs of this program."""
        return self.process.record if self.process else None

    def start(self) -> None:
        """Begin to supervise."""
        self._task = asyncio.create_task(self._run(), name=f"supervise {self.program.name}")
        self._task.add_done_callback(self._note_end)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        """Nobody awaits the task, so an error that was not foreseen is told here."""
        if not task.cancelled() and (error := task.exception()):
            self.failed, self.ready = True, False
            self.message = f"{self.program.name} is not supervised any more: {type(error).__name__}: {error}"
            self._changed()

    async def release(self) -> None:
        """Stop supervising; the process goes on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def stop(self, kill_after_seconds: float = KILL_AFTER_SECONDS) -> None:
        """Stop supervising and end the process, which has `kill_after_seconds` to finish what it has."""
        await self.release()
        self.ready = self.was_ready = False
        if self.process is not None:
            await self.process.end(kill_after_seconds)
            self.process = None

    async def _run(self) -> None:
        while True:
            if self.process is None:
                self._spawn()
            if self.process is not None:
                await self._watch(self.process)
                self._bury(self.process)
            self._changed()
            await asyncio.sleep(self._next_delay())

    def _spawn(self) -> None:
        """Start the program. Popen returns within milliseconds, and a task that is cancelled here loses no child."""
        try:
            program = self.program
            self.process = program.spawn(program.argv(), program.log, program.environment)
        except (OSError, SerinusError) as error:
            self.failed = isinstance(error, FileNotFoundError | PermissionError)
            self.message = f"{self.program.name} could not be started: {error}"
        self._changed()

    async def _watch(self, process: Process) -> None:
        """Probe until the process has ended."""
        failures, next_probe = 0, 0.0
        while process.running():
            now = _now()
            if now >= next_probe:
                failures = 0 if await self._answers() else failures + 1
                self._note_probe(failures)
                next_probe = _now() + (PROBE_SECONDS if self.ready else POLL_SECONDS)
            await asyncio.sleep(POLL_SECONDS)

    async def _answers(self) -> bool:
        try:
            response = await self._client.get(self.program.ready_url())
        except httpx.HTTPError:
            return False
        return response.status_code == httpx.codes.OK

    def _note_probe(self, failures: int) -> None:
        if failures == 0 and self._ready_since is None:
            self._ready_since = _now()
        if failures == 0 and not self.ready:
            self.ready = self.was_ready = True
            self.failed, self.message = False, ""
            self._changed()
        elif failures >= FAILURES_UNTIL_UNREADY and self.ready:
            self.ready, self._ready_since = False, None
            self.message = f"{self.program.name} runs but does not answer {self.program.ready_url()}"
            self._changed()

    def _bury(self, process: Process) -> None:
        code = process.exit_code()
        self.process, self.ready = None, False
        self.deaths += 1
        self.failed = code in self.program.fatal_codes
        said = last_line(self.program.log) or f"no output in {self.program.log}"
        self.message = f"{self.program.name} {_ending(code)}: {said}"

    def _next_delay(self) -> float:
        healthy = _now() - self._ready_since if self._ready_since is not None else 0.0
        self._ready_since = None
        # What starting again will not cure is still tried now and then: a person may restore the file.
        self._delay = LONGEST_SECONDS if self.failed else next_delay(self._delay, healthy)
        return self._delay


def _ending(code: int | None) -> str:
    if code is None:
        return "has ended"
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"


def _now() -> float:
    return asyncio.get_running_loop().time()
