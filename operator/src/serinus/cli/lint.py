"""`serinus lint`: what is wrong with a ModelDeployment file, before anything is changed."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serinus.cli.asking import home_errors, program
from serinus.cli.exits import Exit, say_error
from serinus.cli.options import Context, HomeStateDir, Kubeconfig, Namespace

if TYPE_CHECKING:
    from serinus.cli.homes.choosing import Asked
    from serinus.lint import SeenRates

PLACES = ("namespace", "context", "kubeconfig", "state_dir")


def lint(
    call: typer.Context,
    file: Annotated[Path, typer.Option("-f", "--file", help="ModelDeployment file.")],
    *,
    requests_per_minute: Annotated[
        float | None,
        typer.Option(min=0.001, help="Say how long the rollout takes at this traffic, all versions together."),
    ] = None,
    error_rate: Annotated[
        float | None,
        typer.Option(
            min=0.00001,
            max=0.5,
            help="Share of stable's requests that fail or are slow; 0.01 if neither given nor seen.",
        ),
    ] = None,
    loss_spread: Annotated[
        float | None,
        typer.Option(
            min=0.00001,
            help="Standard deviation of the difference of two losses of a row, `spread` in `serinus explain`; 0.1 if "
            "neither given nor seen.",
        ),
    ] = None,
    seen: Annotated[
        bool,
        typer.Option(
            "--seen",
            help="Take what is not given from the rollouts that the deployment has had, in a state folder or a cluster.",
        ),
    ] = False,
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    state_dir: HomeStateDir = None,
) -> None:
    """Check a ModelDeployment file: each problem with its field path and line. Exit code 1 if it would be refused."""
    from serinus.cli.homes.choosing import Asked
    from serinus.lint import Level, Rate, Seen, lint_file

    asked = Asked(state_dir, namespace, context, kubeconfig, program=program(call))
    if not seen:
        _refuse_places(call)
    known = Seen()
    if seen and (found := _rates(file, asked)):
        traffic = found.requests_per_minute
        known = Seen(bad=found.bad, spreads=found.spreads, labelled=found.labelled)
        if requests_per_minute is None and traffic is not None:
            requests_per_minute, known = traffic.value, replace(known, traffic=traffic.source)
    if error_rate is not None:
        known = replace(known, error_rate=Rate(error_rate), bad={})
    if loss_spread is not None:
        known = replace(known, loss_spread=Rate(loss_spread), spreads={})
    problems = lint_file(file, requests_per_minute, known)
    for problem in problems:
        typer.echo(str(problem))
    errors = sum(problem.level is Level.ERROR for problem in problems)
    typer.echo(f"{file}: {_count(errors, 'error')}, {_count(len(problems) - errors, 'warning')}", err=bool(errors))
    if errors:
        raise typer.Exit(Exit.PROBLEMS)


def _refuse_places(call: typer.Context) -> None:
    """A place to look in says nothing where nobody looks; that a variable names one is no mistake."""
    sources = {one: call.get_parameter_source(one) for one in PLACES}
    given = [one for one, source in sources.items() if source and source.name == "COMMANDLINE"]
    if given:
        option = "--" + given[0].replace("_", "-")
        say_error(f"{option} says where --seen looks; add --seen, or leave {option} out")
        raise typer.Exit(Exit.USAGE)


def _rates(file: Path, asked: "Asked") -> "SeenRates | None":
    """What the file's deployment has seen; None where the file has problems, which are told first."""
    from serinus.cli.homes.choosing import home_of
    from serinus.core.errors import SpecInvalid
    from serinus.lint import rates_seen, read_deployment

    try:
        metadata = read_deployment(file).metadata
    except SpecInvalid:
        return None
    qualified = "namespace" in metadata.model_fields_set and not asked.namespace
    name = f"{metadata.namespace}/{metadata.name}" if qualified else metadata.name
    with home_errors():
        home = home_of(asked, name)
        found = home.find(name)
        rates = rates_seen(home.records(found), found.state.rollout)
    if rates.nothing:
        why = (
            "has had no rollout that saw enough of its traffic" if found.is_known else f"is not known: {found.message}"
        )
        say_error(
            f"{found.key} in {home.label} {why}; give --requests-per-minute, --error-rate and --loss-spread in place of --seen"
        )
        raise typer.Exit(Exit.PROBLEMS)
    return rates


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
