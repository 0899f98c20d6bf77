"""Worlds of the Standard backend, each in a namespace of its own."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.adapters import test_serving_contract as contract
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.looking import Look
from tests.cluster.standard.world import StandardWorld


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def world(
    cluster: Cluster,
    look: Look,
    new_namespace: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[StandardWorld]:
    made = StandardWorld(cluster, look, new_namespace(), tmp_path)
    monkeypatch.setattr(contract, "KEY", made.key)
    await made.begin()
    yield made
    await made.end()
