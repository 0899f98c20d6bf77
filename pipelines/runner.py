"""The training pipeline as processes of this machine that outlive who started them."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pipelines.process import LOG, PIPELINE, REQUEST, RESULT, at_work, claimed, start_process
from serinus.core.errors import PipelineRunNotFound, PipelinesRefused, PipelinesUnavailable, StateLocked
from serinus.core.pipeline_run import PipelineRun, RunOutcome, RunPhase, RunRequest, StepRun
from serinus.training.steps import parse
from serinus.training.values import GateDecision

EVENTS, CANCELLED, PID = "events.jsonl", "cancelled", "pid"
ENDED_FROM_OUTSIDE = "was killed (by lack of memory?) before it was done"


class LocalRuns:
    """Implements `serinus.ports.PipelineRunner`. Each run has a folder below `runs`, named by its key, which is its id.

    `command` is what runs a request; it gets the file that holds it.
    """

    def __init__(self, runs: Path, command: tuple[str, ...] = PIPELINE) -> None:
        self._runs, self._command = runs.resolve(), command

    async def start(self, request: RunRequest) -> str:
        """Start the run's process, unless the run has one, or has had one."""
        await asyncio.to_thread(self._start, request)
        return request.key

    async def look(self, run: str) -> PipelineRun:
        """What the run's folder says."""
        return await asyncio.to_thread(self._look, run)

    async def cancel(self, run: str) -> None:
        """Kill the process and its steps."""
        await asyncio.to_thread(self._cancel, run)

    async def retry(self, run: str) -> None:
        """Start the process of a run that failed or was cancelled once more."""
        await asyncio.to_thread(self._retry, run)

    def _start(self, request: RunRequest) -> None:
        folder = self._runs / request.key
        if not self._is_own(folder):
            raise PipelinesRefused(
                f'"{request.key}" cannot be the key of a run, whose folder it names; leave out any /'
            )
        content = {"folder": str(folder), "on": "local", "arguments": request.arguments}
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with suppress(StateLocked), claimed(folder) as lock:  # somebody else starts it, or it is under way
                if not (folder / EVENTS).exists():
                    _write(folder / REQUEST, json.dumps(content))
                    self._launch(folder, lock)

    def _retry(self, run: str) -> None:
        folder = self._folder(run)
        with _writing(folder), suppress(StateLocked), claimed(folder) as lock:
            if not (folder / RESULT).exists():
                (folder / CANCELLED).unlink(missing_ok=True)
                self._launch(folder, lock)

    def _launch(self, folder: Path, lock: int) -> None:
        (folder / PID).unlink(missing_ok=True)
        with (folder / EVENTS).open("w") as events:
            process = start_process(folder, lock, self._command, events=events)
        _write(folder / PID, str(process.pid))

    def _cancel(self, run: str) -> None:
        folder = self._folder(run)
        if not at_work(folder):
            return
        (folder / CANCELLED).touch()
        while at_work(folder) and not (folder / PID).exists():  # somebody else is just starting it
            time.sleep(0.02)
        # The process holds the lock, so the number is still its own. All its steps are in its group.
        with suppress(ProcessLookupError, FileNotFoundError):
            os.killpg(int((folder / PID).read_text()), signal.SIGKILL)

    def _look(self, run: str) -> PipelineRun:
        folder = self._folder(run)
        running = at_work(folder)  # before the files are read: it may end in between
        events = list(_events(folder))
        phase = RunPhase.RUNNING if running else _ended_as(folder)
        steps = tuple(_steps(events, phase))
        outcome = _outcome(folder) if phase is RunPhase.SUCCEEDED else None
        message = _why(events, steps, folder) if phase is RunPhase.FAILED else ""
        return PipelineRun(run, phase, steps, outcome, message, (folder / LOG).as_uri())

    def _is_own(self, folder: Path) -> bool:
        return Path(os.path.normpath(folder)).parent == self._runs

    def _folder(self, run: str) -> Path:
        folder = self._runs / run
        if not self._is_own(folder) or not (folder / REQUEST).is_file():
            raise PipelineRunNotFound(
                f'there is no run "{run}" in {self._runs}; give the id that was told when it started'
            )
        return folder


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """A full disk, or a folder that is none, is told as the port tells it."""
    try:
        yield
    except OSError as error:
        raise PipelinesUnavailable(f"{folder} cannot be written ({error}); free some space there") from error


def _ended_as(folder: Path) -> RunPhase:
    if (folder / RESULT).is_file():
        return RunPhase.SUCCEEDED
    return RunPhase.CANCELLED if (folder / CANCELLED).exists() else RunPhase.FAILED


def _events(folder: Path) -> Iterator[dict[str, Any]]:
    with suppress(FileNotFoundError):
        yield from filter(None, map(parse, (folder / EVENTS).read_text(encoding="utf-8").splitlines()))


def _steps(events: list[dict[str, Any]], phase: RunPhase) -> Iterator[StepRun]:
    """The steps in the order they began; one without an end shares the run's."""
    begun = {event["step"]: event for event in events if event["event"] == "started"}
    ended = {event["step"]: event for event in events if event["event"] != "started"}
    for name, start in begun.items():
        end = ended.get(name)
        seconds = (end["at"] if end else time.time()) - start["at"]
        if end is None:
            message = ENDED_FROM_OUTSIDE if phase is RunPhase.FAILED else ""
            yield StepRun(name, phase, seconds if phase is RunPhase.RUNNING else None, message)
        else:
            succeeded = end["event"] == "finished"
            yield StepRun(name, RunPhase.SUCCEEDED if succeeded else RunPhase.FAILED, seconds, end["message"])


def _why(events: list[dict[str, Any]], steps: tuple[StepRun, ...], folder: Path) -> str:
    failed = next((step for step in steps if step.phase is RunPhase.FAILED), None)
    if failed:
        return f"step {failed.name} failed: {failed.message}"
    said = next((event["message"] for event in events if event["event"] == "failed"), "its process ended")
    return f"{said}; read {folder / LOG}"


def _outcome(folder: Path) -> RunOutcome:
    result = json.loads((folder / RESULT).read_text())
    decision = GateDecision.model_validate_json(result["decision"])
    return RunOutcome(result["version"] or None, decision.reason, decision.message)


def _write(path: Path, text: str) -> None:
    """Write `path` whole or not at all."""
    draft = path.with_name(f".{path.name}")
    draft.write_text(text, encoding="utf-8")
    draft.rename(path)
