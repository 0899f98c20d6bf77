"""A model that is registered, and a prediction log of its real answers, in the schema of the collector."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from components.evaluate.step import answers
from components.monitor.step import Question
from components.register.reference import build_reference
from components.train.step import train
from serinus.adapters.mlflow_client import DIGEST_TAG, connect, registry_of
from serinus.artifact import directory_digest
from serinus.core import prediction_log
from serinus.core.reference import Reference
from serinus.training.config import TrainingConfig
from serinus.training.load import load_config
from tests.components.conftest import TRAINING, make_trips

TRAINED, LOGGED = 1200, 800  # rows; 40 a day
DAY = timedelta(days=1)
Change = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class World:
    """A training file, its model, the reference of it, and the trips that it has not seen."""

    folder: Path
    config: TrainingConfig
    model: Any
    reference: Reference
    later: pd.DataFrame

    @property
    def training_file(self) -> Path:
        return self.folder / "training.yaml"

    @property
    def uri(self) -> str:
        return registry_of(self.folder)

    @property
    def end(self) -> datetime:
        """Just after the last trip."""
        return self.later["at"].max().to_pydatetime() + timedelta(minutes=36)

    def ask(self, log: Path, **fields: Any) -> Question:
        """A question about all of the log, against its registry."""
        asked = {
            "log": str(log),
            "registry_uri": self.uri,
            "end": self.end,
            "window": self.end - self.later["at"].min(),
        }
        return Question(**asked | fields)

    def rows(self, change: Change = lambda frame: frame, version: str = "1") -> pd.DataFrame:
        """What the log would hold of the later trips, after `change`: labels come after 30 hours."""
        trips = change(self.later)
        features = trips[self.config.feature_names]
        label_time = (trips["at"] + timedelta(hours=30)).dt.as_unit("us")
        known = label_time < self.end
        return features.assign(
            **{
                prediction_log.REQUEST_ID: [f"{version}-{trip}" for trip in trips["trip"]],
                prediction_log.TIME: trips["at"].dt.as_unit("us"),
                prediction_log.DEPLOYMENT: "ml/trips",
                prediction_log.REVISION: f"revision-{version}",
                prediction_log.VERSION: version,
                prediction_log.PREDICTION: answers(self.model, features, self.config),
                prediction_log.LABEL: trips["late"].astype(float).where(known),
                prediction_log.LABEL_TIME: label_time.where(known),
            }
        )


def make_world(folder: Path) -> World:
    """Train the linear variant on the first trips."""
    trips = make_trips(TRAINED + LOGGED)
    (folder / "training.yaml").write_text(TRAINING)
    config = load_config(folder / "training.yaml")
    past = trips[:TRAINED]
    model = train(past, config, config.variants[0])
    predictions = pd.Series(answers(model, past[config.feature_names], config))
    reference = build_reference(past, predictions, config, config.variants[0])
    return World(folder, config, model, reference, trips[TRAINED:].reset_index(drop=True))


def register(world: World, files: dict[str, str]) -> str:
    """Register a version whose artifact is `files`; its number."""
    client = connect(world.uri)
    if not client.search_registered_models():
        client.create_registered_model(world.config.model)
    folder = world.folder / f"artifact-{len(client.search_model_versions())}"
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    tags = {DIGEST_TAG: directory_digest(folder)}
    return str(client.create_model_version(world.config.model, str(folder), tags=tags).version)


def write_log(rows: pd.DataFrame, root: Path, *, file: str = "part-0.parquet") -> Path:
    """Write `rows` as partitions by day."""
    for day, part in rows.groupby(rows[prediction_log.TIME].dt.date):
        folder = root / f"{prediction_log.DAY}={day}"
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pandas(part, preserve_index=False), folder / file)
    return root
