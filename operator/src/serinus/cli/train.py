"""`serinus train`: run the training pipeline on this machine."""

import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serinus.cli.exits import errors_as_exit_codes
from serinus.cli.options import DEFAULT_STATE_DIR, Registry, StateDir

if TYPE_CHECKING:
    from serinus.training.values import TrainingOutcome


def train(
    file: Annotated[Path, typer.Option("-f", "--file", help="Training file.")],
    as_of: Annotated[
        datetime | None, typer.Option(help="Train as if it were this time (UTC) instead of the file's asOf.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as one JSON object.")] = False,
    state_dir: StateDir = DEFAULT_STATE_DIR,
    registry: Registry = "",
) -> None:
    """Train, evaluate, and register a model version if it is good enough.

    A run that ends as "not better" is an outcome, not an error: exit code 0, and nothing is registered.
    """
    # As Ctrl-C does: the pipeline's processes end before this one.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with errors_as_exit_codes():
        from pipelines.run import run_training

        outcome = run_training(
            file,
            as_of=as_of.replace(tzinfo=UTC) if as_of else None,
            work_dir=state_dir,
            registry_uri=registry,
            progress=lambda line: typer.echo(line, err=True),
        )
    typer.echo(outcome.model_dump_json(by_alias=True, indent=2) if as_json else _sentence(outcome))


def _sentence(outcome: "TrainingOutcome") -> str:
    if outcome.version is None:
        return f"{outcome.outcome}: {outcome.message}"
    ask = f'ask for it with version: "{outcome.version}" in a ModelDeployment'
    return f"registered version {outcome.version}: {outcome.message}\n{ask}"
