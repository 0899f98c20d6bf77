"""`serinus promote | abort | retry | pause | resume | rollback`: ask something of a running deployment."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer

from serinus.cli.asking import home_errors, program
from serinus.cli.exits import Exit, say_error
from serinus.cli.options import Context, HomeStateDir, Kubeconfig, Name, Namespace
from serinus.core.observation import Verb
from serinus.core.state import Outcome

if TYPE_CHECKING:
    from serinus.cli.following import Ended
    from serinus.cli.homes import Found, Home

ANSWER_SECONDS: Final = 30.0
HELP: Final[Mapping[Verb, str]] = {
    Verb.PROMOTE: "Give the candidate all requests now, whatever the evidence says.",
    Verb.ABORT: "Take the candidate back; it gets no requests again until `serinus retry`.",
    Verb.RETRY: "Try the rejected version again, without touching the file.",
    Verb.PAUSE: "Hold the rollout at its weight; harm still ends it.",
    Verb.RESUME: "Go on with a paused rollout.",
    Verb.ROLLBACK: "Go back to the version that served before; the one that is left gets no requests again until "
    "`serinus retry`.",
}
NOTE: Final = (
    "The request names the rollout that is under way, so that it never acts on a later one, and who asked. Exit code 0 once "
    "it is carried out, 3 if it is refused or nobody answers. With --wait: 0 when the rollout has ended as asked (abort: "
    "taken back; pause: at once; all others: promoted), 3 when it ended otherwise or the timeout is over."
)
WANTED: Final[Mapping[Verb, frozenset[Outcome]]] = {
    **dict.fromkeys(Verb, frozenset({Outcome.PROMOTED})),
    Verb.ABORT: frozenset(Outcome) - {Outcome.PROMOTED},
}

RolloutId = Annotated[
    str, typer.Option("--rollout", help="Id of the rollout that is meant; the one under way by default.")
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until the rollout has ended, and say how.")]
Timeout = Annotated[str, typer.Option("--timeout", help="How long --wait waits, as in 90s, 30m or 2h.")]


def help_of(verb: Verb) -> str:
    """What `--help` says of the command."""
    return f"{HELP[verb]}\n\n{NOTE}"


def asking(verb: Verb) -> Callable[..., None]:
    """The command that asks for `verb`."""

    def command(
        call: typer.Context,
        name: Name,
        *,
        namespace: Namespace = "",
        context: Context = "",
        kubeconfig: Kubeconfig = "",
        state_dir: HomeStateDir = None,
        rollout: RolloutId = "",
        wait: Wait = False,
        timeout: Timeout = "1h",
    ) -> None:
        patience = _patience(timeout) if wait else None
        with home_errors():
            from serinus.cli.homes.choosing import Asked, home_of

            home = home_of(Asked(state_dir, namespace, context, kubeconfig, program=program(call)), name)
            _ask(home, verb, name, rollout, patience)

    return command


def _patience(text: str) -> timedelta:
    from serinus.core.spec import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--timeout") from error


def _ask(home: "Home", verb: Verb, name: str, rollout: str, patience: timedelta | None) -> None:
    """Leave the request, wait for the answer, and for the outcome where `patience` is given."""
    found = home.find(name)
    refuse_where_nobody_works(home, verb)
    meant = rollout or found.state.latest_rollout
    answer = answered(home, found, verb, home.ask(found.key, verb, meant))
    typer.echo(f"{found.key}: {answer.state.action_message} ({home.label})")
    if answer.state.action_refused:
        raise typer.Exit(Exit.FAILED)
    if patience is not None and verb is not Verb.PAUSE:
        _follow(home, verb, found, answer, patience)


def refuse_where_nobody_works(home: "Home", verb: Verb) -> None:
    """Nobody would carry the request out, and one found days later would surprise."""
    if nobody := home.nobody_works():
        say_error(f"{nobody}, so nobody can {verb}; start `serinus run -f FILE` and ask again")
        raise typer.Exit(Exit.FAILED)


def answered(home: "Home", found: "Found", verb: Verb, nonce: str) -> "Found":
    """The deployment once it has answered; ends the command where it does not."""
    from serinus.cli.following import Overtaken, wait_for_answer

    answer = wait_for_answer(home, found.key, nonce, ANSWER_SECONDS)
    if isinstance(answer, Overtaken):
        say_error(
            f"{verb} may not have been carried out: somebody else asked for something at the same moment; look with "
            f"`{home.command('explain', found.key)}`"
        )
    elif answer is None:
        say_error(
            f"{verb} is noted and will be carried out once somebody answers; nobody did within {ANSWER_SECONDS:.0f} s; "
            "is the operator running?"
        )
    else:
        return answer
    raise typer.Exit(Exit.FAILED)


def _follow(home: "Home", verb: Verb, before: "Found", after: "Found", patience: timedelta) -> None:
    from serinus.cli.following import rollout_asked_about, wait_for_end

    rollout_id = rollout_asked_about(before.state, after.state)
    ended = wait_for_end(home, before.key, rollout_id, patience.total_seconds(), typer.echo)
    if ended is None:
        say_error(
            f"it is not over after {patience}, and goes on; look with `{home.command('explain', before.key)}`",
        )
        raise typer.Exit(Exit.FAILED)
    typer.echo(_outcome(ended))
    if not _is_as_wanted(verb, ended):
        raise typer.Exit(Exit.FAILED)


def _outcome(ended: "Ended") -> str:
    record = ended.record
    if record is None:
        return f"{ended.found.key}: {ended.found.state.phase}: {ended.found.message}"
    return f"{ended.found.key}: {record.outcome}: {record.message}"


def _is_as_wanted(verb: Verb, ended: "Ended") -> bool:
    from serinus.core.state import Phase

    if ended.record is None:
        return ended.found.state.phase is Phase.STABLE
    return ended.record.outcome in WANTED[verb]
