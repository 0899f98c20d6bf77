"""`serinus promote | abort | retry | pause | resume`: ask something of a running deployment."""

from typing import Annotated

import typer

from serinus.cli.exits import Exit, errors_as_exit_codes, say_error
from serinus.cli.options import DEFAULT_STATE_DIR, StateDir
from serinus.core.observation import Verb

Name = Annotated[str, typer.Argument(help="Deployment, as name or namespace/name.")]
WAIT_SECONDS = 15.0


def promote(name: Name, state_dir: StateDir = DEFAULT_STATE_DIR) -> None:
    """Give the candidate all requests now, whatever the evidence says."""
    _ask(Verb.PROMOTE, name, state_dir)


def abort(name: Name, state_dir: StateDir = DEFAULT_STATE_DIR) -> None:
    """Take the candidate back; it gets no requests again until `serinus retry`."""
    _ask(Verb.ABORT, name, state_dir)


def retry(name: Name, state_dir: StateDir = DEFAULT_STATE_DIR) -> None:
    """Try the rejected version again, without touching the file."""
    _ask(Verb.RETRY, name, state_dir)


def pause(name: Name, state_dir: StateDir = DEFAULT_STATE_DIR) -> None:
    """Hold the rollout at its weight; harm still ends it."""
    _ask(Verb.PAUSE, name, state_dir)


def resume(name: Name, state_dir: StateDir = DEFAULT_STATE_DIR) -> None:
    """Go on with a paused rollout."""
    _ask(Verb.RESUME, name, state_dir)


def _ask(verb: Verb, name: str, state_dir: "StateDir") -> None:
    """Leave the request, wait until the runtime has answered, and say what it said."""
    from serinus.local.folder import StateFolder
    from serinus.local.mailbox import leave_request
    from serinus.local.reading import read_named, wait_for_answer

    with errors_as_exit_codes(Exit.PROBLEMS):
        folder = StateFolder(state_dir)
        deployed = read_named(folder, name)
        rollout = deployed.state.rollout
        action = leave_request(folder, deployed.key, verb, rollout.id if rollout else "")
        answer = wait_for_answer(folder, deployed.key, action.nonce, WAIT_SECONDS)
    if answer is None:
        say_error(
            f"{verb} is noted, but no runtime answered within {WAIT_SECONDS:.0f} s; is `serinus run` running on {state_dir}?"
        )
        raise typer.Exit(Exit.FAILED)
    typer.echo(f"{deployed.key}: {answer.action_message}")
    if "was refused" in answer.action_message:
        raise typer.Exit(Exit.FAILED)
