"""`serinus retrain`: ask for a training run now."""

from typing import Annotated

import typer

from serinus.cli.act import answered, refuse_where_nobody_works
from serinus.cli.asking import home_errors, program
from serinus.cli.exits import Exit
from serinus.cli.options import Context, HomeStateDir, Kubeconfig, Name, Namespace
from serinus.core.observation import Verb


def retrain(
    call: typer.Context,
    name: Name,
    *,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the record of the run.")] = "",
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    state_dir: HomeStateDir = None,
) -> None:
    """Train the next version now, with the pipeline that the deployment's retraining section names.

    Neither a cooldown nor runs that brought no better model hold it up; the budget does, and so does a rollout until it has
    ended. Exit code 0 once the run was asked for (its name is told) or noted, 3 if it is refused or nobody answers.
    `serinus explain` says how it goes on.
    """
    from serinus.cli.homes.choosing import Asked, home_of

    with home_errors():
        home = home_of(Asked(state_dir, namespace, context, kubeconfig, program=program(call)), name)
        found = home.find(name)
        refuse_where_nobody_works(home, Verb.RETRAIN)
        answer = answered(home, found, Verb.RETRAIN, home.ask(found.key, Verb.RETRAIN, "", reason))
        typer.echo(f"{found.key}: {answer.state.action_message} ({home.label})")
        if answer.state.action_refused:
            raise typer.Exit(Exit.FAILED)
