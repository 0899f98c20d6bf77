"""`serinus demo`: the whole product on this machine in about four minutes."""

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serinus.cli.exits import errors_as_exit_codes

if TYPE_CHECKING:
    from serinus.demo.stage import Stage

EXAMPLES = Path("examples/flights")


def demo(
    json_file: Annotated[Path, typer.Option("--json", help="Where the summary goes.")] = Path("summary.json"),
    report_file: Annotated[Path, typer.Option("--report", help="Where the report goes.")] = Path("report.html"),
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port that the demo's clients call.")] = 8080,
    keep: Annotated[bool, typer.Option("--keep", help="Keep state, registry and logs to look at.")] = False,
    examples: Annotated[Path, typer.Option(help="The example's files.")] = EXAMPLES,
) -> None:
    """Train on real flights, release, replace through a canary, and catch a broken and a slow version.

    Writes a summary (its schema: docs/summary.md) and a report with plots.
    """
    from serinus.core.errors import SpecInvalid
    from serinus.demo.outcome import write_outcome
    from serinus.local.sockets import require_free

    with errors_as_exit_codes():
        if not (examples / "modeldeployment.yaml").is_file():
            raise SpecInvalid(
                f"{examples} has no modeldeployment.yaml; run this in a checkout of Serinus, or name it: --examples"
            )
        require_free(port, "--port")
        folder = Path(tempfile.mkdtemp(prefix="serinus-demo-"))
        began, started_at = time.monotonic(), datetime.now(UTC)
        try:
            stage = _play(examples, folder, port)
            summary = write_outcome(stage, started_at, time.monotonic() - began, json_file, report_file)
        finally:
            _tidy(folder, keep=keep)
    from serinus.demo.screen import print_summary

    print_summary(summary, json_file, report_file)


def _play(examples: Path, folder: Path, port: int) -> "Stage":
    """The story, on a live screen in a terminal and in plain lines elsewhere."""
    from serinus.demo.screen import Lines, LiveScreen
    from serinus.demo.stage import Stage
    from serinus.demo.story import tell

    with LiveScreen() if sys.stdout.isatty() else Lines() as screen:
        stage = Stage(examples, folder, port, say=screen.say, decided=screen.decided)
        screen.attend(stage)
        asyncio.run(_until_interrupted(tell(stage)))
    return stage


async def _until_interrupted(story: Coroutine[None, None, None]) -> None:
    """Ctrl-C and SIGTERM cancel the story, which ends its processes on the way out."""
    import signal

    task = asyncio.ensure_future(story)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    except BaseExceptionGroup as group:
        raise first_cause(group) from group


def first_cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error inside nested groups."""
    first = group.exceptions[0]
    return first_cause(first) if isinstance(first, BaseExceptionGroup) else first


def _tidy(folder: Path, *, keep: bool) -> None:
    if keep:
        typer.echo(f"kept: {folder} (serinus get --state-dir {folder})", err=True)
    else:
        shutil.rmtree(folder, ignore_errors=True)
