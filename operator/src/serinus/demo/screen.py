"""What the demo's audience sees: a live table in a terminal, plain lines in a pipe, a summary at the end."""

import sys
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from serinus.core.planning import candidate_weight, told_share
from serinus.core.state import RolloutState
from serinus.demo.summary import Summary
from serinus.local.runtime import Report

if TYPE_CHECKING:
    from serinus.demo.stage import Stage

LINES = 14
REFRESH_PER_SECOND = 4
OUTCOME_COLOURS = {"Promoted": "green", "RolledBack": "red", "Aborted": "yellow", "Superseded": "yellow"}


class Lines:
    """One plain line for everything that happens."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.stdout.flush()

    def attend(self, stage: "Stage") -> None:
        """Lines need nothing but what is said."""

    def say(self, text: str) -> None:
        """One line with the seconds since the start."""
        sys.stdout.write(f"{time.monotonic() - self._began:5.1f}s  {text}\n")
        sys.stdout.flush()

    def decided(self, report: Report) -> None:
        """A line for each decision that a person would notice."""
        if report.note:
            self.say(f"     {report.note}")
        if report.decision and report.decision.changed:
            self.say(f"     {headline(report.decision.next_state)}")


class LiveScreen:
    """A table of versions, weights, requests and evidence that changes while the story goes on."""

    def __init__(self) -> None:
        self._console = Console()
        self._began = time.monotonic()
        self._said: deque[str] = deque(maxlen=LINES)
        self._stage: Stage | None = None
        self._live = Live(console=self._console, refresh_per_second=REFRESH_PER_SECOND, get_renderable=self._picture)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def attend(self, stage: "Stage") -> None:
        """Show this stage."""
        self._stage = stage

    def say(self, text: str) -> None:
        """One line of the story."""
        self._said.append(f"{time.monotonic() - self._began:5.1f}s  {text}")

    def decided(self, report: Report) -> None:
        """Decisions show in the table; notes are said."""
        if report.note:
            self.say(f"   {report.note}")

    def _picture(self) -> RenderableType:
        story = Text("\n".join(self._said) or "setting the stage")
        state = self._stage.state if self._stage else None
        parts: list[RenderableType] = [Panel(story, title="serinus demo", title_align="left", border_style="cyan")]
        if state and self._stage:
            parts.append(Panel(Group(situation(self._stage, state), evidence(state)), border_style="dim"))
        return Group(*parts)


def headline(state: RolloutState) -> str:
    """Phase, weight, reason and sentence in one line."""
    weight = f" {told_share(state)}" if state.rollout else ""
    return f"{state.phase}{weight} · {state.reason}: {state.message}"


def situation(stage: "Stage", state: RolloutState) -> RenderableType:
    """Who serves, who is coming, and what the clients saw."""
    grid = Table.grid(padding=(0, 3))
    stable = state.stable.artifact.version if state.stable else "-"
    candidate = state.rollout.candidate.artifact.version if state.rollout else "-"
    counts = stage.replay.counts if stage.replay else None
    grid.add_row("phase", Text(state.phase, "bold"), "stable", f"version {stable}", "candidate", f"version {candidate}")
    grid.add_row(
        "weight",
        bar(candidate_weight(state)),
        "requests",
        f"{counts.requests if counts else 0:,}",
        "failed",
        f"{counts.failed if counts else 0:,}",
    )
    return Group(grid, Text(f"{state.reason}: {state.message}", "italic"))


def bar(weight: int) -> Text:
    """The candidate's share as a bar of twenty cells."""
    filled = round(weight / 5)
    return Text.assemble(("█" * filled, "cyan"), ("░" * (20 - filled), "dim"), f" {weight} %")


def evidence(state: RolloutState) -> RenderableType:
    """Each signal's verdict and sentence."""
    from serinus.core.analysis import judge

    grid = Table.grid(padding=(0, 2))
    for verdict in judge(state.rollout.evidence) if state.rollout else ():
        colour = {"Pass": "green", "Fail": "red"}.get(verdict.verdict, "yellow")
        grid.add_row(verdict.name, Text(verdict.verdict, colour), verdict.message)
    return grid


def print_summary(summary: Summary, json_file: Path, report_file: Path) -> None:
    """What happened, in a table and three sentences."""
    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    table = Table(title="What you just saw", title_justify="left", header_style="bold")
    for column in ("version", "outcome", "why", "requests", "failed"):
        table.add_column(column, overflow="fold")
    for rollout in summary.rollouts:
        outcome = Text(rollout.outcome, OUTCOME_COLOURS.get(rollout.outcome, ""))
        why = f"{rollout.reason}: {rollout.message}"
        table.add_row(
            f"{rollout.from_version} → {rollout.to_version}",
            outcome,
            why,
            str(rollout.requests_to_candidate),
            str(rollout.failed_by_candidate),
        )
    console.print(table)
    client = summary.client
    console.print(
        f"{client.requests:,} requests, {client.failed:,} failed; "
        f"failures that no rejected version explains: {summary.unexplained_failures}. "
        f"Champion: version {summary.champion}. Quarantined: {', '.join(summary.quarantined) or 'none'}. "
        f"{summary.seconds:.0f} s in all."
    )
    console.print(f"Plots of weights and evidence: {report_file} · everything as data: {json_file}")
