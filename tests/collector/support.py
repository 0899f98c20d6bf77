"""Batches and questions as short as a test needs them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from serinus.collector.messages import LabelBatch, PredictionBatch, parse_labels, parse_predictions
from serinus.collector.settings import CollectorSettings
from serinus.core.quality import CompareQuestion, Party, WatchQuestion

DEPLOYMENT = "ml/flights"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class FakeClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.time = NOON + timedelta(minutes=1)

    def __call__(self) -> datetime:
        return self.time


def settings_for(folder: Path, url: str, **fields: object) -> CollectorSettings:
    return CollectorSettings(**{"_cli_parse_args": [], "database": url, "log_root": str(folder / "log"), **fields})


def event(request_id: str, prediction: Any = 0.25, *, at: datetime = NOON, **fields: Any) -> dict[str, Any]:
    return {"requestId": request_id, "time": at.isoformat(), "prediction": prediction} | fields


def predictions_body(*events: Mapping[str, Any], revision: str = "aaaa", deployment: str = DEPLOYMENT) -> bytes:
    return orjson.dumps(
        {"deployment": deployment, "model": "flights", "revision": revision, "version": "7", "events": list(events)}
    )


def predictions(*events: Mapping[str, Any], revision: str = "aaaa", deployment: str = DEPLOYMENT) -> PredictionBatch:
    return parse_predictions(predictions_body(*events, revision=revision, deployment=deployment))


def labels_body(values: Mapping[str, Any], deployment: str = DEPLOYMENT) -> bytes:
    items = [{"requestId": request_id, "label": label} for request_id, label in values.items()]
    return orjson.dumps({"deployment": deployment, "labels": items})


def labels(values: Mapping[str, Any], deployment: str = DEPLOYMENT) -> LabelBatch:
    return parse_labels(labels_body(values, deployment))


def comparing(**fields: Any) -> CompareQuestion:
    parties = {
        "candidate": Party(revision="bbbb", address="http://127.0.0.1:1"),
        "stable": Party(revision="aaaa", address="http://127.0.0.1:2"),
    }
    return CompareQuestion(**{"model": "flights", "since": NOON, "cohort_seconds": 3600, **parties, **fields})


def watching(revision: str = "", **fields: Any) -> WatchQuestion:
    return WatchQuestion(**{"revision": revision, "since": NOON, "cohort_seconds": 3600, **fields})
