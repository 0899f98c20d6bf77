"""From the command line's words to a deployment, with errors as exit codes."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from serinus.cli.exits import Exit, errors_as_exit_codes, say_error
from serinus.cli.homes.home import NotThere
from serinus.core.errors import StateUnreadable


@contextmanager
def home_errors() -> Iterator[None]:
    """What is not there, or cannot be read, is PROBLEMS; everything else FAILED. One sentence on stderr."""
    with errors_as_exit_codes(Exit.FAILED):
        try:
            yield
        except (NotThere, StateUnreadable) as error:
            say_error(str(error))
            raise typer.Exit(Exit.PROBLEMS) from error


def program(context: typer.Context) -> str:
    """How the command was called: `serinus`, or `kubectl serinus`."""
    from serinus.cli.homes.choosing import PLUGIN

    return PLUGIN if context.find_root().info_name == PLUGIN else "serinus"
