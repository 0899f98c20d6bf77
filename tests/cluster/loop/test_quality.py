"""Versions are judged on labels: the collector lets both revisions answer the same rows, and the operator acts on what it says."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.control_plane.kserve import NAMESPACE as KSERVE
from tests.cluster.looking import eventually
from tests.cluster.loop.world import Loop, Models

pytestmark = pytest.mark.timeout(600)  # the first test waits for the cluster, too

NAME = "trips"
WEAK, STRONG = 0.001, 1.0
ERRORS = {"name": "errors", "type": "Errors", "maxIncrease": 0.05}
QUALITY = {"name": "quality", "type": "Quality", "maxIncrease": 0.05, "labelHorizon": "8s"}
STEPS = [{"weight": 20, "hold": "2s", "minRequests": 20}, {"weight": 50, "hold": "2s", "minRequests": 20}]


def spec(uri: str, deadline: str = "120s") -> dict[str, Any]:
    rollout = {"interval": "1s", "deadline": deadline, "readyDeadline": "120s", "signals": [ERRORS, QUALITY]}
    return {
        "model": {"name": NAME, "uri": uri},
        "serving": {"protocol": "v1", "diagnosticsTTL": "1s"},
        "rollout": {**rollout, "steps": STEPS},
        "monitoring": {"log": {}, "drift": {"minSamples": 200, "window": "10s"}},
    }


def address(models: Models, version: str, strength: float) -> str:
    return f"file://{models.save(version, strength)}"


def quality(record: dict[str, Any]) -> dict[str, Any]:
    """What the history says of the signal."""
    (found,) = [one for one in record["signals"] if one["name"] == "quality"]
    return dict(found)


def paired(models: Models) -> float:
    """Rows that one revision was asked about because the other one had answered them."""
    deployment = f"{models.namespace}/{NAME}"
    return models.loop.counted("serinus_collector_paired_rows_total", deployment=deployment, outcome="answered")


@pytest.fixture
def headless(loop: Loop) -> Iterator[None]:
    """KServe gives Services no address of their own meanwhile."""

    def configure(is_headless: bool) -> None:
        name = "inferenceservice-config"
        data = {"service": json.dumps({"serviceClusterIPNone": is_headless})}
        loop.look.core.patch_namespaced_config_map(name, KSERVE, {"data": data})

    configure(True)
    yield
    configure(False)


def test_a_better_version_is_promoted_on_labels_and_without_them_none_is(models: Models) -> None:
    weak, strong, other = (address(models, *one) for one in (("weak", WEAK), ("strong", STRONG), ("other", STRONG / 2)))
    models.ask(NAME, spec(weak))
    models.until_phase("Stable", name=NAME, seconds=120)
    with models.clients(NAME) as clients:
        models.ask(NAME, spec(strong))
        models.until_phase("Progressing", name=NAME)
        promoted = models.until_phase("Stable", "RolledBack", "Paused", name=NAME, seconds=120)
        assert promoted["phase"] == "Stable"
        assert paired(models) > 0
        calm = lambda: models.conditions(NAME)["Drifted"] == ("False", "NoDrift")  # noqa: E731
        eventually(calm, "the pods have counted what they were trained on")
        clients.labelling = False
        models.ask(NAME, spec(other, deadline="30s"))
        models.until_phase("Progressing", name=NAME)
        waiting = models.until_phase("Stable", "RolledBack", "Paused", name=NAME, seconds=60)
    assert clients.failed == []

    (record,) = promoted["history"]
    assert (record["outcome"], record["reason"]) == ("Promoted", "AllSignalsPassed")
    verdict = quality(record)
    assert (verdict["verdict"], verdict["reason"]) == ("Pass", "QualityNotDecreased")
    assert "not paired" not in verdict["message"]
    numbers = verdict["numbers"]
    assert numbers["judged"] > 50
    assert numbers["candidateLoss"] < 0.1 < numbers["stableLoss"]
    assert numbers["upper"] < 0

    assert (waiting["phase"], waiting["reason"]) == ("Paused", "Inconclusive")
    assert waiting["stable"]["artifact"]["uri"] == strong
    assert "rows older than 8s have labels (0 %)" in waiting["message"]


@pytest.mark.usefixtures("headless")
def test_a_worse_version_is_taken_back_where_services_have_no_address(models: Models) -> None:
    strong, weak = address(models, "strong", STRONG), address(models, "weak", WEAK)
    models.ask(NAME, spec(strong))
    models.until_phase("Stable", name=NAME, seconds=120)
    services = models.look.core.list_namespaced_service(models.namespace).items
    assert {one.spec.cluster_ip for one in services} == {"None"}
    with models.clients(NAME) as clients:
        models.ask(NAME, spec(weak))
        models.until_phase("Progressing", name=NAME)
        status = models.until_phase("Stable", "RolledBack", "Paused", name=NAME, seconds=120)
    assert clients.failed == []
    assert paired(models) > 0
    (record,) = status["history"]
    assert (record["outcome"], record["reason"]) == ("RolledBack", "QualityDecreased")
    verdict = quality(record)
    assert "worse by more than 0.05" in verdict["message"]
    assert "not paired" not in verdict["message"]
    assert verdict["numbers"]["candidateLoss"] - verdict["numbers"]["stableLoss"] > 0.05
    assert status["rejected"][0]["label"] == weak
    assert "QualityDecreased" in {reason for reason, _ in models.events(NAME)}
