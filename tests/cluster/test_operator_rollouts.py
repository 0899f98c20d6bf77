"""The operator on a real API server, KServe and gateway: releases from the first revision to promotion and to rollback."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.looking import Look, eventually
from tests.cluster.operating.world import DEPLOYMENTS, ROUTES, SERVICES, World


@pytest.fixture
def world(cluster: Cluster, look: Look, new_namespace: Callable[..., str], tmp_path: Path) -> Iterator[World]:
    made = World(cluster, look, new_namespace(), tmp_path)
    yield made
    made.end()


def test_a_good_version_is_promoted_and_a_bad_one_taken_back(world: World) -> None:
    operator = world.operator().until_works()
    world.ask_for("1")
    world.until_serves("1")
    with world.clients() as clients:
        world.ask_for("2")
        first = world.until_serves("2")
        assert [one["outcome"] for one in first["history"]] == ["Promoted"]
        weights = [change["weight"] for change in first["history"][0]["weights"]]
        assert weights == [0, 20, 50, 100]

        world.model("3", status=500)
        world.ask_for("3")
        status = world.until_phase("RolledBack")
        eventually(lambda: world.weights().get("3", 0) == 0, "no traffic to the rejected version")
        time.sleep(2)  # requests that were under way when the route changed
        since = time.time()
        time.sleep(3)
        assert clients.by_revision(since).keys() == {world.revision("2")}
    assert status["rejected"][0]["label"].endswith("-model-3")
    assert world.conditions()["Degraded"] == ("True", status["reason"])
    bad = [answer for answer in clients.failed() if answer.code != 500]
    assert bad == [], "nobody but clients of the bad version saw an error"
    told = {"FirstRevisionReady", "RolloutStarted", "AllSignalsPassed", "Promoted", status["reason"]}
    assert told <= {reason for reason, _ in world.events()}
    assert operator.stop() == 0


def test_behind_a_gateway_that_does_not_copy_no_rollout_begins_that_needs_it(world: World) -> None:
    operator = world.operator(namespaces="").until_works()  # only an operator of all looks at GatewayClasses
    world.ask_for("1", strategy="Shadow")
    world.until_serves("1")
    world.ask_for("2", strategy="Shadow")
    eventually(lambda: world.status()["reason"] == "MirroringUnavailable", "the rollout is refused", 60)
    status = world.status()
    assert status["phase"] == "Stable"
    assert "does not list HTTPRouteRequestMirror among its supported features" in status["message"]
    assert world.conditions()["Degraded"] == ("True", "MirroringUnavailable")
    assert len(world.all(SERVICES)) == 1
    assert "filters" not in world.get(ROUTES)["spec"]["rules"][0]
    assert "MirroringUnavailable" in {reason for reason, _ in world.events()}
    with world.clients() as clients:
        world.ask_for("2", strategy="Canary")
        world.until_serves("2")
    assert clients.failed() == []
    assert operator.stop() == 0


def test_a_candidate_gets_its_share_of_the_replicas_before_its_share_of_the_requests(world: World) -> None:
    world.operator().until_works()
    serving = {"minReplicas": 1, "maxReplicas": 4}
    world.ask_for("1", serving=serving)
    world.until_serves("1")
    one = {"namespace": world.namespace, "name": f"flights-{world.revision('1')}-predictor"}
    world.look.apps.patch_namespaced_deployment_scale(**one, body={"spec": {"replicas": 4}})  # as an autoscaler does
    eventually(lambda: ready_replicas(world, "1") == 4, "stable has grown")
    time.sleep(3)  # and every gateway knows of it
    with world.clients():
        world.ask_for("2", serving=serving, steps=[{"weight": 50, "hold": "3s", "minRequests": 20}])
        eventually(lambda: world.weights().get("2") == 50, "half of the requests")
        assert ready_replicas(world, "2") >= 2
        assert ready_replicas(world, "1") == 4
        eventually(lambda: world.weights().get("2") == 100, "all requests")
        assert ready_replicas(world, "2") == 4
        world.until_serves("2")


def ready_replicas(world: World, version: str) -> int:
    name = f"flights-{world.revision(version)}-predictor"
    return int(world.look.apps.read_namespaced_deployment(name, world.namespace).status.ready_replicas or 0)


def test_nothing_is_written_to_what_belongs_to_the_user(world: World) -> None:
    operator = world.operator().until_works()
    world.ask_for("1")
    world.until_serves("1")
    deployment = world.get(DEPLOYMENTS)
    assert "finalizers" not in deployment["metadata"]
    assert "annotations" not in deployment["metadata"]
    assert deployment["metadata"]["generation"] == 1
    owners = {entry["manager"]: entry.get("subresource", "") for entry in deployment["metadata"]["managedFields"]}
    assert owners.pop("serinus") == "status"
    (service,), (route,) = world.all(SERVICES), world.all(ROUTES)
    for child in (service, route):
        (owner,) = child["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"]) == ("ModelDeployment", deployment["metadata"]["uid"])
        assert not [name for name in child["metadata"].get("annotations", {}) if "kopf" in name]
    assert not [name for name in service["metadata"].get("finalizers", []) if "serinus" in name or "kopf" in name]
    assert operator.stop() == 0


def test_a_deployment_at_rest_costs_no_request(world: World) -> None:
    operator = world.operator(discovery_seconds="3600").until_works()
    world.ask_for("1")
    world.until_serves("1")
    time.sleep(5)  # the last events of what has just happened
    before = _requests(operator), operator.metric("serinus_reconcile_seconds_count")
    time.sleep(35)
    assert _requests(operator) == before[0]
    assert operator.metric("serinus_reconcile_seconds_count") - before[1] <= 3


def _requests(operator: object) -> float:
    metric = operator.metric  # type: ignore[attr-defined]
    return float(metric("serinus_api_requests_total") - metric("serinus_api_requests_total", kind="Lease"))


def test_a_release_costs_few_requests(world: World) -> None:
    operator = world.operator(discovery_seconds="3600").until_works()
    world.ask_for("1", strategy="Immediate")
    world.until_serves("1")
    time.sleep(3)
    before = _requests(operator)
    world.ask_for("2", strategy="Immediate")
    world.until_serves("2")
    time.sleep(3)
    writes = {
        "status": operator.metric("serinus_api_requests_total", kind="ModelDeployment", verb="update"),
        "events": operator.metric("serinus_api_requests_total", kind="Event"),
    }
    assert writes["status"] <= 12
    assert _requests(operator) - before <= 16


def test_people_pause_resume_promote_and_abort(world: World) -> None:
    world.operator().until_works()
    world.ask_for("1")
    world.until_serves("1")
    long = [{"weight": 20, "hold": "10m", "minRequests": 1}]
    with world.clients():
        world.ask_for("2", steps=long)
        status = world.until_phase("Progressing")
        world.request("pause", "n1", status["rollout"]["id"])
        world.until_phase("Paused")
        world.request("resume", "n2", status["rollout"]["id"])
        world.until_phase("Progressing")
        world.request("abort", "n3", "another-rollout")
        eventually(lambda: world.status()["handledNonce"] == "n3", "the late click is answered")
        assert "it was meant for rollout another-rollout" in world.status()["actionMessage"]
        assert world.phase() == "Progressing"
        world.annotate("promote, please")
        eventually(lambda: "ActionInvalid" in dict(world.events()), "what is not understood is answered")
        world.request("promote", "n4", status["rollout"]["id"])
        world.until_serves("2")
        world.ask_for("3", steps=long)
        status = world.until_phase("Progressing")
        world.request("abort", "n5", status["rollout"]["id"])
        world.until_phase("RolledBack")
    assert [(one["outcome"], one["reason"]) for one in world.status()["history"]] == [
        ("Promoted", "PromotedByUser"),
        ("Aborted", "AbortedByUser"),
    ]


def test_a_deployment_that_is_deleted_takes_its_objects_along(world: World) -> None:
    operator = world.operator().until_works()
    world.ask_for("1")
    world.until_serves("1")
    world.delete(DEPLOYMENTS, "flights")
    eventually(lambda: not world.all(SERVICES) and not world.all(ROUTES), "everything is gone")
    eventually(lambda: "flights" not in operator.ask("/metrics")[1], "and forgotten")
    world.ask_for("1")
    world.until_serves("1")


def test_metrics_and_health_are_told(world: World) -> None:
    operator = world.operator().until_works()
    world.ask_for("1")
    world.until_serves("1")
    assert operator.ask("/healthz") == (200, "ok")
    assert operator.ask("/readyz") == (200, "ok")
    assert operator.metric("serinus_deployments", phase="Stable") == 1
    assert operator.metric("serinus_decisions_total", reason="FirstRevisionReady") == 1
    assert operator.metric("serinus_leader") == 1
    assert operator.metric("serinus_watch_starts_total") == 1
    keys = {line.get("key") for line in operator.lines() if line.get("reason") == "FirstRevisionReady"}
    assert keys == {f"{world.namespace}/flights"}
