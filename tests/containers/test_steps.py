"""Each step does its part in its own image, as KFP's launcher would start it."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from components.images import reference
from serinus.adapters.mlflow_artifacts import ArtifactsHere
from serinus.adapters.mlflow_client import RUN_KEY_TAG, connect, registry_of
from serinus.adapters.mlflow_registry import MlflowRegistry
from serinus.artifact import verify_directory
from serinus.core.reference import REFERENCE_FILE
from tests.containers.conftest import Ran, Run

pytestmark = pytest.mark.timeout(900)


def test_the_training_pipeline_registers_a_model(trained: tuple[Path, Ran], tmp_path: Path) -> None:
    state, ran = trained
    assert ran.outputs["version"] == "1"
    uri = registry_of(state)
    assert connect(uri).get_model_version("trips", "1").tags[RUN_KEY_TAG] == "in-containers"
    artifact = asyncio.run(MlflowRegistry(uri, ArtifactsHere(uri, tmp_path)).resolve("trips", version="1"))
    verify_directory(Path(artifact.uri), artifact.digest)


def test_each_step_ran_in_the_image_of_its_group(trained: tuple[Path, Ran]) -> None:
    # ingest, validate, split; train twice, evaluate, gate, register
    assert Counter(trained[1].images) == {reference("data"): 3, reference("model"): 5}


def test_a_steps_failure_is_the_runs(shared: Path, run_pipeline: Run) -> None:
    arguments = {"training": "{}", "variants": ["linear"], "registry_uri": registry_of(shared / "nowhere")}
    with pytest.raises(AssertionError, match=f"{reference('data')} ended with 1"):
        run_pipeline("training", arguments, shared)


def test_the_monitoring_pipeline_reports_on_the_prediction_log(shared: Path, run_pipeline: Run) -> None:
    from tests.components.monitored import make_world, register, write_log

    folder = shared / "monitored"
    folder.mkdir()
    world = make_world(folder)
    register(world, {REFERENCE_FILE: world.reference.model_dump_json(by_alias=True)})
    arguments = {
        "training": world.config.model_dump_json(by_alias=True),
        "log": str(write_log(world.rows(), folder / "log")),
        "registry_uri": world.uri,
        "as_of": world.end.isoformat(),
        "window": "480h",
    }
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
    ran = run_pipeline("monitoring", arguments, shared)
    assert ran.images == [reference("model")]
    assert next(shared.rglob("monitor/report")).read_text().startswith("<!DOCTYPE html>")
