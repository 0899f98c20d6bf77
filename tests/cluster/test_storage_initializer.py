"""Models whose files only the MLflow server hands out: fetched by KServe with the chart's ClusterStorageContainer."""

import json
import urllib.request
from typing import Any

import pytest

from serinus.artifact import directory_digest
from tests.cluster.looking import eventually
from tests.cluster.operating.process import DOMAIN
from tests.cluster.operating.world import DEPLOYMENTS, NAME, SERVICES, World
from tests.cluster.stored_models import MODEL, Registry, model, registry, storage_container, world

__all__ = ["model", "registry", "storage_container", "world"]

OTHER_DIGEST = "sha256:" + "0" * 64


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
