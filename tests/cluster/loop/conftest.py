"""A cluster of its own with the chart installed, because its custom resource and its operator are there once for a cluster."""

import os
import uuid
from collections.abc import Iterator

import pytest

from tests.cluster.conftest import FAILED
from tests.cluster.control_plane import cluster as clusters
from tests.cluster.looking import look_at
from tests.cluster.loop.world import Loop, Models


@pytest.fixture(scope="package")
def loop(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    """The release, with a volume for the collector."""
    name = f"loop-{os.getpid()}"
    cluster = clusters.up(name)
    try:
        made = Loop(cluster, look_at(cluster), tmp_path_factory.mktemp("loop"))
        made.keep("collector", made.folder / "collector")
        made.install()
        yield made
    finally:
        clusters.down(name, keep_logs=pytestconfig.stash.get(FAILED, False))


@pytest.fixture
def models(loop: Loop) -> Iterator[Models]:
    """A namespace of the test's own."""
    name = f"models-{uuid.uuid4().hex[:6]}"
    loop.look.core.create_namespace({"metadata": {"name": name}})
    yield Models(loop, name)
    loop.look.core.delete_namespace(name)
