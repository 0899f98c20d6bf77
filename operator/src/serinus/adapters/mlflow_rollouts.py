"""A finished rollout as an MLflow run: curves as metrics, the whole record as decision.json."""

import json
import math
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from serinus.adapters.mlflow_client import ROLLOUT_TAG, VERSION_TAG, ensure_experiment

CURVES = ("weights", "evidence")
BATCH = 1000  # MLflow's limit of metrics per request


def record(client: Any, uri: str, model: str, version: str, rollout: dict[str, object]) -> None:
    """Log `rollout` once, found again by its `id`; one that was cut off is completed.

    Entries of the lists `weights` and `evidence` are objects with `at` (ISO 8601) and numbers; an entry's `signal`
    prefixes the names of its numbers. Numbers at the top level become single metrics.
    """
    experiment = ensure_experiment(client, f"{model}-rollouts", uri)
    name = str(rollout["id"])
    found = client.search_runs([experiment], f"tags.`{ROLLOUT_TAG}` = '{_quoted(name)}'", max_results=1)
    if found and found[0].info.status == "FINISHED":
        return
    tags = {ROLLOUT_TAG: name, VERSION_TAG: f"{model}/{version}"}
    run = found[0] if found else client.create_run(experiment, tags=tags, run_name=name)
    _log(client, run.info.run_id, rollout)
    if version:
        client.set_model_version_tag(model, version, f"{ROLLOUT_TAG}-run", run.info.run_id)
    client.set_terminated(run.info.run_id)


def _log(client: Any, run_id: str, rollout: dict[str, object]) -> None:
    from mlflow.entities import Metric

    points = [Metric(name, value, at, index) for name, value, at, index in metric_points(rollout)]
    for start in range(0, len(points), BATCH):
        client.log_batch(run_id, metrics=points[start : start + BATCH])
    client.log_text(run_id, json.dumps(rollout, indent=2, default=str, sort_keys=True), "decision.json")


def metric_points(rollout: dict[str, object]) -> Iterator[tuple[str, float, int, int]]:
    """(name, value, time in ms, index) of every finite number in the record."""
    for name, value in rollout.items():
        if _is_number(value):
            yield name, float(value), 0, 0  # type: ignore[arg-type]
    for curve in CURVES:
        entries = rollout.get(curve, ())
        for index, entry in enumerate(entries if isinstance(entries, list | tuple) else ()):
            yield from _entry_points(entry, index)


def _entry_points(entry: Any, index: int) -> Iterator[tuple[str, float, int, int]]:
    if not isinstance(entry, dict):
        return
    prefix = f"{entry['signal']}." if "signal" in entry else ""
    at = _milliseconds(entry.get("at"))
    for name, value in entry.items():
        if _is_number(value):
            yield prefix + name, float(value), at, index


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _milliseconds(at: object) -> int:
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return int(moment.timestamp() * 1000) if isinstance(moment, datetime) else 0


def _quoted(value: str) -> str:
    return value.replace("'", "''")
