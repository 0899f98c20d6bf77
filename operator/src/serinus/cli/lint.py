"""`serinus lint`: what is wrong with a ModelDeployment file, before anything is changed."""

from pathlib import Path
from typing import Annotated

import typer

from serinus.cli.exits import Exit


def lint(
    file: Annotated[Path, typer.Option("-f", "--file", help="ModelDeployment file.")],
    requests_per_minute: Annotated[
        float | None,
        typer.Option(min=0.001, help="Say how long the rollout takes at this traffic, all versions together."),
    ] = None,
    error_rate: Annotated[
        float,
        typer.Option(min=0.00001, max=0.5, help="Share of stable's requests that fail or are slow, as seen so far."),
    ] = 0.01,
    loss_spread: Annotated[
        float,
        typer.Option(
            min=0.00001,
            help="Standard deviation of the difference of two losses of a row: `spread` in `serinus explain`.",
        ),
    ] = 0.1,
) -> None:
    """Check a ModelDeployment file: each problem with its field path and line. Exit code 1 if it would be refused."""
    from serinus.lint import Level, Seen, lint_file

    problems = lint_file(file, requests_per_minute, Seen(error_rate, loss_spread))
    for problem in problems:
        typer.echo(str(problem))
    errors = sum(problem.level is Level.ERROR for problem in problems)
    typer.echo(f"{file}: {_count(errors, 'error')}, {_count(len(problems) - errors, 'warning')}", err=bool(errors))
    if errors:
        raise typer.Exit(Exit.PROBLEMS)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
