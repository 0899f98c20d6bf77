"""What happens to operators: API servers that go away, people who edit, states that are lost, kinds that are missing."""

import os
import random
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.control_plane import cluster as clusters
from tests.cluster.control_plane import kserve
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.looking import Look, eventually, look_at
from tests.cluster.operating.process import Operator
from tests.cluster.operating.proxy import Weather, proxy
from tests.cluster.operating.world import DEPLOYMENTS, NAME, ROUTES, SERVICES, World
from tests.cluster.standard.world import install_definition

LONG = [{"weight": 20, "hold": "20s", "minRequests": 1}]


@pytest.fixture
def world(cluster: Cluster, look: Look, new_namespace: Callable[..., str], tmp_path: Path) -> Iterator[World]:
    made = World(cluster, look, new_namespace(), tmp_path)
    yield made
    made.end()


@pytest.mark.timeout(480)
def test_an_api_server_that_is_away_in_mid_rollout_costs_time_and_nothing_else(world: World) -> None:
    operator = world.operator().until_works()
    world.ask_for("1")
    world.until_serves("1")
    with world.clients() as clients:
        # The gateway has backed off too: a minute, or two where its first try comes while the server is starting.
        world.ask_for("2", steps=LONG, readyDeadline="5m")
        eventually(lambda: world.weights().get("2", 0) == 20, "the weight is shifted")
        world.cluster.stop("kube-apiserver")
        time.sleep(60)
        assert operator.process.poll() is None
        assert operator.ask("/healthz") == (200, "ok")
        world.cluster.start_api_server()
        world.until_serves("2", seconds=300)
    assert [one["outcome"] for one in world.status()["history"]] == ["Promoted"]
    assert clients.failed() == []
    assert operator.metric("serinus_leader") == 1


