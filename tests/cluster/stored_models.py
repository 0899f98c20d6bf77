"""Versions whose files only a real MLflow server hands out, for tests that import the fixtures by name."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from serinus.adapters.mlflow_client import DIGEST_TAG, connect
from serinus.artifact import directory_digest
from tests.adapters.mlflow_server import MlflowServer, mlflow_server
from tests.charts.render import render
from tests.charts.rendered import documents, of_kind
from tests.cluster.control_plane import forward
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.layout import NODE_ADDRESS
from tests.cluster.control_plane.processes import stop_all
from tests.cluster.looking import Look
from tests.cluster.operating.world import World
from tests.cluster.standard.world import predictor_runtime

MLFLOW_PORT = 5000
INSIDE = f"http://{NODE_ADDRESS}:{MLFLOW_PORT}"
CONTAINERS = ("serving.kserve.io", "v1alpha1", "clusterstoragecontainers")
MODEL = "stored"


@dataclass(frozen=True)
class Registry:
    """A real MLflow server inside the cluster's network, seen from outside."""

    server: MlflowServer
    model: Path

    @property
    def url(self) -> str:
        return self.server.url

    def variant(self, folder: Path, note: str) -> "Registry":
        """The same server, and a model that predicts the same and is another."""
        other = Path(shutil.copytree(self.model, folder / note))
        (other / "NOTES").write_text(note)
        return Registry(self.server, other)

    def register(
        self, digest: str = "", *, lost: bool = False, name: str = MODEL, more_tags: Mapping[str, str] | None = None
    ) -> str:
        """A version of the model `name`, whose files are sent to the server; returns its number."""
        import mlflow

        mlflow.set_tracking_uri(self.url)  # creating a version from a logged model asks the process's own registry
        client = connect(self.url)
        logged = client.create_logged_model("0", name=name)
        if not lost:
            client.log_model_artifacts(logged.model_id, str(self.model))
        if not client.search_registered_models(f"name='{name}'"):
            client.create_registered_model(name)
        tags = {DIGEST_TAG: digest or directory_digest(self.model), **(more_tags or {})}
        source = f"models:/{logged.model_id}"
        made = client.create_model_version(name, source, tags=tags, model_id=logged.model_id)
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
    with serving(cluster, tmp_path_factory.mktemp("mlflow")) as server:
        yield Registry(server, model)


@contextmanager
def serving(cluster: Cluster, folder: Path) -> Iterator[MlflowServer]:
    """A server at INSIDE while the block lasts; it is told where it is seen from outside."""
    record, ports = forward.start(cluster.starter, {"mlflow": (NODE_ADDRESS, MLFLOW_PORT)}, "mlflow-forward")
    outside = f"http://127.0.0.1:{ports['mlflow']}"
    try:
        with mlflow_server(folder, NODE_ADDRESS, MLFLOW_PORT, prefix=cluster.prefix, seen_at=outside) as server:
            yield server
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
    """An operator that asks the registry, and real predictors."""
    made = World(cluster, look, new_namespace(), tmp_path)
    made.replace_runtime(predictor_runtime())
    made.operator(registry_uri=registry.url).until_works()
    yield made
    made.end()
