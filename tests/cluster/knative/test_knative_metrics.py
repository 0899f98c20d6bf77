"""In Knative mode the pods themselves count: behind one host, each for its own revision."""

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.cluster.knative.world import KNATIVE_SECONDS, KnativeWorld
from tests.cluster.standard.test_predictor_metrics import ROW, pods_count, served
from tests.cluster.standard.world import NAME, predictor_runtime
from tests.cluster.stored_models import model
from tests.local.harness import plan

pytestmark = pytest.mark.anyio

__all__ = ["model"]

REQUESTS = 40


async def test_the_pods_count_every_request_for_the_revision_that_answered_it(
    world: KnativeWorld,
    model: Path,
) -> None:
    world.probing = False  # the model takes no empty requests
    world.replace_runtime(predictor_runtime())
    stable, candidate = served(model, "aaa"), served(model, "bbb")
    await world.settled(plan(stable, weights={"aaa": 100}), KNATIVE_SECONDS)
    await world.settled(plan(stable, candidate, weights={"aaa": 75, "bbb": 25}), KNATIVE_SECONDS)
    async with httpx.AsyncClient(
        base_url=world.cluster.gateway_url, headers={"Host": world.host}, trust_env=False
    ) as client:
        for _ in range(REQUESTS):
            answer = await client.post(f"/v1/models/{NAME}:predict", json={"instances": [ROW]})
            assert answer.status_code == 200, answer.text
    counted = {one["revision"]: one["codes"]["200"] for one in await asyncio.to_thread(pods_count, world)}
    assert counted.keys() == {"aaa", "bbb"}
    assert sum(counted.values()) == REQUESTS
    assert abs(counted["bbb"] - REQUESTS / 4) <= 2
