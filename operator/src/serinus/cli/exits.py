"""Exit codes, and how an error is shown: one sentence on stderr, never a stack trace."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import typer

from serinus.core.errors import NotSupportedYet, SerinusError, SpecInvalid

EPILOG = (
    "Exit codes: 0 done · 1 the file has problems, or the object is not there · 2 wrong usage · 3 it could not be done"
    " · 130 stopped by Ctrl-C"
)


class Exit(IntEnum):
    """What the exit code of every command means."""

    DONE = 0
    PROBLEMS = 1
    USAGE = 2
    FAILED = 3
    INTERRUPTED = 130


@contextmanager
def errors_as_exit_codes(code: Exit = Exit.FAILED) -> Iterator[None]:
    """Turn an error of Serinus into its sentence and an exit code: PROBLEMS for a file that breaks its rules, else `code`."""
    try:
        yield
    except SerinusError as error:
        say_error("\n".join([str(error), *getattr(error, "__notes__", ())]))
        raise typer.Exit(Exit.PROBLEMS if isinstance(error, SpecInvalid | NotSupportedYet) else code) from error
    except KeyboardInterrupt as error:
        raise typer.Exit(Exit.INTERRUPTED) from error


def say_error(message: str) -> None:
    """One message on stderr."""
    sys.stderr.write(f"{message}\n")
