"""`serinus operator`: roll out what the ModelDeployments of a cluster ask for."""

import asyncio
import errno
from typing import TYPE_CHECKING, Any, Final

import typer

from serinus.cli.exits import Exit, errors_as_exit_codes, say_error

if TYPE_CHECKING:
    from serinus.kubernetes.settings import OperatorSettings

# The flags are those of serinus.kubernetes.settings, which reads and explains them itself.
CONTEXT: Final[dict[str, Any]] = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
LISTENING: Final = frozenset({errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES})


def operator(context: typer.Context) -> None:
    """Run the operator in a cluster; `serinus operator --help` lists its settings."""
    settings = _settings(context.args)
    from serinus.kubernetes.logging import configure
    from serinus.kubernetes.main import run_operator

    configure(settings.log_level, settings.log_format)
    with errors_as_exit_codes():
        try:
            asyncio.run(run_operator(settings))
        except OSError as error:
            listening = error.errno in LISTENING
            told = f"cannot listen on port {settings.listen_port} ({error.strerror}); give another --listen-port"
            say_error(told if listening else f"cannot start: {error}; look at the files that the kubeconfig names")
            raise typer.Exit(Exit.FAILED) from error


def _settings(arguments: list[str]) -> "OperatorSettings":
    """What flags and environment say; a wrong one is one sentence and exit code 2."""
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    from serinus.kubernetes.settings import OperatorSettings

    try:
        return OperatorSettings(_cli_parse_args=arguments)
    except ValidationError as error:
        say_error("\n".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()))
    except SettingsError as error:
        say_error(str(error))
    raise typer.Exit(Exit.USAGE)
