"""One cluster for a whole run. SERINUS_TEST_CLUSTER=NAME uses one that is up already and leaves it so."""

import os
import uuid
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from tests.cluster.control_plane import cluster as clusters
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.kwok import FAKE_NAMESPACE_ANNOTATION
from tests.cluster.looking import Look, eventually, look_at

NEEDS_KNATIVE = pytest.StashKey[bool]()
FAILED = pytest.StashKey[bool]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Knative takes longer to start, so it is there only when a test asks for it."""
    config.stash[NEEDS_KNATIVE] = any("knative" in getattr(item, "fixturenames", ()) for item in items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """The logs of a cluster in which a test has failed are kept."""
    report = yield
    item.config.stash[FAILED] = item.config.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> Iterator[Cluster]:
    """A cluster of this run's own, with KServe and a gateway."""
    if name := os.environ.get("SERINUS_TEST_CLUSTER"):
        yield Cluster.named(Path(name).name)
        return
    name = f"test-{uuid.uuid4().hex[:8]}"
    try:
        yield clusters.up(name, knative=pytestconfig.stash[NEEDS_KNATIVE])
    finally:
        clusters.down(name, keep_logs=pytestconfig.stash.get(FAILED, False))


@pytest.fixture(scope="session")
def knative(cluster: Cluster) -> Cluster:
    """The same cluster, with Knative."""
    assert cluster.facts.knative, f"the cluster {cluster.layout.name} was started without --knative"
    return cluster


@pytest.fixture(scope="session")
def look(cluster: Cluster) -> Look:
    """The official client."""
    return look_at(cluster)


@pytest.fixture
def new_namespace(look: Look) -> Iterator[Callable[..., str]]:
    """Makes namespaces, which are deleted after the test. `fake=True`: its pods are only told to run."""
    made: list[str] = []

    def make(*, fake: bool = False, labels: dict[str, str] | None = None) -> str:
        name = f"test-{uuid.uuid4().hex[:8]}"
        annotations = FAKE_NAMESPACE_ANNOTATION if fake else {}
        look.core.create_namespace({"metadata": {"name": name, "annotations": annotations, "labels": labels or {}}})
        made.append(name)
        account = lambda: look.core.read_namespaced_service_account("default", name)  # noqa: E731
        eventually(account, f"the namespace {name} has a service account, without which no pod can be made")
        return name

    yield make
    for name in made:
        look.core.delete_namespace(name)


@pytest.fixture
def namespace(new_namespace: Callable[..., str]) -> str:
    """A namespace whose pods really run."""
    return new_namespace()
