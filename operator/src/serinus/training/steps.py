"""What a step tells the outside while it runs: one JSON line when it starts, ends or fails, after a marker."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from serinus.core.errors import SerinusError

MARKER = "::serinus-step::"


class StepReport:
    """Collects the sentence that a step ends with."""

    message = ""

    def say(self, message: str) -> None:
        """Set the sentence that people read when the step has ended."""
        self.message = message


@contextmanager
def step(name: str) -> Iterator[StepReport]:
    """Report start, end with seconds, or failure of the step `name`; errors pass through."""
    report, started = StepReport(), time.monotonic()
    _emit(step=name, event="started")
    try:
        yield report
    except SerinusError as error:
        _emit(step=name, event="failed", error=type(error).__name__, message=str(error))
        raise
    except Exception as error:
        _emit(step=name, event="failed", error="TrainingFailed", message=_unexpected(name, error))
        raise
    _emit(step=name, event="finished", seconds=round(time.monotonic() - started, 3), message=report.message)


def parse(line: str) -> dict[str, Any] | None:
    """The event in a line of a step's output, or None."""
    _, marker, text = line.partition(MARKER)
    if not marker:
        return None
    try:
        event = json.loads(text)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def _emit(**event: object) -> None:
    sys.stdout.write(f"{MARKER}{json.dumps(event)}\n")
    sys.stdout.flush()


def _unexpected(name: str, error: Exception) -> str:
    cause = " ".join(str(error).split())[:500]
    return f"step {name} failed with {type(error).__name__}: {cause}; correct the training file or the data"
