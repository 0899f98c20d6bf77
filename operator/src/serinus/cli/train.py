"""`serinus train`: run the training pipeline, on this machine or on Kubeflow Pipelines."""

import signal
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serinus.cli.exits import errors_as_exit_codes
from serinus.cli.options import DEFAULT_STATE_DIR, Registry, StateDir

if TYPE_CHECKING:
    from serinus.cli.training.asked import Asked
    from serinus.training.values import TrainingOutcome


class Backend(StrEnum):
    """Where the steps run."""

    LOCAL = "local"
    DOCKER = "docker"
    KFP = "kfp"


def train(
    file: Annotated[Path | None, typer.Option("-f", "--file", help="Training file.")] = None,
    *,
    on: Annotated[
        Backend | None,
        typer.Option(
            help="local: processes of this machine (default) · docker: its containers, with the built images · "
            "kfp: Kubeflow Pipelines."
        ),
    ] = None,
    as_of: Annotated[
        datetime | None, typer.Option(help="Train as if it were this time (UTC) instead of the file's asOf.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as one JSON object.")] = False,
    run_id: Annotated[
        str, typer.Option("--run-id", metavar="ID", help="Go on with this run: what is complete is not done again.")
    ] = "",
    watch: Annotated[bool, typer.Option("--watch", help="kfp: wait for the end. The others always do.")] = False,
    every: Annotated[
        str, typer.Option("--every", metavar="CRON", help='kfp: train at these times from now on, as in "0 6 * * 1".')
    ] = "",
    cancel: Annotated[str, typer.Option("--cancel", metavar="RUN", help="kfp: end this run.")] = "",
    kfp_host: Annotated[
        str,
        typer.Option(
            envvar=["KFP_HOST", "KF_PIPELINES_ENDPOINT"], help="kfp: its address, as in http://localhost:8080."
        ),
    ] = "",
    kfp_namespace: Annotated[
        str, typer.Option(envvar="KFP_NAMESPACE", help="kfp: namespace of the run, where it serves many.")
    ] = "",
    snapshots: Annotated[
        str,
        typer.Option(envvar="SERINUS_SNAPSHOTS", help="kfp: where snapshots are kept, as in s3://bucket/snapshots."),
    ] = "",
    state_dir: StateDir = DEFAULT_STATE_DIR,
    registry: Registry = "",
) -> None:
    """Train, evaluate, and register a model version if it is good enough.

    A run that ends as "not better" is an outcome, not an error: exit code 0, and nothing is registered.

    Credentials for Kubeflow Pipelines come from the environment: KFP_TOKEN; or KFP_USERNAME and KFP_PASSWORD; or
    KFP_TOKEN_FILE, by default the token that a pod has projected. Also read: KFP_CA_FILE, KFP_TIMEOUT_SECONDS,
    KFP_SERVICE_ACCOUNT (that of the steps), KFP_UI_HOST (the dashboard, where it is elsewhere).
    """
    from serinus.cli.training.asked import Asked

    # As Ctrl-C does: the pipeline's processes end before this one.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    asked = Asked(
        file=file, as_of=as_of.replace(tzinfo=UTC) if as_of else None, as_json=as_json, run_id=run_id, watch=watch,
        every=every, cancel=cancel, host=kfp_host, namespace=kfp_namespace, snapshots=snapshots, registry=registry,
    )  # fmt: skip
    backend = on or (Backend.KFP if every or cancel else Backend.LOCAL)
    asked.refuse_what_makes_no_sense(on_kfp=backend is Backend.KFP)
    with errors_as_exit_codes():
        if backend is Backend.KFP:
            from serinus.cli.training.kfp import train_on_kfp

            raise typer.Exit(train_on_kfp(asked))
        outcome = _train_here(asked, backend, state_dir)
    typer.echo(outcome.model_dump_json(by_alias=True, indent=2) if as_json else _sentence(outcome))


def _train_here(asked: "Asked", backend: Backend, state_dir: Path) -> "TrainingOutcome":
    from pipelines.run import run_training

    return run_training(
        asked.training_file,
        as_of=asked.as_of,
        work_dir=state_dir,
        registry_uri=asked.registry,
        progress=lambda line: typer.echo(line, err=True),
        run_id=asked.run_id or None,
        on="docker" if backend is Backend.DOCKER else "local",
    )


def _sentence(outcome: "TrainingOutcome") -> str:
    if outcome.version is None:
        return f"{outcome.outcome}: {outcome.message}"
    ask = f'ask for it with version: "{outcome.version}" in a ModelDeployment'
    return f"registered version {outcome.version}: {outcome.message}\n{ask}"
