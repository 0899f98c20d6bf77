"""The operator in Knative mode: a judged canary, what Auto means, a replacement, and a version that cannot start."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.looking import Look, eventually
from tests.cluster.operating.clients import clients
from tests.cluster.operating.world import NAME, ROUTES, SERVICES, World
from tests.cluster.standard.world import predictor_runtime
from tests.local.support.models import BETTER, FEATURES, GOOD, REFUSING, build

SERVING = {"diagnosticsTTL": "1s"}


@pytest.fixture
def operated(knative: Cluster, look: Look, new_namespace: Callable[..., str], tmp_path: Path) -> Iterator[World]:
    made = World(knative, look, new_namespace(), tmp_path)
    yield made
    made.end()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real models, a folder for each version."""
    return build(tmp_path_factory.mktemp("models")).template


def host_of(world: World) -> str:
    return str(world.get(SERVICES)["status"]["url"]).removeprefix("http://")


def shares(world: World) -> dict[str, int]:
    """What Knative says it sends where, in percent."""
    traffic = world.get(SERVICES)["status"]["components"]["predictor"].get("traffic", [])
    return {one["revisionName"]: one.get("percent", 0) for one in traffic}


def answers(world: World) -> int:
    """The status of one request of a client."""
    host = host_of(world)
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


def test_canaries_of_real_models_are_judged_by_what_their_pods_count(operated: World, models: Path) -> None:
    operated.replace_runtime(predictor_runtime())
    for version in (GOOD, BETTER, REFUSING):
        shutil.copytree(models / f"version-{version}", operated.model_folder(version))
    operator = operated.operator(inside=True, default_mode="Knative").until_works()
    operated.ask_for(GOOD, serving=SERVING)
    operated.until_serves(GOOD, seconds=120)
    url = f"{operated.cluster.gateway_url}/v1/models/{NAME}:predict"
    row = dict.fromkeys(FEATURES, 1) | {"wind": None}  # which one of the versions refuses
    with clients(url, host_of(operated), body={"instances": [row]}) as sending:
        eventually(lambda: bool(sending.answers) and sending.answers[-1].code == 200, "clients are answered")
        asked = time.time()
        operated.ask_for(BETTER, serving=SERVING)
        promoted = operated.until_serves(BETTER, seconds=150)["history"][-1]
        assert sending.failed(asked) == []
        asked = time.time()
        operated.ask_for(REFUSING, serving=SERVING)
        rejected = operated.until_phase("RolledBack", seconds=150)["history"][-1]
        taken_back = time.time()
        eventually(lambda: len(sending.answers) and sending.answers[-1].at > taken_back + 3, "clients go on")
    assert (promoted["outcome"], promoted["reason"]) == ("Promoted", "AllSignalsPassed")
    assert [one["weight"] for one in promoted["weights"]] == [0, 20, 50, 100]
    assert (rejected["outcome"], rejected["reason"]) == ("RolledBack", "ErrorsIncreased")
    failed = sending.failed(asked)
    assert {answer.code for answer in failed} == {400}
    assert len(failed) == rejected["candidateFailed"], "every failure is counted, and is the candidate's"
    assert sending.failed(taken_back) == []
    assert sorted(shares(operated).values())[-1] == 100
    assert operator.stop() == 0
