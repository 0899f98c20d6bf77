"""Models whose files only the MLflow server hands out: fetched by KServe with the chart's ClusterStorageContainer."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from serinus.adapters.mlflow_client import DIGEST_TAG, connect
from serinus.artifact import directory_digest
from tests.adapters.mlflow_server import mlflow_server
from tests.charts.render import render
from tests.charts.rendered import documents, of_kind
from tests.cluster.control_plane import forward
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.layout import NODE_ADDRESS
from tests.cluster.control_plane.processes import stop_all
from tests.cluster.looking import Look, eventually
from tests.cluster.operating.process import DOMAIN
from tests.cluster.operating.world import DEPLOYMENTS, NAME, SERVICES, World
from tests.cluster.standard.world import predictor_runtime

MLFLOW_PORT = 5000
INSIDE = f"http://{NODE_ADDRESS}:{MLFLOW_PORT}"
CONTAINERS = ("serving.kserve.io", "v1alpha1", "clusterstoragecontainers")
RUNTIMES = ("serving.kserve.io", "v1alpha1", "servingruntimes")
OTHER_DIGEST = "sha256:" + "0" * 64
MODEL = "stored"


@dataclass(frozen=True)
class Registry:
    """A real MLflow server inside the cluster's network; `url` is where it is seen from outside."""

    url: str
    model: Path

    def register(self, digest: str = "", *, lost: bool = False) -> str:
        """A version of the model, whose files are sent to the server; returns its number."""
        import mlflow

        mlflow.set_tracking_uri(self.url)  # creating a version from a logged model asks the process's own registry
        client = connect(self.url)
        logged = client.create_logged_model("0", name=MODEL)
        if not lost:
            client.log_model_artifacts(logged.model_id, str(self.model))
        if not client.search_registered_models(f"name='{MODEL}'"):
            client.create_registered_model(MODEL)
        tags = {DIGEST_TAG: digest or directory_digest(self.model)}
        source = f"models:/{logged.model_id}"
        made = client.create_model_version(MODEL, source, tags=tags, model_id=logged.model_id)
        return str(made.version)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model as MLflow saves it."""
    import mlflow.sklearn
    import pandas as pd
    from mlflow.models import infer_signature
    from sklearn.linear_model import LogisticRegression

    frame = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0]})
    fitted = LogisticRegression().fit(frame, [0, 0, 1, 1])
    folder = tmp_path_factory.mktemp("models") / "model"
    signature = infer_signature(frame, fitted.predict(frame))
    mlflow.sklearn.save_model(fitted, str(folder), signature=signature, pip_requirements=["scikit-learn"])
    return folder


@pytest.fixture(scope="module")
def registry(cluster: Cluster, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    record, ports = forward.start(cluster.starter, {"mlflow": (NODE_ADDRESS, MLFLOW_PORT)}, "mlflow-forward")
    outside = f"http://127.0.0.1:{ports['mlflow']}"
    folder = tmp_path_factory.mktemp("mlflow")
    try:
        with mlflow_server(folder, NODE_ADDRESS, MLFLOW_PORT, prefix=cluster.prefix, seen_at=outside) as url:
            yield Registry(url, model)
    finally:
        stop_all(cluster.layout.records, [record])


@pytest.fixture
def storage_container(look: Look) -> Iterator[dict[str, Any]]:
    """KServe is taught to fetch from MLflow, by the object that the chart makes."""
    switched_on = ("--set", "storageInitializer.install=true", "--set", f"settings.registryUri={INSIDE}")
    (made,) = of_kind(documents(render("default", *switched_on)), "ClusterStorageContainer")
    look.custom.create_cluster_custom_object(*CONTAINERS, made)
    yield made
    look.custom.delete_cluster_custom_object(*CONTAINERS, made["metadata"]["name"])


@pytest.fixture
def world(
    cluster: Cluster, look: Look, registry: Registry, new_namespace: Callable[..., str], tmp_path: Path
) -> Iterator[World]:
    made = World(cluster, look, new_namespace(), tmp_path)
    made.delete(RUNTIMES, "serinus")
    made.create(RUNTIMES, predictor_runtime())
    made.operator(registry_uri=registry.url).until_works()
    yield made
    made.end()


def ask_for(world: World, version: str) -> None:
    body = {
        "apiVersion": "serinus.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": NAME},
        "spec": {"model": {"name": MODEL, "version": version}, "serving": {"protocol": "v1"}},
    }
    world.create(DEPLOYMENTS, body)


def answer(world: World, rows: list[dict[str, float]]) -> list[int]:
    """What clients of the gateway get."""
    request = urllib.request.Request(
        f"{world.cluster.gateway_url}/v1/models/{NAME}:predict",
        json.dumps({"instances": rows}).encode(),
        {"Content-Type": "application/json", "Host": f"{NAME}.{world.namespace}.{DOMAIN}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answered:
        predictions: list[int] = json.load(answered)["predictions"]
        return predictions


def told(world: World) -> str:
    """Everything the status says."""
    return json.dumps(world.status())


def test_a_version_that_only_the_server_has_is_fetched_verified_and_served(
    world: World, registry: Registry, storage_container: dict[str, Any]
) -> None:
    ask_for(world, registry.register())
    status = world.until_phase("Stable", seconds=150)
    digest = directory_digest(registry.model)
    artifact = status["stable"]["artifact"]
    assert artifact["digest"] == digest
    assert artifact["uri"].startswith("mlflow-artifacts:/")
    assert artifact["uri"].endswith(f"#{digest}")

    (service,) = world.all(SERVICES)
    assert service["spec"]["predictor"]["model"]["storageUri"] == artifact["uri"]
    (pod,) = world.look.core.list_namespaced_pod(world.namespace).items
    (initializer,) = pod.spec.init_containers
    wanted = storage_container["spec"]["container"]
    assert (initializer.image, initializer.command) == (wanted["image"], wanted["command"])
    assert initializer.args == [artifact["uri"], "/mnt/models"]
    assert initializer.security_context.read_only_root_filesystem
    said = world.look.core.read_namespaced_pod_log(pod.metadata.name, world.namespace, container=initializer.name)
    assert f"verified: {digest}" in said
    assert answer(world, [{"x": 0.0}, {"x": 3.0}]) == [0, 1]
    assert world.operators[0].metric("serinus_registry_questions_total", what="resolve", result="ok") >= 1


@pytest.mark.usefixtures("storage_container")
def test_files_that_are_not_those_registered_are_not_served_and_the_status_says_so(
    world: World, registry: Registry
) -> None:
    ask_for(world, registry.register(OTHER_DIGEST))
    sentence = "the storage initializer cannot fetch the model (exit code 3): the model at mlflow-artifacts:/"
    eventually(lambda: sentence in told(world), "the status says that the files are others", 150)
    assert f"but {OTHER_DIGEST} was registered" in told(world)


@pytest.mark.usefixtures("storage_container")
def test_a_version_without_files_is_not_served_and_the_status_says_so(world: World, registry: Registry) -> None:
    ask_for(world, registry.register(lost=True))
    sentence = "the storage initializer cannot fetch the model (exit code 4): there is no model at mlflow-artifacts:/"
    eventually(lambda: sentence in told(world), "the status says that there are no files", 150)


def test_without_the_storage_container_the_status_says_what_to_set(world: World, registry: Registry) -> None:
    ask_for(world, registry.register())
    sentence = (
        "KServe's own knows no mlflow-artifacts: addresses; set storageInitializer.install=true in Serinus's chart"
    )
    eventually(lambda: sentence in told(world), "the status says what to set", 150)
