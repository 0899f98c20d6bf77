"""A finished rollout as an MLflow run: curves as metrics, the whole record as decision.json."""

import logging
import math
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from serinus.adapters.mlflow_client import QUARANTINE_TAG, ROLLOUT_TAG, VERSION_TAG, ensure_experiment
from serinus.core.state import EvidencePoint, Outcome, RolloutRecord
from serinus.ports import Quarantine

log = logging.getLogger(__name__)

BATCH = 1000  # MLflow's limit of metrics per request


class MetricPoint(NamedTuple):
    """One value of a metric. `at_ms`: milliseconds since 1970; `step`: its place on the curve."""

    name: str
    value: float
    at_ms: int
    step: int


def log_rollout(client: Any, uri: str, owner: str, record: RolloutRecord, quarantine: Quarantine | None) -> None:
    """Log a rollout of `owner` once, found again by its id; one that was cut off is completed.

    What is logged already changes nothing: the version's mark may have another reason since.
    """
    experiment = ensure_experiment(client, f"{record.model}-rollouts", uri)
    name = f"{owner}/{record.id}"
    found = client.search_runs([experiment], f"tags.`{ROLLOUT_TAG}` = '{_quoted(name)}'", max_results=1)
    if found and found[0].info.status == "FINISHED":
        return
    tags = {
        ROLLOUT_TAG: name,
        VERSION_TAG: f"{record.model}/{record.to_version}",
        "serinus.dev/outcome": record.outcome,
        "serinus.dev/reason": record.reason,
    }
    run_id = found[0].info.run_id if found else client.create_run(experiment, tags=tags, run_name=name).info.run_id
    _log(client, run_id, record)
    client.set_model_version_tag(record.model, record.to_version, f"{ROLLOUT_TAG}-run", run_id)
    _mark(client, owner, record, quarantine)
    client.set_terminated(run_id)


def _mark(client: Any, owner: str, record: RolloutRecord, quarantine: Quarantine | None) -> None:
    """Tag a version as quarantined by this owner, and take the owner's tag from what was promoted."""
    tag, version = QUARANTINE_TAG + owner, (record.model, record.to_version)
    if quarantine is not None:
        client.set_model_version_tag(record.model, quarantine.version, tag, f"{record.id}: {quarantine.reason}")
    if record.outcome is Outcome.PROMOTED and tag in client.get_model_version(*version).tags:
        client.delete_model_version_tag(*version, tag)


def _log(client: Any, run_id: str, record: RolloutRecord) -> None:
    from mlflow.entities import Metric

    points = [Metric(*point) for point in metric_points(record)]
    for start in range(0, len(points), BATCH):
        client.log_batch(run_id, metrics=points[start : start + BATCH])
    try:
        client.log_text(run_id, record.model_dump_json(by_alias=True, indent=2), "decision.json")
    except ImportError as error:  # the run is worth more than its file
        log.warning(
            "decision.json of run %s is not kept: its artifact store cannot be reached from here (%s)", run_id, error
        )


def metric_points(record: RolloutRecord) -> Iterator[MetricPoint]:
    """The weights over time, and every finite number of each signal over time as `<signal>.<number>`.

    The mirrored share too, where there was one.
    """
    for step, change in enumerate(record.weights):
        yield MetricPoint("weight", change.weight, _milliseconds(change.at), step)
        if any(one.mirror for one in record.weights):
            yield MetricPoint("mirror", change.mirror, _milliseconds(change.at), step)
    for step, point in enumerate(record.curve):
        for name, value in _numbers(point):
            if math.isfinite(value):
                yield MetricPoint(name, value, _milliseconds(point.at), step)


def _numbers(point: EvidencePoint) -> Iterator[tuple[str, float]]:
    yield "candidateRequests", point.candidate_requests
    yield "stableRequests", point.stable_requests
    for signal, numbers in point.signals.items():
        for name, value in numbers.items():
            yield f"{signal}.{name}", value


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _quoted(value: str) -> str:
    return value.replace("'", "''")
