"""`serinus get`: what serves, what is under way, and why."""

import json
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serinus.cli.asking import home_errors, program
from serinus.cli.exits import say_error
from serinus.cli.options import AllNamespaces, Context, HomeStateDir, Kubeconfig, Namespace

if TYPE_CHECKING:
    from serinus.cli.homes import Home


class Output(StrEnum):
    """How it is printed."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"


def get(
    call: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Deployment; all of them by default.")] = None,
    *,
    output: Annotated[Output, typer.Option("-o", "--output", help="Form of the output.")] = Output.TABLE,
    namespace: Namespace = "",
    everywhere: AllNamespaces = False,
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    state_dir: HomeStateDir = None,
) -> None:
    """Show deployments: phase, versions, weight and reason; with a name also conditions and past rollouts."""
    from serinus.cli.homes.choosing import Asked, NothingAnywhere, home_of

    asked = Asked(state_dir, namespace, context, kubeconfig, everywhere, program(call))
    with home_errors():
        try:
            home = home_of(asked, name or "")
        except NothingAnywhere as error:
            if name:
                raise
            say_error(str(error))
            return
        _show(home, name, output)


def _show(home: "Home", name: str | None, output: Output) -> None:
    found = (home.find(name),) if name else home.all()
    if output in (Output.JSON, Output.YAML):
        objects = [dict(one.manifest) for one in found]
        print_objects(objects[0] if name else {"items": objects}, as_json=output is Output.JSON)
        return
    if not found:
        say_error(f"no deployments in {home.label}")
        return
    from rich.console import Console

    from serinus.cli.view import details, table

    console = Console(width=None if sys.stdout.isatty() else 240, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        console.print(table(found, wide=output is Output.WIDE))
        if name:
            console.print(details(found[0]))
    typer.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))
    if nobody := home.nobody_works():
        say_error(f"{nobody}: this is the last known state; go on with `serinus run -f FILE`")


def print_objects(content: dict[str, Any], *, as_json: bool) -> None:
    """JSON, or YAML."""
    if as_json:
        typer.echo(json.dumps(content, indent=2))
        return
    import yaml

    typer.echo(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), nl=False)
