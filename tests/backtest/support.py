"""A small history whose concept turns round in the middle, and the two files of its model."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from typer.testing import CliRunner, Result

from serinus.cli.app import app

DAYS, PER_DAY, TURN = 52, 72, 30

TRAINING: dict[str, Any] = {
    "model": "trips",
    "source": {"type": "csv", "path": "trips.csv"},
    "timeColumn": "at",
    "idColumns": ["trip"],
    "target": "late",
    "task": "classification",
    "features": [
        {"name": "distance", "type": "double"},
        {"name": "wind", "type": "double", "nullable": True},
        {"name": "carrier", "type": "string"},
        {"name": "rainy", "type": "boolean"},
    ],
    "window": "240h",
    "schema": {"maxSingleFeatureAuc": 1},
    "variants": [{"name": "linear", "estimator": "sklearn.linear_model.LogisticRegression"}],
    "gates": {"metric": "brier", "minRelativeImprovement": 0.02},
}
DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "serinus.dev/v1alpha1",
    "kind": "ModelDeployment",
    "metadata": {"name": "trips", "namespace": "ml"},
    "spec": {
        "model": {"name": "trips", "version": "1"},
        "rollout": {
            "interval": "1h",
            "steps": [{"weight": 50, "hold": "6h", "minRequests": 5}],
            "signals": [
                {"name": "errors", "type": "Errors", "maxIncrease": 0.2},
                {"name": "quality", "type": "Quality", "maxIncrease": 0.05, "labelHorizon": "2h"},
            ],
            "deadline": "120h",
            "onInconclusive": "Rollback",
        },
        "monitoring": {"drift": {"window": "72h", "minSamples": 50}},
        "retraining": {
            "pipeline": "trips",
            "cooldown": "24h",
            "maxRuns": "20 per 30d",
            "giveUpAfter": 100,
            "triggers": [
                {"type": "Schedule", "cron": "0 3 * * 1"},
                {"type": "Drift"},
                {"type": "Quality", "labelHorizon": "2h"},
            ],
        },
    },
}


def make_history(seed: int = 0, *, drifts: bool = False) -> pd.DataFrame:
    """Trips of 52 days. From day TURN on, distance means the opposite; where it `drifts`, the wind grows too."""
    random, rows = np.random.default_rng(seed), DAYS * PER_DAY
    day = np.arange(rows) // PER_DAY
    distance, wind = random.normal(0, 1, rows), random.normal(10, 3, rows) + (drifts * 9.0) * (day >= TURN)
    sign = np.where(day < TURN, 1.0, -1.0)
    late = (sign * distance + random.normal(0, 0.7, rows) > 0).astype(int)
    wind[random.random(rows) < 0.1] = np.nan
    return pd.DataFrame(
        {
            "at": pd.date_range("2024-01-01", periods=rows, freq="20min", tz="UTC"),
            "trip": np.arange(rows),
            "distance": distance,
            "wind": wind,
            "carrier": random.choice(["AA", "B6", "UA"], rows),
            "rainy": random.random(rows) < 0.3,
            "late": late,
        }
    )


@dataclass
class Place:
    """A folder with the history and both files, to be changed and asked about."""

    folder: Path

    @classmethod
    def of(cls, folder: Path, frame: pd.DataFrame | None = None) -> "Place":
        place = cls(folder)
        place.write(make_history() if frame is None else frame)
        place.train({})
        place.deploy({})
        return place

    def write(self, frame: pd.DataFrame) -> None:
        frame.to_csv(self.folder / "trips.csv", index=False)

    def train(self, fields: dict[str, Any]) -> None:
        (self.folder / "training.yaml").write_text(yaml.safe_dump(TRAINING | fields))

    def deploy(self, spec: dict[str, Any]) -> None:
        content = DEPLOYMENT | {"spec": DEPLOYMENT["spec"] | spec}
        (self.folder / "modeldeployment.yaml").write_text(yaml.safe_dump(content))

    def ask(self, *arguments: str, state: str = "state") -> Result:
        files = ["-f", str(self.folder / "modeldeployment.yaml"), "--training", str(self.folder / "training.yaml")]
        command = ["backtest", *files, "--state-dir", str(self.folder / state), *arguments]
        return CliRunner().invoke(app, command, env={"COLUMNS": "200"})

    def result(self, *arguments: str, state: str = "state") -> dict[str, Any]:
        done = self.ask("--json", *arguments, state=state)
        assert done.exit_code == 0, done.output
        found: dict[str, Any] = json.loads(done.stdout)
        return found
