"""`serinus explain`: why a deployment is as it is, what it waits for, and what can be done."""

from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serinus.cli.asking import home_errors, program
from serinus.cli.options import Context, HomeStateDir, Kubeconfig, Name, Namespace

if TYPE_CHECKING:
    from serinus.cli.explaining import Explanation
    from serinus.core.state import SignalResult


class Form(StrEnum):
    """How it is printed."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"


OutputForm = Annotated[Form, typer.Option("-o", "--output", help="Form of the output.")]


def explain(
    call: typer.Context,
    name: Name,
    *,
    output: OutputForm = Form.TEXT,
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    state_dir: HomeStateDir = None,
) -> None:
    """Say why a deployment is in its phase: since when, what it waits for, its signals, what comes next, what you can do."""
    from serinus.cli.explaining import explain as explained
    from serinus.cli.homes.choosing import Asked, home_of

    with home_errors():
        home = home_of(Asked(state_dir, namespace, context, kubeconfig, program=program(call)), name)
        now = datetime.now(UTC)
        explanation = explained(home.find(name), home, now)
    if output is Form.TEXT:
        typer.echo("\n".join(lines(explanation, now)))
    else:
        from serinus.cli.get import print_objects

        print_objects(content(explanation), as_json=output is Form.JSON)


def lines(explanation: "Explanation", now: datetime) -> list[str]:
    """The explanation as it is read."""
    from serinus.cli.explaining.seen import clock, rough
    from serinus.cli.plain import items, section, wrapped

    one = explanation
    since = f"since {clock(one.since, now)} ({rough(now - one.since)})"
    commands = [line for each in one.commands for line in (f"  {each.command}", *wrapped(each.effect, "      "))]
    return [
        f"{one.name} is {one.phase} {since}",
        *wrapped(f"{one.reason}: {one.message}", "  "),
        *section("Serves" + (f" at {one.url}" if one.url else ""), items(one.serves)),
        *section("Wrong", items(one.problems)),
        *section(_title(one, now), [line for signal in one.signals for line in signal_lines(signal)]),
        *section("Drift from training", items(one.drift)),
        *section("Waits for", items(one.waits)),
        *section("Next", items(one.next)),
        *section("Retraining", items(one.retraining)),
        *section("Last request", wrapped(one.last_request, "  ") if one.last_request else []),
        *section("You can", commands),
    ]


def signal_lines(signal: "SignalResult", indent: str = "  ") -> list[str]:
    """Verdict and sentence, then the numbers."""
    from serinus.cli.plain import numbers, wrapped

    head = wrapped(f"{signal.name}: {signal.verdict} ({signal.reason}): {signal.message}", indent, f"{indent}  ")
    return [*head, *(wrapped(numbers(signal.numbers), f"{indent}  ") if signal.numbers else [])]


def content(explanation: "Explanation") -> dict[str, Any]:
    """The explanation for programs, with camelCase names."""
    from pydantic.alias_generators import to_camel

    raw = asdict(explanation) | {"signals": [one.model_dump(mode="json") for one in explanation.signals]}
    return {to_camel(name): value.isoformat() if isinstance(value, datetime) else value for name, value in raw.items()}


def _title(explanation: "Explanation", now: datetime) -> str:
    from serinus.cli.explaining.seen import clock

    at = f", as of {clock(explanation.looked_at, now)}" if explanation.looked_at else ""
    return f"Signals of rollout {explanation.rollout}{at}"
