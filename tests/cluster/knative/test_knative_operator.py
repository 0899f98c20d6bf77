"""The operator in Knative mode: what Auto means, a replacement, and a version that cannot start."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.looking import Look, eventually
from tests.cluster.operating.world import NAME, ROUTES, SERVICES, World

SERVING = {"diagnosticsTTL": "1s"}


@pytest.fixture
def operated(knative: Cluster, look: Look, new_namespace: Callable[..., str], tmp_path: Path) -> Iterator[World]:
    made = World(knative, look, new_namespace(), tmp_path)
    yield made
    made.end()


def answers(world: World) -> int:
    """The status of one request of a client."""
    host = world.get(SERVICES)["status"]["url"].removeprefix("http://")
    url = f"{world.cluster.gateway_url}/v2/models/{NAME}/infer"
    return httpx.post(url, json={}, headers={"Host": host}, trust_env=False).status_code


def test_versions_replace_each_other_in_one_inference_service_and_what_cannot_start_gets_nothing(
    operated: World,
) -> None:
    operator = operated.operator(default_mode="Knative").until_works()
    operated.ask_for("1", serving=SERVING, strategy="Immediate")
    assert operated.until_serves("1", seconds=120)["mode"] == "Knative"
    eventually(lambda: answers(operated) == 200, "the gateway leads to the first version")
    operated.ask_for("2", serving=SERVING, strategy="Immediate")
    operated.until_serves("2", seconds=120)
    [service] = operated.all(SERVICES)
    assert service["metadata"]["name"] == NAME
    assert service["spec"]["predictor"]["model"]["storageUri"].endswith("-model-2")
    assert answers(operated) == 200

    operated.model("3", exit_code=1, say="no such module")
    operated.ask_for("3", serving=SERVING, strategy="Immediate")
    status = operated.until_phase("RolledBack", seconds=120)
    assert [one["outcome"] for one in status["history"]] == ["Promoted", "RolledBack"]
    assert answers(operated) == 200

    def describes_what_serves() -> bool:
        [one] = operated.all(SERVICES)
        return bool(one["spec"]["predictor"]["model"]["storageUri"].endswith("-model-2"))

    eventually(describes_what_serves, "the InferenceService is put back to what serves")
    assert not [one for one in operated.all(ROUTES) if "serinus.dev/deployment" in one["metadata"].get("labels", {})]
    assert operator.stop() == 0
