"""Follow a pipeline run to its end, on a terminal or in a log."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from serinus.core.errors import SerinusError
from serinus.core.pipeline_run import PipelineRun, RunPhase, StepRun
from serinus.ports import PipelineRunner

POLL_SECONDS = 2.0
PATIENCE_SECONDS = 300.0  # an API server that is being replaced is away for minutes
COLOURS = {RunPhase.SUCCEEDED: "green", RunPhase.FAILED: "red", RunPhase.CANCELLED: "red", RunPhase.RUNNING: "cyan"}
Tell = Callable[[PipelineRun], None]


async def follow(runner: PipelineRunner, run: str, tell: Tell) -> PipelineRun:
    """The run once it has ended; `tell` gets it each time it is looked at. Raises what looking raises."""
    while True:
        seen = await _patiently(runner, run)
        tell(seen)
        if seen.phase.ended:
            return seen
        await asyncio.sleep(POLL_SECONDS)


async def _patiently(runner: PipelineRunner, run: str) -> PipelineRun:
    """What is there; a server that does not answer for a while is asked again."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return await runner.look(run)
        except SerinusError as error:
            if not error.retriable or time.monotonic() >= until:
                raise
        await asyncio.sleep(POLL_SECONDS)


@contextmanager
def progress() -> Iterator[Tell]:
    """Shows the steps on stderr while the block lasts: a table on a terminal, elsewhere a line for what changes."""
    if not sys.stderr.isatty():
        yield Lines(lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201
        return
    with Live(console=Console(stderr=True), auto_refresh=False) as live:
        yield lambda seen: live.update(table(seen), refresh=True)


class Lines:
    """A line for each step that began or ended since the last look."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._told: dict[str, RunPhase] = {}

    def __call__(self, seen: PipelineRun) -> None:
        """Tell what is new."""
        for step in seen.steps:
            if self._told.get(step.name) is not step.phase and step.phase is not RunPhase.PENDING:
                self._write(line(step))
            self._told[step.name] = step.phase


def line(step: StepRun) -> str:
    """A step in one line, as in `train 1: Succeeded (12 s)`."""
    seconds = f" ({step.seconds:.0f} s)" if step.seconds is not None and step.phase.ended else ""
    return f"{step.name}: {step.phase}{seconds}{f': {step.message}' if step.message else ''}"


def table(seen: PipelineRun) -> Table:
    """The steps with state and seconds."""
    made = Table.grid(padding=(0, 2))
    for step in seen.steps or (StepRun("waiting for the first step", seen.phase),):
        seconds = "" if step.seconds is None else f"{step.seconds:.0f} s"
        made.add_row(step.name, Text(step.phase, COLOURS.get(step.phase, "")), seconds, step.message)
    return made
