"""`serinus run`: serve a ModelDeployment file on this machine and roll out what it comes to ask for."""

import asyncio
import contextlib
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serinus.cli.exits import Exit, errors_as_exit_codes
from serinus.cli.options import DEFAULT_STATE_DIR, Registry, StateDir

if TYPE_CHECKING:
    from serinus.local.compose import Options
    from serinus.local.runtime import Report


def run(
    file: Annotated[Path, typer.Option("-f", "--file", help="ModelDeployment file; edit it while this runs.")],
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port that clients call.")] = 8080,
    state_dir: StateDir = DEFAULT_STATE_DIR,
    registry: Registry = "",
    prometheus: Annotated[
        str,
        typer.Option(
            "--prometheus", envvar="SERINUS_PROMETHEUS_URL", help="Prometheus that Query signals are asked of."
        ),
    ] = "",
) -> None:
    """Serve a model on this machine. A changed version in the file is rolled out, judged, promoted or taken back.

    Ctrl-C, SIGTERM or a closed terminal ends all processes and keeps the state; the same command goes on from there.
    """
    from serinus.local.compose import Options

    with errors_as_exit_codes():
        options = Options(file=file, folder=state_dir, port=port, registry_uri=registry, prometheus_url=prometheus)
        asyncio.run(_serve(options))
    raise typer.Exit(Exit.INTERRUPTED)


async def _serve(options: "Options") -> None:
    from serinus.local.compose import local_runtime

    runtime = local_runtime(options)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    await runtime.run(stop, print_report)
    print_line("stopped; the state is kept, the same command goes on from here")


def print_report(report: "Report") -> None:
    """One line for everything a person would notice."""
    if report.note:
        print_line(report.note)
    decision = report.decision
    if decision and decision.changed:
        from serinus.core.planning import told_share

        state = decision.next_state
        weight = f" {told_share(state)}".replace(" %", "%") if state.rollout else ""
        print_line(f"{state.phase}{weight}  {decision.reason}: {decision.message}")
    for note in decision.notes if decision else ():
        print_line(f"{note.reason}: {note.message}")


def print_line(text: str) -> None:
    """A line with the time of day, flushed, so that a pipe shows it at once.

    A line that cannot be written (the reader has gone, the log's disk is full) must not end what serves.
    """
    with contextlib.suppress(OSError):
        sys.stdout.write(f"{datetime.now().astimezone():%H:%M:%S}  {text}\n")
        sys.stdout.flush()