def test_hours_of_absence_and_a_clock_that_is_put_back_move_nothing_that_was_not_judged(
    world: World, tmp_path: Path
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("0")
    operator = world.operator(clock=clock).until_works()
    world.ask_for("1")
    world.until_serves("1")
    with world.clients():
        world.ask_for("2", steps=LONG)
        eventually(lambda: world.weights().get("2", 0) == 20, "the weight is shifted")
        assert operator.stop() == 0
        clock.write_text(str(2 * 3600))
        back = time.monotonic()
        operator.again().until_works()
        world.until_serves("2")
        assert time.monotonic() - back > 15, "the hours that nobody looked on do not count as held"
        world.model("3", status=500)
        world.ask_for("3", steps=LONG)
        eventually(lambda: world.weights().get("3", 0) == 20, "the weight is shifted again")
        clock.write_text("0")
        world.until_phase("RolledBack", seconds=20)
    assert [(one["outcome"], one["attempt"]) for one in world.status()["history"]] == [
        ("Promoted", 1),
        ("RolledBack", 1),
    ]


def test_a_route_that_somebody_edits_is_put_back_and_said(world: World) -> None:
    world.operator().until_works()
    world.ask_for("1", strategy="Immediate")
    world.until_serves("1")
    world.ask_for("2", strategy="Immediate")
    world.until_serves("2")
    rules = world.get(ROUTES)["spec"]["rules"]
    for backend in rules[-1]["backendRefs"]:
        backend["weight"] = 50
    world.patch(ROUTES, NAME, {"spec": {"rules": rules}})
    eventually(lambda: world.weights() == {"1": 0, "2": 100}, "it is put back", 10)
    eventually(lambda: "PutBack" in dict(world.events()), "and said")


def test_an_object_that_somebody_deletes_is_made_again(world: World) -> None:
    world.operator().until_works()
    world.ask_for("1", strategy="Immediate")
    world.until_serves("1")
    route = world.get(ROUTES)["metadata"]["uid"]
    world.delete(ROUTES, NAME)
    eventually(lambda: world.get(ROUTES)["metadata"]["uid"] != route, "the route is there again", 15)
    (service,) = world.all(SERVICES)
    world.delete(SERVICES, service["metadata"]["name"])
    gone = service["metadata"]["uid"]
    eventually(lambda: [one for one in world.all(SERVICES) if one["metadata"]["uid"] != gone], "and the service", 15)
    world.until_serves("1")


def test_a_status_that_was_lost_is_rebuilt_and_nothing_unjudged_gets_all_requests(world: World) -> None:
    world.operator().until_works()
    world.ask_for("1")
    world.until_serves("1")
    with world.clients() as clients:
        world.ask_for("2", steps=[{"weight": 20, "hold": "10m", "minRequests": 1}])
        eventually(lambda: world.weights().get("2", 0) == 20, "the weight is shifted")
        lost = world.get(DEPLOYMENTS)
        lost.pop("status")
        where = ("serinus.dev", "v1alpha1", world.namespace, "modeldeployments", NAME)
        eventually(lambda: _without_status(world, where), "the status is emptied")
        eventually(lambda: world.status().get("stable", {}), "the status is rebuilt")
        assert world.status()["stable"]["artifact"]["uri"].endswith("-model-1")
        for _ in range(30):
            assert world.weights().get("2", 0) < 100
            time.sleep(0.1)
    assert clients.failed() == []


def _without_status(world: World, where: tuple[str, ...]) -> bool:
    body = world.get(DEPLOYMENTS) | {"status": {}}
    world.look.custom.replace_namespaced_custom_object_status(*where, body)
    return True


def test_a_status_that_was_damaged_is_said_and_never_overwritten(world: World) -> None:
    world.operator().until_works()
    world.ask_for("1", strategy="Immediate")
    world.until_serves("1")
    where = ("serinus.dev", "v1alpha1", world.namespace, "modeldeployments", NAME)
    damaged = {"status": {"checkpoint": "zlib:AAAA"}}
    world.look.custom.patch_namespaced_custom_object_status(*where, damaged)
    eventually(lambda: world.conditions()["Degraded"] == ("True", "StateUnreadable"), "it is said")
    time.sleep(3)
    assert world.status()["checkpoint"] == "zlib:AAAA"
    assert world.weights() == {"1": 100}


def test_an_action_and_a_change_that_came_while_the_operator_was_away_are_seen(world: World) -> None:
    operator = world.operator().until_works()
    world.ask_for("1", strategy="Immediate")
    world.until_serves("1")
    assert operator.stop() == 0
    world.ask_for("2", strategy="Immediate")
    world.ask_for("1", name="another", strategy="Immediate")
    route = world.get(ROUTES)["metadata"]["uid"]
    world.delete(ROUTES, NAME)
    operator.again()
    world.until_serves("2")
    world.until_serves("1", name="another")
    assert world.get(ROUTES)["metadata"]["uid"] != route


def test_what_no_watch_tells_is_found_by_a_list(world: World) -> None:
    """The watches are on other connections than the lists: here they end in the middle of nowhere."""
    operator = world.operator(relist_seconds="5").until_works()
    world.ask_for("1", strategy="Immediate")
    world.until_serves("1")
    assert operator.metric("serinus_relist_missed_total") == 0, "lists find nothing that watches have not told"
    time.sleep(12)
    assert operator.metric("serinus_relist_missed_total") == 0
    assert operator.metric("serinus_api_requests_total", verb="list", kind="ModelDeployment") >= 3


def test_a_namespace_is_deleted_within_30_seconds_with_the_operator_gone(
    cluster: Cluster, look: Look, tmp_path: Path
) -> None:
    name = f"test-{uuid.uuid4().hex[:8]}"
    look.core.create_namespace({"metadata": {"name": name}})
    world = World(cluster, look, name, tmp_path)
    world.operator().until_works()
    for number in range(3):
        world.ask_for("1", name=f"m{number}", strategy="Immediate")
    for number in range(3):
        world.until_serves("1", name=f"m{number}")
    world.end()
    look.core.delete_namespace(name)
    eventually(lambda: name not in [one.metadata.name for one in look.core.list_namespace().items], "it is gone", 30)


SEED = int(os.environ.get("SERINUS_TEST_SEED", str(random.randrange(10**6))))


def test_refusals_lost_answers_and_watches_that_end_change_nothing_in_the_end(world: World) -> None:
    """One request in six is refused, of writes one answer in ten is lost, and no watch lives longer than 4 s."""
    world.model("2", status=500)
    with proxy(world.cluster.kubeconfig, SEED) as weather:
        operator = world.operator(kubeconfig=str(weather.kubeconfig(world.folder)), relist_seconds="20")
        operator.until_works()
        refused = {409: 0.05, 429: 0.04, 500: 0.04, 503: 0.04}
        weather.weather = Weather(refused=refused, lost=0.1, longest_watch_seconds=4)
        world.ask_for("0")
        world.until_serves("0")
        with world.clients() as clients:
            world.ask_for("1")
            world.until_serves("1", seconds=180)
            world.ask_for("2")
            world.until_phase("RolledBack", seconds=180)
            world.ask_for("3")
            world.until_serves("3", seconds=180)
        met = dict(weather.faults)
        assert {"409", "429", "500", "503", "lost", "watch"} <= met.keys(), met
    history = world.status()["history"]
    assert [one["outcome"] for one in history] == ["Promoted", "RolledBack", "Promoted"], f"seed {SEED}"
    assert [answer for answer in clients.failed() if answer.code != 500] == [], f"seed {SEED}"
    assert operator.process.poll() is None


def test_a_cluster_without_kserve_is_a_condition_until_it_has_it(tmp_path: Path) -> None:
    """Kinds that are missing are tolerated, and watched once they are there."""
    name = f"bare-{uuid.uuid4().hex[:8]}"
    try:
        cluster = clusters.up(name, serving=False)
        look = look_at(cluster)
        look.core.create_namespace({"metadata": {"name": "ml"}})
        operator = Operator(cluster, "ml", tmp_path, "one", discovery_seconds="2")
        eventually(lambda: operator.said("has no modeldeployments.serinus.dev"), "its own kind is missed")
        install_definition(look)
        _without_kserve(cluster, look, operator)
        assert operator.stop() == 0
    finally:
        clusters.down(name)


def _without_kserve(cluster: Cluster, look: Look, operator: Operator) -> None:
    where = ("serinus.dev", "v1alpha1", "ml", "modeldeployments")
    spec = {"model": {"name": "m", "uri": "s3://models/1"}}
    body = {"apiVersion": "serinus.dev/v1alpha1", "kind": "ModelDeployment", "metadata": {"name": "m"}, "spec": spec}
    eventually(lambda: look.custom.create_namespaced_custom_object(*where, body), "the kind is served")

    def degraded() -> str:
        status = look.custom.get_namespaced_custom_object(*where, "m").get("status", {})
        found = [one["message"] for one in status.get("conditions", []) if one["type"] == "Degraded"]
        return str(found[0]) if found else ""

    eventually(lambda: "install KServe" in degraded(), "it is said")
    cluster.kubectl().define([*kserve.gateway_definitions(), *kserve.definitions()])
    services = ("serving.kserve.io", "v1beta1", "ml", "inferenceservices")
    eventually(lambda: look.custom.list_namespaced_custom_object(*services)["items"], "it goes on by itself", 90)
    eventually(lambda: operator.metric("serinus_watch_starts_total") >= 3, "new kinds are watched")
