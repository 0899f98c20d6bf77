"""`serinus get`: what serves, what is under way, and why."""

import json
import sys
from enum import StrEnum
from typing import Annotated, Any

import typer

from serinus.cli.exits import Exit, errors_as_exit_codes, say_error
from serinus.cli.options import DEFAULT_STATE_DIR, StateDir


class Output(StrEnum):
    """How it is printed."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"


def get(
    name: Annotated[str | None, typer.Argument(help="Deployment; all of them by default.")] = None,
    output: Annotated[Output, typer.Option("-o", "--output", help="Form of the output.")] = Output.TABLE,
    state_dir: StateDir = DEFAULT_STATE_DIR,
) -> None:
    """Show deployments: phase, versions, weight and reason; with a name also conditions and past rollouts."""
    from serinus.core.status import object_of
    from serinus.local.folder import StateFolder
    from serinus.local.reading import read_all, read_named

    with errors_as_exit_codes(Exit.PROBLEMS):
        folder = StateFolder(state_dir)
        found = (read_named(folder, name),) if name else read_all(folder)
    if output in (Output.JSON, Output.YAML):
        objects = [object_of(one.deployment, one.state) for one in found]
        _print_objects(objects[0] if name else {"items": objects}, output)
        return
    if not found:
        typer.echo(f"no deployments in {state_dir}; start one: serinus run -f modeldeployment.yaml", err=True)
        return
    from rich.console import Console

    from serinus.cli.view import details, table

    console = Console(width=None if sys.stdout.isatty() else 240, highlight=False)
    console.print(table(found, wide=output is Output.WIDE))
    if name:
        console.print(details(found[0]))
    if not folder.is_worked_on():
        say_error(f"no runtime works on {state_dir}: this is the last known state; go on with `serinus run -f FILE`")


def _print_objects(content: dict[str, Any], output: Output) -> None:
    if output is Output.JSON:
        typer.echo(json.dumps(content, indent=2))
        return
    import yaml

    typer.echo(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), nl=False)
