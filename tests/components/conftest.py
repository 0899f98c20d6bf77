"""A small table of trips, and a training file for it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from serinus.adapters.mlflow_client import connect
from serinus.training.config import TrainingConfig
from serinus.training.load import load_config

TRAINING = """\
model: trips
source: {type: csv, path: trips.csv}
timeColumn: at
target: late
task: classification
idColumns: [trip]
features:
  - {name: distance, type: double, minimum: 0}
  - {name: wind, type: double, nullable: true}
  - {name: stops, type: integer}
  - {name: carrier, type: string}
  - {name: rainy, type: boolean}
window: 240h
variants:
  - name: linear
    estimator: sklearn.linear_model.LogisticRegression
  - name: trees
    estimator: sklearn.ensemble.HistGradientBoostingClassifier
    parameters: {max_iter: 5}
"""


def make_trips(rows: int = 400, *, seed: int = 0) -> pd.DataFrame:
    """Trips of ten days, hourly or denser; late where distance and wind say so, mostly."""
    random = np.random.default_rng(seed)
    distance, wind = random.gamma(2, 100, rows), random.normal(10, 3, rows)
    late = (distance / 200 + wind / 10 + random.normal(0, 0.5, rows) > 2).astype(int)
    wind[random.random(rows) < 0.1] = np.nan
    return pd.DataFrame(
        {
            "at": pd.date_range("2024-01-01", periods=rows, freq="36min", tz="UTC"),
            "trip": np.arange(rows),
            "distance": distance,
            "wind": wind,
            "stops": random.integers(0, 4, rows),
            "carrier": random.choice(["AA", "B6", "UA"], rows),
            "rainy": random.random(rows) < 0.3,
            "late": late,
        }
    )


@pytest.fixture
def trips() -> pd.DataFrame:
    return make_trips()


@pytest.fixture
def training_file(tmp_path: Path, trips: pd.DataFrame) -> Path:
    trips.to_csv(tmp_path / "trips.csv", index=False)
    path = tmp_path / "training.yaml"
    path.write_text(TRAINING)
    return path


@pytest.fixture
def config(training_file: Path) -> TrainingConfig:
    return load_config(training_file)


@pytest.fixture(scope="session")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry in a file: MLflow takes seconds to create one."""
    file = tmp_path_factory.mktemp("registry") / "mlflow.db"
    connect(f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture
def uri(empty_registry: Path, tmp_path: Path) -> Iterator[str]:
    """An empty registry on SQLite."""
    import mlflow

    before = mlflow.get_tracking_uri()
    shutil.copyfile(empty_registry, tmp_path / "mlflow.db")
    yield f"sqlite:///{tmp_path / 'mlflow.db'}"
    mlflow.set_tracking_uri(before)
