"""`serinus backtest`: what a policy would have done to a model, from its history."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from serinus.cli.exits import errors_as_exit_codes
from serinus.cli.options import DEFAULT_STATE_DIR, StateDir

POLICIES = "never,scheduled,drift,quality,gated"


def backtest(
    file: Annotated[Path, typer.Option("-f", "--file", help="ModelDeployment file.")],
    *,
    training: Annotated[Path, typer.Option("--training", help="Training file of the same model.")],
    data: Annotated[
        Path | None,
        typer.Option("--data", help="History as Parquet or CSV; the source of the training file by default."),
    ] = None,
    policy: Annotated[
        str,
        typer.Option(
            "--policy",
            metavar="POLICY,...",
            help="never · scheduled · drift · quality · gated, with commas between them. POLICY:VARIANT trains that variant alone.",
        ),
    ] = POLICIES,
    start: Annotated[
        datetime | None,
        typer.Option(help="When the first version is trained (UTC); the training file's asOf by default."),
    ] = None,
    end: Annotated[
        datetime | None, typer.Option(help="Where the replay ends (UTC); with the latest row by default.")
    ] = None,
    look: Annotated[
        str, typer.Option(help="Time between two looks while nothing is under way, as in 1d or 6h.")
    ] = "1d",
    label_delay: Annotated[str, typer.Option(help="How long after its row a label comes, as in 6h.")] = "0s",
    max_fits: Annotated[
        int | None, typer.Option(min=1, help="Stop when more trainings than this would have to be done anew.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Who answers which request is drawn with it.")] = 0,
    report: Annotated[Path | None, typer.Option(help="Write an HTML report there.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
    state_dir: StateDir = DEFAULT_STATE_DIR,
) -> None:
    """Replay a model's history under several policies, and tell what each would have done to it.

    Nothing is served, registered or changed. Fits are kept in the state folder, so a second backtest is quick.
    """
    with errors_as_exit_codes():
        from serinus.backtest.backtest import Question, run_backtest
        from serinus.backtest.page import render
        from serinus.cli.backtesting import duration
        from serinus.lint import read_deployment
        from serinus.local.files import atomic_write_text
        from serinus.training.load import load_config

        question = Question(
            deployment=read_deployment(file),
            config=load_config(training),
            policies=policy,
            cache=state_dir / "backtest",
            data=data,
            start=start.replace(tzinfo=UTC) if start else None,
            end=end.replace(tzinfo=UTC) if end else None,
            look=duration("--look", look, least_seconds=1),
            label_delay=duration("--label-delay", label_delay),
            seed=seed,
            most_fits=max_fits,
        )
        found = run_backtest(question, progress=lambda line: typer.echo(line, err=True))
        if report:
            atomic_write_text(report, render(found))
    if as_json:
        typer.echo(found.model_dump_json(by_alias=True, indent=2))
    else:
        from serinus.cli.backtesting import show

        show(found)
    if report:
        typer.echo(f"report: {report}", err=as_json)
