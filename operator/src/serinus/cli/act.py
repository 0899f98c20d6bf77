"""`serinus promote | abort | retry | pause | resume | rollback`: ask something of a running deployment."""

from typing import TYPE_CHECKING, Annotated

import typer

from serinus.cli.exits import Exit, errors_as_exit_codes, say_error
from serinus.cli.options import DEFAULT_STATE_DIR, StateDir
from serinus.core.observation import Verb

if TYPE_CHECKING:
    from serinus.local.folder import StateFolder

Name = Annotated[str, typer.Argument(help="Deployment, as name or namespace/name.")]
WAIT_SECONDS = 30.0


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


def rollback(name: Name, state_dir: StateDir = DEFAULT_STATE_DIR) -> None:
    """Go back to the version that served before; the one that is left gets no requests again until `serinus retry`."""
    _ask(Verb.ROLLBACK, name, state_dir)


def _ask(verb: Verb, name: str, state_dir: "StateDir") -> None:
    """Leave the request, wait until the runtime has answered, and say what it said."""
    from serinus.local.folder import StateFolder
    from serinus.local.mailbox import leave_request
    from serinus.local.reading import read_named, wait_for_answer

    with errors_as_exit_codes(Exit.PROBLEMS):
        folder = StateFolder(state_dir)
        deployed = read_named(folder, name)
        refuse_without_runtime(folder, verb)
        rollout = deployed.state.rollout
        action = leave_request(folder, deployed.key, verb, rollout.id if rollout else "")
        answer = wait_for_answer(folder, deployed.key, action.nonce, WAIT_SECONDS)
    if answer is None:
        say_error(
            f"{verb} is noted and will be carried out once the runtime answers; it did not within {WAIT_SECONDS:.0f} s"
        )
        raise typer.Exit(Exit.FAILED)
    typer.echo(f"{deployed.key}: {answer.action_message}")
    if "was refused" in answer.action_message:
        raise typer.Exit(Exit.FAILED)


def refuse_without_runtime(folder: "StateFolder", verb: Verb) -> None:
    """Nobody would carry the request out, and one found days later would surprise."""
    if not folder.is_worked_on():
        say_error(f"no runtime works on {folder.root}, so nobody can {verb}; start `serinus run -f FILE` and ask again")
        raise typer.Exit(Exit.FAILED)
