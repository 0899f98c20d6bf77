"""A real MLflow server stops answering in mid-rollout: the rollout is judged on, and what the registry is owed is paid later."""

import time
from pathlib import Path
from typing import Any

import pytest

from serinus.adapters.mlflow_client import connect
from tests.cluster.looking import eventually
from tests.cluster.operating.clients import clients
from tests.cluster.operating.process import DOMAIN
from tests.cluster.operating.world import DEPLOYMENTS, NAME, QUICK, World
from tests.cluster.stored_models import MODEL, Registry, model, registry, storage_container, world

__all__ = ["model", "registry", "storage_container", "world"]

ALIAS = "champion"
NEIGHBOURS = 24  # three for each of the operator's workers


def deployment(name: str, model_name: str, version: str) -> dict[str, Any]:
    return {
        "apiVersion": "serinus.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name},
        "spec": {
            "model": {"name": model_name, "version": version, "promoteAlias": ALIAS},
            "serving": {"protocol": "v1"},
            "rollout": QUICK,
        },
    }


def champion(registry: Registry) -> str:
    """The version that the alias names; empty if there is none."""
    return str(connect(registry.url).get_registered_model(MODEL).aliases.get(ALIAS, ""))


@pytest.mark.usefixtures("storage_container")
def test_a_registry_that_hangs_in_mid_rollout_holds_up_nobody(world: World, registry: Registry, tmp_path: Path) -> None:
    first = registry.register()
    world.create(DEPLOYMENTS, deployment(NAME, MODEL, first))
    world.until_phase("Stable", seconds=150)
    eventually(lambda: champion(registry) == first, "the alias is set")
    second = registry.variant(tmp_path, "second").register()
    url = f"{world.cluster.gateway_url}/v1/models/{NAME}:predict"
    with clients(url, f"{NAME}.{world.namespace}.{DOMAIN}", body={"instances": [{"x": 1.0}]}) as sending:
        world.patch(DEPLOYMENTS, NAME, deployment(NAME, MODEL, second))
        world.until_phase("Progressing", seconds=120)
        with registry.server.hanging():
            for number in range(NEIGHBOURS):
                world.create(DEPLOYMENTS, deployment(f"waits-{number}", f"model-{number}", "1"))
            began = time.monotonic()
            status = world.until_phase("Stable", seconds=60)
            assert status["stable"]["artifact"]["version"] == second
            assert time.monotonic() - began < 40, "two steps of 3 s, beside neighbours that wait for the registry"
            eventually(lambda: "did not answer" in str(world.status("waits-0")), "who needs the registry says so", 60)
        eventually(lambda: champion(registry) == second, "the alias follows")
        eventually(lambda: "is not in the registry" in str(world.status("waits-0")), "and so do the answers", 60)
    assert [one["outcome"] for one in world.status()["history"]] == ["Promoted"]
    assert sending.failed() == []
