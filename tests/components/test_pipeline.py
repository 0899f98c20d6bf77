"""The whole pipeline on this machine, through KFP's local runner, into a registry in a file."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.run import run_training
from serinus.adapters.mlflow_artifacts import ArtifactsHere
from serinus.adapters.mlflow_client import DATA_DIGEST_TAG, RUN_KEY_TAG, TRAINING_TAG, VARIANT_TAG, connect, registry_of
from serinus.adapters.mlflow_registry import MlflowRegistry
from serinus.artifact import verify_directory
from serinus.core.errors import DataInvalid, TrainingFailed
from serinus.core.reference import REFERENCE_FILE, Reference
from serinus.training.values import TrainingOutcome


class Place:
    """A state folder and the training file in it."""

    def __init__(self, training_file: Path) -> None:
        self.file, self.state = training_file, training_file.parent / "state"
        self.uri = registry_of(self.state)
        self.registry = MlflowRegistry(self.uri, ArtifactsHere(self.uri, self.state / "cache"))
        self.said: list[str] = []

    def train(self, **options: str) -> TrainingOutcome:
        return run_training(self.file, work_dir=self.state, registry_uri=self.uri, progress=self.said.append, **options)


@pytest.fixture
def place(training_file: Path) -> Place:
    return Place(training_file)


def test_a_first_model_is_registered_and_a_second_like_it_is_not_better(place: Place) -> None:
    first = place.train(run_id="run-1")
    assert (first.outcome, first.version, first.reason) == ("registered", "1", "FirstVersion")
    steps = [line.split(":")[0] for line in place.said]
    assert steps[:3] + steps[5:] == ["ingest", "validate", "split", "evaluate", "gate", "register"]
    assert set(steps[3:5]) == {"train linear", "train trees"}  # side by side, in any order
    _assert_everything_is_registered(place, first)
    assert place.train(run_id="run-1").version == "1", "the same run registers once"
    asyncio.run(place.registry.move_alias("trips", "champion", "1", "ml/trips"))
    second = place.train()
    assert (second.outcome, second.version, second.reason) == ("not better", None, "NotBetterThanChampion")
    assert second.champion_metrics == pytest.approx(first.metrics)
    assert len(connect(place.uri).search_model_versions("name = 'trips'")) == 1
    assert sorted(path.name for path in place.state.iterdir()) == ["artifacts", "mlflow.db", "runs", "snapshots"]


def _assert_everything_is_registered(place: Place, outcome: TrainingOutcome) -> None:
    artifact = asyncio.run(place.registry.resolve("trips", version="1"))
    verify_directory(Path(artifact.uri), artifact.digest)
    reference = Reference.model_validate_json((Path(artifact.uri) / REFERENCE_FILE).read_text())
    assert [feature.name for feature in reference.features] == ["distance", "wind", "stops", "carrier", "rainy"]
    assert reference.prediction.method == "predict_proba"
    assert sum(reference.prediction.counts.values()) == 120
    card = json.loads((Path(artifact.uri) / "serinus" / "data-card.json").read_text())
    assert card["digest"] == outcome.data_digest
    assert (outcome.snapshot / "data.parquet").is_file()
    client = connect(place.uri)
    version = client.get_model_version("trips", "1")
    assert version.tags[RUN_KEY_TAG] == outcome.run_id
    assert version.tags[DATA_DIGEST_TAG] == outcome.data_digest
    assert version.tags[TRAINING_TAG].startswith("sha256:")
    run = client.get_run(version.run_id)
    assert run.data.metrics["logLoss"] == pytest.approx(outcome.metrics["logLoss"])
    assert run.data.tags[VARIANT_TAG] == outcome.variant


def test_bad_data_ends_the_run_with_the_table_of_violations(place: Place) -> None:
    source = place.file.parent / "trips.csv"
    lines = source.read_text().splitlines()
    source.write_text("\n".join([lines[0].replace("wind", "wind_ms"), *lines[1:], lines[5]]))
    with pytest.raises(DataInvalid) as caught:
        place.train()
    assert "wind    missing column" in str(caught.value)
    assert "was it renamed to 'wind_ms'?" in str(caught.value)
    assert "duplicate rows  1" in str(caught.value)
    assert not (place.state / "mlflow.db").exists()


def test_an_unfit_parameter_ends_the_run_with_its_variant_named(place: Place) -> None:
    place.file.write_text(place.file.read_text().replace("max_iter: 5", "max_itr: 5"))
    with pytest.raises(TrainingFailed, match=r"variants.trees: .*max_itr"):
        place.train()


def test_the_runner_is_imported_without_the_data_stack() -> None:
    code = "import pipelines.run, sys; sys.exit(any(m in sys.modules for m in ('pandas', 'kfp', 'mlflow', 'sklearn')))"
    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(root), str(root / "operator" / "src")])
    done = subprocess.run([sys.executable, "-c", code], check=False, env=os.environ | {"PYTHONPATH": path})
    assert done.returncode == 0
