"""Writing down what a demo did: summary.json and report.html."""

import asyncio
import os
import platform
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from serinus.adapters.mlflow_artifacts import ArtifactsHere
from serinus.adapters.mlflow_client import registry_of
from serinus.adapters.mlflow_registry import MlflowRegistry
from serinus.demo.report import render_report
from serinus.demo.stage import Stage
from serinus.demo.summary import Machine, Summary, Training, client_summary, summarise, summary_json
from serinus.local.files import atomic_write_text

MODEL, ALIAS = "flight-delay", "champion"


def write_outcome(stage: Stage, started_at: datetime, seconds: float, json_file: Path, report_file: Path) -> Summary:
    """Write the summary and the report of a story that has been told. Raises StateUnwritable, RegistryUnavailable."""
    summary = summary_of(stage, started_at, seconds)
    atomic_write_text(json_file, summary_json(summary))
    atomic_write_text(report_file, render_report(summary, stage.records()))
    return summary


def summary_of(stage: Stage, started_at: datetime, seconds: float) -> Summary:
    """The summary of a story."""
    uri = registry_of(stage.folder)
    registry = MlflowRegistry(uri, ArtifactsHere(uri, stage.folder / "artifacts"))
    counts = stage.counts
    return summarise(
        stage.records(),
        deployment=str(stage.key),
        started_at=started_at,
        seconds=seconds,
        machine=Machine(cores=len(os.sched_getaffinity(0)), python=platform.python_version()),
        trainings=[*_asked_for(stage), *_retrained(stage)],
        client=client_summary(counts.codes, counts.seconds),
        quarantined=[entry.label.split()[-1] for entry in stage.state.rejected] if stage.state else [],
        champion=asyncio.run(registry.alias_version(MODEL, ALIAS)),
    )


def _asked_for(stage: Stage) -> Iterator[Training]:
    """The runs of `serinus train`."""
    for training in stage.trainings:
        outcome = training.outcome
        yield Training(
            version=outcome.version,
            outcome=outcome.outcome,
            message=outcome.message,
            metrics=outcome.metrics,
            seconds=training.seconds,
        )


def _retrained(stage: Stage) -> Iterator[Training]:
    """The runs that a trigger started. Their metrics are in the registry."""
    retraining = stage.state.retraining if stage.state else None
    for run in retraining.runs if retraining else ():
        yield Training(
            version=run.version or None,
            outcome=str(run.outcome),
            message=f"{', '.join(run.causes)}: {run.message}",
            metrics={},
            seconds=(run.ended_at - run.started_at).total_seconds(),
        )
