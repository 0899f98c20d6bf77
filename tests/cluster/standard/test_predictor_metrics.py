"""The real predictor under KServe: what its pods count is what the gateway counts, and a damaged model is refused."""

import asyncio
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from serinus.adapters.gateway_metrics import GatewayMetrics
from serinus.adapters.scraping import Scraper
from serinus.adapters.system_clock import SystemClock
from serinus.artifact import directory_digest
from serinus.core.observation import ServingObservation
from serinus.core.revision import Artifact, Revision
from tests.cluster.standard.world import NAME, StandardWorld, predictor_runtime
from tests.cluster.stored_models import model
from tests.local.harness import plan

__all__ = ["model"]

pytestmark = pytest.mark.anyio

ROW = {"x": 1.0}


def served(model: Path, name: str, digest: str = "") -> Revision:
    digest = digest or directory_digest(model)
    artifact = Artifact(model=NAME, version="1", uri=f"file://{model}", digest=digest)
    return Revision(id=name, artifact=artifact, template={"serving": {}, "uri": f"file://{model}"})


def pods_count(world: StandardWorld) -> Any:
    """What PredictorMetrics says from inside the cluster's network."""
    argv = [sys.executable, "-m", "tests.cluster.standard.read_pods", world.key.namespace, world.key.name]
    kubeconfig = str(world.cluster.layout.kubeconfig_of("admin"))
    done = subprocess.run(
        [*world.cluster.prefix, "env", f"KUBECONFIG={kubeconfig}", *argv], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)


async def test_what_the_pods_count_is_what_the_gateway_counts(world: StandardWorld, model: Path) -> None:
    world.probing = False  # the model takes no empty requests
    world.replace_runtime(predictor_runtime())
    await world.settled(plan(served(model, "aaa"), weights={"aaa": 100}, edges=(0.123,)), 120)
    base = f"http://127.0.0.1:{world.cluster.facts.ports['gateway']}"
    async with httpx.AsyncClient(base_url=base, headers={"Host": world.host}, trust_env=False) as client:
        while (await client.post(f"/v1/models/{NAME}:predict", json={"instances": [ROW]})).status_code != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.1)  # the gateway has accepted the route, and does not work so yet
        for body, code in (({"instances": [ROW]}, 200), ({"instances": [{"y": 1}]}, 400)):
            for _ in range(7):
                answer = await client.post(f"/v1/models/{NAME}:predict", json=body)
                assert answer.status_code == code, answer.text
    page = f"http://127.0.0.1:{world.cluster.facts.ports['gateway-metrics']}/metrics"
    scraper = Scraper()
    gateway = GatewayMetrics(world.objects, [page], scraper, SystemClock(), timedelta())
    [at_gateway] = (await gateway.read(world.key)).samples
    [in_pod] = await asyncio.to_thread(pods_count, world)
    await scraper.close()
    codes = {int(code): count for code, count in in_pod["codes"].items()}
    assert codes[400] == at_gateway.codes[400] == 7
    assert codes[200] == at_gateway.codes[200] >= 7
    assert "0.123" in in_pod["latency_buckets"]
    assert in_pod["revision"] == at_gateway.revision == "aaa"


async def test_a_damaged_artifact_is_refused_by_the_predictor_and_said_so(world: StandardWorld, model: Path) -> None:
    world.replace_runtime(predictor_runtime())
    damaged = served(model, "bad", digest="sha256:" + 64 * "0")
    await world.apply(world.key, plan(damaged, weights={"bad": 100}))

    def has_failed(seen: ServingObservation) -> bool:
        return "bad" in seen.revisions and seen.revisions["bad"].failed

    seen = await world.until(has_failed, "the predictor has refused the model", 120)
    assert "exit code 3" in seen.revisions["bad"].message
    assert "was registered" in seen.revisions["bad"].message
    assert seen.weights == {}
