"""`serinus history`: the finished rollouts of a deployment, with the numbers that decided."""

from datetime import datetime
from typing import TYPE_CHECKING

import typer

from serinus.cli.asking import home_errors, program
from serinus.cli.exits import say_error
from serinus.cli.explain import Form, OutputForm, signal_lines
from serinus.cli.options import Context, HomeStateDir, Kubeconfig, Name, Namespace

if TYPE_CHECKING:
    from serinus.core.state import RolloutRecord, WeightChange


def history(
    call: typer.Context,
    name: Name,
    *,
    output: OutputForm = Form.TEXT,
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    state_dir: HomeStateDir = None,
) -> None:
    """Show the finished rollouts, the latest first: from, to, outcome and reason, weights, each signal's numbers, how long."""
    from serinus.cli.homes.choosing import Asked, home_of

    with home_errors():
        home = home_of(Asked(state_dir, namespace, context, kubeconfig, program=program(call)), name)
        found = home.find(name)
        records = home.records(found)[::-1]
    if output is not Form.TEXT:
        from serinus.cli.get import print_objects

        items = [one.model_dump(mode="json", by_alias=True, exclude={"curve"}) for one in records]
        print_objects({"items": items}, as_json=output is Form.JSON)
    elif records:
        typer.echo("\n\n".join("\n".join(lines(one)) for one in records))
    else:
        say_error(f"{found.key} has had no rollout yet; its first version is brought up without one")


def lines(record: "RolloutRecord") -> list[str]:
    """One finished rollout as it is read."""
    from serinus.cli.explaining.seen import rough
    from serinus.cli.plain import wrapped

    took = rough(record.ended_at - record.started_at)
    attempt = f", attempt {record.attempt}" if record.attempt > 1 else ""
    to = record.to_version or record.revision
    return [
        f"{record.model} {record.from_version or '-'} -> {to}: {record.outcome} ({record.reason}){attempt}",
        *wrapped(record.message, "  "),
        f"  {_moment(record.started_at)} to {_moment(record.ended_at)}, {took}; rollout {record.id}",
        *wrapped(f"weights: {_weights(record)}", "  ", "    "),
        *wrapped(_requests(record), "  ", "    "),
        *(line for signal in record.signals for line in signal_lines(signal)),
    ]


def _moment(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S}"


def _weights(record: "RolloutRecord") -> str:
    """The candidate's share, or the mirrored one, and from when on."""
    return ", ".join(f"{_share(change)} from {change.at.astimezone():%H:%M:%S}" for change in record.weights)


def _share(change: "WeightChange") -> str:
    return f"mirrors {change.mirror} %" if change.mirror else f"{change.weight} %"


def _requests(record: "RolloutRecord") -> str:
    return (
        f"requests: candidate {record.candidate_requests:,}, {record.candidate_failed:,} failed; "
        f"stable {record.stable_requests:,}, {record.stable_failed:,} failed"
    )
