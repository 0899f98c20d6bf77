"""One ModelDeployment in Knative mode for each test."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.knative.world import KnativeWorld
from tests.cluster.looking import Look


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def world(
    knative: Cluster, look: Look, new_namespace: Callable[..., str], tmp_path: Path
) -> AsyncIterator[KnativeWorld]:
    made = KnativeWorld(knative, look, new_namespace(), tmp_path)
    await made.begin()
    yield made
    await made.end()
