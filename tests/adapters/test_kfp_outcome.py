"""What came of a run on Kubeflow Pipelines is read from the registry, by the key that the register step left there."""

import asyncio
import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from pipelines.compile import COMPILED
from serinus.adapters.kfp_auth import settings_from
from serinus.adapters.kfp_client import KfpClient
from serinus.adapters.kfp_runs import KfpRuns
from serinus.adapters.mlflow_client import RUN_KEY_TAG, connect, registry_of
from serinus.adapters.mlflow_outcomes import MESSAGE_TAG, REASON_TAG, find_outcome
from serinus.core.errors import RegistryUnavailable
from serinus.core.pipeline_run import RunOutcome, RunRequest
from tests.pipelines.kfp_api_server import kfp_server, task


@pytest.fixture(params=["server", "file"], scope="module")
def registry(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An MLflow server, and MLflow on a file. Each test has a model of its own."""
    if request.param == "server":
        return str(request.getfixturevalue("server"))
    uri = registry_of(tmp_path_factory.mktemp("registry"))
    connect(uri).search_registered_models()
    return uri


@pytest.fixture
def model() -> str:
    return f"trips-{uuid.uuid4().hex}"


def leave(registry: str, model: str, key: str, *, version: bool = True, **tags: str) -> None:
    """What the register step leaves of a run, as far as it is asked for."""
    client = connect(registry)
    known = client.get_experiment_by_name(model)
    experiment = known.experiment_id if known else client.create_experiment(model)
    run = client.create_run(experiment, tags={RUN_KEY_TAG: key, **tags})
    if version:
        if not client.search_registered_models(f"name = '{model}'"):
            client.create_registered_model(model)
        client.create_model_version(model, "s3://models/x", run.info.run_id, tags={RUN_KEY_TAG: key})


def test_a_run_has_the_version_that_bears_its_key_and_the_reason_of_its_gate(registry: str, model: str) -> None:
    leave(registry, model, "other")
    leave(registry, model, "mine", **{REASON_TAG: "BetterThanChampion", MESSAGE_TAG: "5 % better"})
    leave(registry, model, "refused", version=False, **{REASON_TAG: "NotCalibrated"})
    assert find_outcome(registry, model, "mine") == RunOutcome("2", "BetterThanChampion", "5 % better")
    assert find_outcome(registry, model, "other") == RunOutcome("1")
    assert find_outcome(registry, model, "refused") == RunOutcome(None, "NotCalibrated")
    assert find_outcome(registry, model, "nobody") == RunOutcome(None)
    assert find_outcome(registry, "another model", "mine") == RunOutcome(None)


@pytest.mark.parametrize("key", ["trips-1", ""])
def test_a_run_that_succeeded_is_told_with_it(registry: str, model: str, key: str) -> None:
    """A run of a schedule has no key: its own id is what the register step left."""
    arguments: dict[str, Any] = {"training": json.dumps({"model": model}), "registry_uri": registry}
    with kfp_server() as server:
        runs = KfpRuns(KfpClient(settings_from({}, server.url)), COMPILED / "training.yaml")
        run = asyncio.run(runs.start(RunRequest("trips-1", model, arguments["training"], ("a",), registry)))
        server.runs[run]["runtime_config"]["parameters"]["run_key"] = key
        leave(registry, model, key or run)
        server.report(run, "SUCCEEDED", task("register", "SUCCEEDED"))
        assert asyncio.run(runs.look(run)).outcome == RunOutcome("1")


def test_a_registry_that_does_not_exist_is_not_made_by_asking(tmp_path: Path) -> None:
    with pytest.raises(RegistryUnavailable, match="there is no registry at sqlite:"):
        find_outcome(registry_of(tmp_path), "trips", "mine")
    assert list(tmp_path.iterdir()) == []
