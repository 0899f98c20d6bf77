"""The entry point of the `serinus` script. It is light, so that Ctrl-C is answered while the rest is still imported."""

import sys

INTERRUPTED = 130  # serinus.cli.exits has it too, and is too heavy to be imported here


def main() -> None:
    """Run the command line."""
    try:
        from serinus.cli.app import app

        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
