"""What the demo leaves: a table for people, and for programs the summary of `serinus demo`, with what a cluster adds."""

import os
import platform
import sys
from collections import Counter
from datetime import datetime
from typing import Annotated

from pydantic import Field
from rich.console import Console
from rich.table import Table
from rich.text import Text

from serinus.core.state import Outcome
from serinus.demo.screen import OUTCOME_COLOURS
from serinus.demo.summary import Count, Machine, Summary, client_summary, summarise
from tests.cluster.demo.story import ALIAS, NAME, NAMESPACE, Stage, refuses_missing

PIPE_WIDTH = 120


class ClusterSummary(Summary):
    """The demo's summary, and how many predictions each version made, over all of the demo.

    Unexplained here is every failure that was no refusal of a missing value: each of these is version 3's, also one that was
    answered when its rollout was over.
    """

    answered_by_version: dict[str, Annotated[int, Count]] = Field(description="Predictions by version of the model.")


def summary_of(stage: Stage, started_at: datetime, seconds: float) -> ClusterSummary:
    """The summary of a story that has been told."""
    answers = stage.traffic.answers
    answered: Counter[str] = Counter()
    for revision, count in stage.traffic.by_revision.items():
        answered[stage.revisions.get(revision, revision)] += count
    plain = summarise(
        stage.records,
        deployment=f"{NAMESPACE}/{NAME}",
        started_at=started_at,
        seconds=seconds,
        machine=Machine(cores=len(os.sched_getaffinity(0)), python=platform.python_version()),
        trainings=(),
        client=client_summary(stage.traffic.codes, (answer.seconds for answer in answers)),
        quarantined=(one.to_version for one in stage.records if one.outcome is Outcome.ROLLED_BACK),
        champion=stage.registry.alias(NAME, ALIAS) or None,
    )
    unexplained = sum(not refuses_missing(answer) for answer in stage.traffic.failures)
    counted = {"unexplained_failures": unexplained, "answered_by_version": dict(sorted(answered.items()))}
    return ClusterSummary(**dict(plain) | counted)


def print_summary(summary: ClusterSummary) -> None:
    """What happened, in a table and two sentences."""
    console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False)
    table = Table(title="What you just saw", title_justify="left", header_style="bold")
    for column in ("version", "outcome", "why", "weights", "requests", "failed"):
        table.add_column(column, overflow="fold")
    for rollout in summary.rollouts:
        table.add_row(
            f"{rollout.from_version} → {rollout.to_version}",
            Text(rollout.outcome, OUTCOME_COLOURS.get(rollout.outcome, "")),
            f"{rollout.reason}: {rollout.message}",
            ", ".join(str(change.weight) for change in rollout.weights),
            str(rollout.requests_to_candidate),
            str(rollout.failed_by_candidate),
        )
    console.print(table)
    answered = ", ".join(f"{count:,} by version {version}" for version, count in summary.answered_by_version.items())
    console.print(
        f"{summary.client.requests:,} requests, {summary.client.failed:,} failed; "
        f"failures that no rejected version explains: {summary.unexplained_failures}. Answered: {answered}. "
        f"Champion: version {summary.champion}. Quarantined: {', '.join(summary.quarantined) or 'none'}. "
        f"{summary.seconds:.0f} s in all."
    )
