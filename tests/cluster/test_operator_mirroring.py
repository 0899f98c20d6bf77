"""BlueGreen and Shadow behind a real gateway that copies requests: the copies decide, and no client notices any."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.copying_gateway import CopyingGateway, copying_gateway
from tests.cluster.looking import Look, eventually
from tests.cluster.operating.clients import clients
from tests.cluster.operating.process import DOMAIN
from tests.cluster.operating.world import NAME, ROUTES, World
from tests.cluster.standard.world import predictor_runtime
from tests.local.support.clients import DATATYPES
from tests.local.support.models import BETTER, FEATURES, GOOD, REFUSING, build

__all__ = ["copying_gateway"]

STEPS = [{"weight": 40, "hold": "3s", "minRequests": 20}, {"weight": 100, "hold": "3s", "minRequests": 20}]
# Which one of the versions refuses.
ROW = {"distance": 300.0, "wind": None, "stops": 1}
BODY = {
    "inputs": [
        {"name": name, "shape": [1], "datatype": DATATYPES[FEATURES[name]], "data": [value]}
        for name, value in ROW.items()
    ]
}


@pytest.fixture
def world(cluster: Cluster, look: Look, new_namespace: Callable[..., str], tmp_path: Path) -> Iterator[World]:
    """Real predictors, and an operator that asks them what they have counted; no GatewayClass tells it what is copied."""
    made = World(cluster, look, new_namespace(), tmp_path)
    made.replace_runtime(predictor_runtime())
    models = build(tmp_path / "models").template
    for version in (GOOD, BETTER, REFUSING):
        shutil.copytree(models / f"version-{version}", made.model_folder(version))
    made.operator(inside=True, gateway_copies="shares").until_works()
    yield made
    made.end()


def shares(record: dict[str, Any]) -> list[tuple[int, int]]:
    return [(one["weight"], one.get("mirror", 0)) for one in record["weights"]]


@pytest.mark.timeout(600)  # another gateway is installed, and three models are trained
def test_copies_of_requests_decide_and_clients_see_no_failure(world: World, copying_gateway: CopyingGateway) -> None:
    serving = {"gateway": copying_gateway.reference, "diagnosticsTTL": "1s"}
    world.ask_for(GOOD, serving=serving)
    world.until_serves(GOOD, seconds=120)
    good = world.revision(GOOD)
    url = f"{copying_gateway.url}/v2/models/{NAME}/infer"
    with clients(url, f"{NAME}.{world.namespace}.{DOMAIN}", 30.0, body=BODY) as sending:
        eventually(lambda: bool(sending.answers) and sending.answers[-1].code == 200, "clients are answered")
        sending.answers.clear()
        world.ask_for(BETTER, serving=serving, strategy="BlueGreen", steps=STEPS)
        promoted = world.until_serves(BETTER, seconds=150)["history"][-1]
        before = sending.by_revision()
        better = world.revision(BETTER)
        world.ask_for(REFUSING, serving=serving, strategy="Shadow", steps=STEPS)
        rejected = world.until_phase("RolledBack", seconds=150)["history"][-1]
    assert (promoted["outcome"], promoted["reason"]) == ("Promoted", "AllSignalsPassed")
    assert shares(promoted) == [(0, 0), (0, 40), (0, 100), (100, 0)]
    assert promoted["candidateRequests"] >= 40
    assert before[good] > 0
    assert (rejected["outcome"], rejected["reason"]) == ("RolledBack", "ErrorsIncreased")
    assert rejected["candidateFailed"] > 0
    assert set(sending.by_revision()) == {good, better}
    assert sending.failed() == []
    filters = [one for rule in world.get(ROUTES)["spec"]["rules"] for one in rule.get("filters", [])]
    assert "requestMirror" not in str(filters)
