"""How deployments look in a terminal."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from serinus.cli.explaining.retraining import retraining_lines
from serinus.cli.homes import Found
from serinus.core.planning import told_share
from serinus.core.state import Phase, RolloutRecord, RolloutState

COLOURS = {
    Phase.STABLE: "green",
    Phase.FAILED: "red",
    Phase.ROLLED_BACK: "red",
    Phase.ROLLING_BACK: "red",
    Phase.PAUSED: "yellow",
    Phase.AWAITING_APPROVAL: "yellow",
}


def table(found: Sequence[Found], *, wide: bool = False) -> RenderableType:
    """One line per deployment, as `kubectl get` prints it."""
    result = Table(box=None, pad_edge=False, header_style="bold")
    for column in (
        "NAME",
        "PHASE",
        "STABLE",
        "CANDIDATE",
        "WEIGHT",
        "REASON",
        "AGE",
        *(("DRIFTED", "URL", "MESSAGE") if wide else ()),
    ):
        result.add_column(column, no_wrap=column not in ("MESSAGE",))
    for one in found:
        state = one.state
        cells: list[RenderableType] = [
            str(one.key),
            Text(state.phase, COLOURS.get(state.phase, "cyan")),
            stable_version(state),
            candidate_version(state),
            told_share(state).replace(" %", "%") if state.rollout else "-",
            one.reason,
            age(datetime.now(UTC) - state.phase_since),
        ]
        result.add_row(*cells, *((drifted(state), state.url, one.message) if wide else ()))
    return result


def details(one: Found) -> RenderableType:
    """The reason in a sentence, signals, quarantine, and past rollouts."""
    state = one.state
    parts: list[RenderableType] = ["", Text(one.message)]
    parts += [Text(note, "yellow") for note in one.notes]
    if state.registry_problem:
        parts.append(Text(f"registry: {state.registry_problem}", "yellow"))
    if state.action_message:
        parts.append(Text(f"last request: {state.action_message}", "dim"))
    if state.rollout:
        parts += ["", Text(f"Rollout {state.rollout.id}", "bold"), Padding(signals(state), (0, 0, 0, 2))]
    if state.drift:
        colour = "yellow" if state.drift.status == "True" else ""
        text = f"{state.drift.reason}: {state.drift.message}"
        parts += ["", Text(f"Drifted: {state.drift.status}", "bold"), Text(f"  {text}", colour)]
    if state.retraining:
        parts += ["", Text("Retraining", "bold"), *(Text(f"  {line}") for line in retraining_lines(state))]
    if state.rejected:
        parts += ["", Text("Rejected until `serinus retry`", "bold")]
        parts += [Text(f"  {entry.label}: {entry.reason}: {entry.message}") for entry in state.rejected]
    if state.history:
        parts += ["", Text("Past rollouts", "bold"), Padding(history(state.history), (0, 0, 0, 2))]
        parts.append(
            Text("`serinus history` has their messages and numbers, `serinus explain` what happens now", "dim")
        )
    return Group(*parts)


def signals(state: RolloutState) -> RenderableType:
    """Each signal of the rollout under way: verdict and sentence."""
    from serinus.core.analysis import judge

    result = Table(box=None, pad_edge=False, show_header=False)
    for verdict in judge(state.rollout.evidence) if state.rollout else ():
        result.add_row(verdict.name, str(verdict.verdict), verdict.message)
    return result


def history(records: Sequence[RolloutRecord]) -> RenderableType:
    """Past rollouts, the latest first."""
    result = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in ("ENDED", "FROM", "TO", "OUTCOME", "REASON", "REQUESTS", "FAILED"):
        result.add_column(column)
    for record in reversed(records):
        result.add_row(
            record.ended_at.strftime("%Y-%m-%d %H:%M:%S"),
            record.from_version or "-",
            record.to_version or record.revision,
            record.outcome,
            record.reason,
            str(record.candidate_requests),
            str(record.candidate_failed),
        )
    return result


def stable_version(state: RolloutState) -> str:
    """What serves, as people name it."""
    return (state.stable.artifact.version or state.stable.id) if state.stable else "-"


def candidate_version(state: RolloutState) -> str:
    """What is on its way."""
    return (state.rollout.candidate.artifact.version or state.rollout.candidate.id) if state.rollout else "-"


def drifted(state: RolloutState) -> str:
    """The status of the condition Drifted."""
    return state.drift.status if state.drift else "-"


def age(value: timedelta) -> str:
    """`45s`, `12m`, `3h`, `5d`, as kubectl prints it."""
    seconds = int(value.total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{max(seconds, 0)}s"
