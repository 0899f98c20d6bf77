"""What the Standard backend does beyond the contract of all backends."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from serinus.adapters.gateway_features import GatewayCopies
from serinus.adapters.kubernetes_objects import GATEWAY, GATEWAY_CLASS, HTTP_ROUTE, INFERENCE_SERVICE, POD, Kind
from serinus.core import reasons
from serinus.core.errors import ServingUnavailable, StateConflict
from serinus.core.plan import Role, ServedRevision, ServingPlan
from serinus.core.spec import Gateway
from tests.adapters.standard.world import COLLECTOR, InMemory
from tests.fakes.kubernetes import Refused
from tests.local.harness import KEY, plan, revision
from tests.local.harness import revision as made

pytestmark = pytest.mark.anyio

A, B, C = revision("aaa"), revision("bbb"), revision("ccc")
BOTH = plan(A, B, weights={"aaa": 90, "bbb": 10})


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def world() -> InMemory:
    return InMemory()


def services(world: InMemory) -> set[str]:
    return world.kubernetes.names(INFERENCE_SERVICE)


def route(world: InMemory) -> Any:
    found = world.kubernetes.get(HTTP_ROUTE, KEY.namespace, KEY.name)
    assert found is not None
    return found


# ---- what is written


async def test_a_settled_deployment_is_looked_at_without_any_request(world: InMemory) -> None:
    await world.settle(BOTH)
    sent = len(world.kubernetes.requests)
    await world.settle(BOTH)
    assert len(world.kubernetes.requests) == sent


async def test_a_whole_release_takes_one_write_for_each_change(world: InMemory) -> None:
    await world.settle(plan(A, weights={"aaa": 100}))
    for weight in (0, 10, 50, 100):
        await world.settle(plan(A, B, weights={"aaa": 100 - weight, "bbb": weight}))
    await world.settle(plan(B, weights={"bbb": 100}))
    applied = [(kind, name) for verb, kind, name in world.kubernetes.requests if verb == "apply"]
    assert applied.count(("InferenceService", "flights-aaa")) == 1
    assert applied.count(("InferenceService", "flights-bbb")) == 1
    # the first route, the candidate without a share, 10, 50, 100, and the former revision left out
    assert applied.count(("HTTPRoute", "flights")) == 6
    assert world.kubernetes.requests[-1] == ("delete", "InferenceService", "flights-aaa")


async def test_predictors_are_told_anew_when_the_log_asks_for_something_else(world: InMemory) -> None:
    await world.settle(BOTH)
    world.ask_for({}, monitoring={"log": {"hash": ["name"]}})
    await world.settle(BOTH)
    for name in ("flights-aaa", "flights-bbb"):
        service = world.kubernetes.get(INFERENCE_SERVICE, KEY.namespace, name)
        assert service is not None
        args = service["spec"]["predictor"]["model"]["args"]
        assert args[-5:] == [
            f"--model-version={name[-3:]}",
            f"--collector-url={COLLECTOR}",
            "--log-features",
            "--log-sample-rate=1",
            "--log-hash=name",
        ]
    sent = len(world.kubernetes.requests)
    await world.settle(BOTH)
    assert len(world.kubernetes.requests) == sent


async def test_each_revision_has_the_address_of_its_predictors(world: InMemory) -> None:
    await world.settle(BOTH)
    expected = {one: f"http://flights-{one}-predictor.{KEY.namespace}.svc" for one in ("aaa", "bbb")}
    assert (await world.observe(KEY)).addresses == expected


async def test_services_without_an_address_lead_to_the_port_of_the_pods(world: InMemory) -> None:
    world.kserve.headless = True
    await world.settle(BOTH)
    expected = {one: f"http://flights-{one}-predictor.{KEY.namespace}.svc:8080" for one in ("aaa", "bbb")}
    assert (await world.observe(KEY)).addresses == expected


async def test_the_route_is_not_there_before_the_first_revision_can_answer(world: InMemory) -> None:
    await world.settle(plan(made("aaa", ready_file="x"), weights={"aaa": 100}))
    assert world.kubernetes.get(HTTP_ROUTE, KEY.namespace, KEY.name) is None
    assert services(world) == {"flights-aaa"}


async def test_a_changed_replica_count_changes_the_object_that_is_there(world: InMemory) -> None:
    await world.settle(plan(A, weights={"aaa": 100}))
    seen = await world.settle(plan(A, weights={"aaa": 100}, replicas=3))
    assert seen.revisions["aaa"].replicas == seen.revisions["aaa"].ready_replicas == 3
    assert services(world) == {"flights-aaa"}


async def test_a_revision_is_ready_only_with_all_the_replicas_it_should_have(world: InMemory) -> None:
    await world.settle(plan(A, weights={"aaa": 100}, replicas=2))
    down = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    world.kubernetes.edit(POD, KEY.namespace, "flights-aaa-predictor-1", down)
    seen = (await world.standard.observe(KEY)).revisions["aaa"]
    assert (seen.ready, seen.ready_replicas, seen.replicas) == (False, 1, 2)


async def test_a_latency_threshold_that_is_given_up_does_not_restart_what_runs(world: InMemory) -> None:
    await world.settle(plan(A, weights={"aaa": 100}, edges=(0.1,)))
    sent = len(world.kubernetes.requests)
    await world.settle(plan(A, weights={"aaa": 100}))
    assert len(world.kubernetes.requests) == sent
    await world.settle(plan(A, weights={"aaa": 100}, edges=(0.3,)))
    found = world.kubernetes.get(INFERENCE_SERVICE, KEY.namespace, "flights-aaa")
    assert found is not None
    args = found["spec"]["predictor"]["model"]["args"]
    assert [arg for arg in args if arg.startswith("--slo-ms")] == ["--slo-ms=100", "--slo-ms=300"]


# ---- weights


async def test_weights_are_those_the_gateway_has_accepted(world: InMemory) -> None:
    await world.settle(BOTH)
    world.gateway.stuck = True
    seen = await world.settle(plan(A, B, weights={"aaa": 50, "bbb": 50}))
    assert seen.weights == {"aaa": 90, "bbb": 10}
    world.gateway.stuck = False
    seen = await world.settle(plan(A, B, weights={"aaa": 50, "bbb": 50}))
    assert seen.weights == {"aaa": 50, "bbb": 50}


async def test_a_restarted_program_does_not_guess_what_was_accepted(world: InMemory) -> None:
    await world.settle(BOTH)
    world.gateway.stuck = True
    await world.settle(plan(A, B, weights={"aaa": 50, "bbb": 50}))
    world.restart()
    assert (await world.standard.observe(KEY)).weights == {}


async def test_a_gateway_that_does_not_answer_is_named_in_the_message(world: InMemory) -> None:
    world.gateway.stuck = True
    seen = await world.settle(plan(A, weights={"aaa": 100}), steps=3)
    assert seen.problem is None
    seen = await world.settle(plan(A, weights={"aaa": 100}), steps=20)
    assert seen.ready("aaa")
    assert seen.problem
    assert seen.problem.message.startswith("Gateway infra/public of HTTPRoute default/flights has not answered")
    assert seen.revisions["aaa"].message == seen.problem.message


async def test_a_lost_status_can_be_rebuilt_from_what_runs(world: InMemory) -> None:
    await world.settle(BOTH)
    world.restart()
    seen = await world.standard.observe(KEY)
    assert seen.known == {"aaa": A, "bbb": B}
    assert seen.mode == "Standard"


async def test_a_warm_revision_stays_listed_without_a_share(world: InMemory) -> None:
    warm = ServingPlan(served=(ServedRevision(B, Role.STABLE), ServedRevision(A, Role.WARM)), weights=(("bbb", 100),))
    await world.settle(BOTH)
    seen = await world.settle(warm)
    assert seen.weights == {"bbb": 100, "aaa": 0}
    assert services(world) == {"flights-aaa", "flights-bbb"}


async def test_testers_are_not_led_anywhere_before_the_candidates_service_is_there(world: InMemory) -> None:
    from serinus.core.plan import HeaderMatch

    late = made("late", ready_file="x")
    await world.settle(plan(A, weights={"aaa": 100}))
    await world.settle(plan(A, late, weights={"aaa": 100, "late": 0}, match=HeaderMatch("X-Tester", "ann")))
    assert len(route(world)["spec"]["rules"]) == 1


# ---- removing


async def test_a_revision_that_left_the_plan_runs_until_its_last_requests_are_over(world: InMemory) -> None:
    world.settings = replace(world.settings, drain=timedelta(seconds=7))
    world.restart()
    await world.settle(BOTH)
    await world.settle(plan(A, weights={"aaa": 100}), steps=0)
    lived = 0.0
    while "flights-bbb" in services(world):
        await world.step()
        lived += 2
    assert 7 <= lived <= 14


async def test_nothing_is_removed_while_the_gateway_still_sends_it_requests(world: InMemory) -> None:
    await world.settle(BOTH)
    world.gateway.stuck = True
    await world.settle(plan(A, weights={"aaa": 100}), steps=30)
    assert services(world) == {"flights-aaa", "flights-bbb"}
    world.gateway.stuck = False
    await world.settle(plan(A, weights={"aaa": 100}))
    assert services(world) == {"flights-aaa"}


async def test_a_revision_that_comes_back_in_time_is_not_removed(world: InMemory) -> None:
    await world.settle(BOTH)
    await world.settle(plan(A, weights={"aaa": 100}), steps=2)
    await world.settle(BOTH, steps=20)
    assert services(world) == {"flights-aaa", "flights-bbb"}
    assert not [request for request in world.kubernetes.requests if request[0] == "delete"]


# ---- trouble


async def test_a_template_that_the_api_server_refuses_fails_its_revision_and_no_other(world: InMemory) -> None:
    await world.settle(plan(A, weights={"aaa": 100}))
    world.kubernetes.refusals["flights-bbb"] = Refused("admission webhook denied the request: no such field")
    seen = await world.settle(plan(A, B, weights={"aaa": 100, "bbb": 0}))
    assert seen.revisions["bbb"].failed
    assert "no such field" in seen.revisions["bbb"].message
    assert seen.ready("aaa")
    seen = await world.settle(plan(A, weights={"aaa": 100}))
    assert seen.revisions.keys() == {"aaa"}


async def test_a_change_of_what_runs_that_is_refused_is_a_problem_until_it_is_taken(world: InMemory) -> None:
    await world.settle(plan(A, weights={"aaa": 100}))
    world.kubernetes.refusals["flights-aaa"] = Refused("admission webhook denied the request: too many replicas")
    seen = await world.settle(plan(A, weights={"aaa": 100}, replicas=3))
    assert (seen.ready("aaa"), seen.revisions["aaa"].failed) == (True, False)
    assert seen.problem is not None
    assert (seen.problem.reason, "too many replicas" in seen.problem.message) == (reasons.CHANGE_REFUSED, True)
    world.kubernetes.refusals.clear()
    assert (await world.settle(plan(A, weights={"aaa": 100}, replicas=3))).problem is None


async def test_a_server_that_cannot_take_one_object_still_gets_the_route(world: InMemory) -> None:
    await world.settle(BOTH)
    world.kubernetes.refusals["flights-ccc"] = ServingUnavailable("the API server does not answer")
    wanted = plan(A, B, C, weights={"aaa": 100, "bbb": 0})
    with pytest.raises(ServingUnavailable, match="does not answer"):
        await world.apply(KEY, wanted)
    weights = [ref["weight"] for ref in route(world)["spec"]["rules"][0]["backendRefs"]]
    assert weights == [100, 0]


async def test_a_stopped_leader_does_not_undo_its_successors_work(world: InMemory) -> None:
    await world.settle(BOTH)
    stale = route(world)
    await world.settle(plan(A, B, weights={"aaa": 100, "bbb": 0}))
    fresh = world.kubernetes.get
    world.kubernetes.get = lambda kind, *where: stale if kind == HTTP_ROUTE else fresh(kind, *where)  # type: ignore[method-assign]
    world.restart()
    with pytest.raises(StateConflict):
        await world.standard.apply(KEY, plan(A, B, weights={"aaa": 50, "bbb": 50}))
    world.kubernetes.get = fresh  # type: ignore[method-assign]
    assert [ref["weight"] for ref in route(world)["spec"]["rules"][0]["backendRefs"]] == [100, 0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": INFERENCE_SERVICE}, "no inferenceservices.serving.kserve.io; install KServe"),
        ({"kind": HTTP_ROUTE}, "no httproutes.gateway.networking.k8s.io; install the Gateway API"),
        ({"gateway": None}, "has no Gateway to attach its route to; set spec.serving.gateway"),
        ({"domain": ""}, "has no host name; set spec.serving.hostname"),
    ],
)
async def test_what_is_missing_is_said_with_what_to_do(world: InMemory, change: dict[str, Any], words: str) -> None:
    if "kind" in change:
        world.kubernetes.kinds.remove(change["kind"])
    else:
        world.settings = replace(world.settings, **change)
    world.restart()
    with pytest.raises(ServingUnavailable, match=words):
        await world.settle(plan(A, weights={"aaa": 100}))


async def test_the_spec_may_name_gateway_and_host(world: InMemory) -> None:
    world.ask_for({"gateway": Gateway(name="own").model_dump(), "hostname": "models.example.net", "protocol": "v1"})
    seen = await world.settle(plan(A, weights={"aaa": 100}))
    assert (
        route(world)["spec"]["parentRefs"][0] | {"name": "own", "namespace": "default"}
        == (route(world)["spec"]["parentRefs"][0])
    )
    assert seen.url == "http://models.example.net/v1/models/flights:predict"


async def test_a_runtime_that_vanishes_changes_nothing(world: InMemory) -> None:
    from serinus.adapters.serving_runtimes import CLUSTER_SERVING_RUNTIME

    args = ["--model_name={{.Name}}"]
    runtime = {
        "spec": {
            "supportedModelFormats": [{"name": "onnx"}],
            "containers": [{"name": "kserve-container", "args": args}],
        }
    }
    world.kubernetes.edit(CLUSTER_SERVING_RUNTIME, "", "stock", runtime)
    stock = plan(made("aaa", runtime="stock"), weights={"aaa": 100})
    await world.settle(stock)
    before = world.kubernetes.get(INFERENCE_SERVICE, KEY.namespace, "flights-aaa")
    world.kubernetes.remove(CLUSTER_SERVING_RUNTIME, "", "stock")
    await world.settle(stock)
    after = world.kubernetes.get(INFERENCE_SERVICE, KEY.namespace, "flights-aaa")
    assert before is not None
    assert after is not None
    assert after["spec"] == before["spec"]
    assert after["spec"]["predictor"]["model"]["args"] == ["--model_name=flights"]


# ---- people and other programs


async def test_a_persons_weights_are_put_back_and_said_once(world: InMemory) -> None:
    await world.settle(BOTH)
    rules = route(world)["spec"]["rules"]
    for ref in rules[0]["backendRefs"]:
        ref["weight"] = 50
    world.kubernetes.edit(HTTP_ROUTE, KEY.namespace, KEY.name, {"spec": {"rules": rules}})
    seen = await world.settle(BOTH)
    assert seen.weights == {"aaa": 90, "bbb": 10}
    assert world.notices == ["somebody changed HTTPRoute flights; it was put back"]


async def test_what_a_person_deletes_comes_back(world: InMemory) -> None:
    await world.settle(BOTH)
    world.kubernetes.remove(HTTP_ROUTE, KEY.namespace, KEY.name)
    world.kubernetes.remove(INFERENCE_SERVICE, KEY.namespace, "flights-bbb")
    seen = await world.settle(BOTH)
    assert seen.weights == {"aaa": 90, "bbb": 10}
    assert services(world) == {"flights-aaa", "flights-bbb"}


async def test_a_route_of_somebody_else_is_left_alone_and_not_taken_for_ours(world: InMemory) -> None:
    foreign = {
        "spec": {"parentRefs": [{"name": "x"}], "rules": [{"backendRefs": [{"name": "web-predictor", "weight": 1}]}]}
    }
    world.kubernetes.edit(HTTP_ROUTE, KEY.namespace, KEY.name, foreign)
    with pytest.raises(ServingUnavailable, match="was not made by Serinus"):
        await world.settle(plan(A, weights={"aaa": 100}))
    assert route(world)["spec"] == foreign["spec"]
    assert (await world.standard.observe(KEY)).weights == {}


async def test_a_route_that_kserve_keeps_is_taken_over_when_asked(world: InMemory) -> None:
    keeper = {"kind": "InferenceService", "name": "flights", "uid": "k", "controller": True}
    world.kubernetes.edit(INFERENCE_SERVICE, KEY.namespace, "flights", {"spec": {"predictor": {"minReplicas": 1}}})
    world.kubernetes.edit(
        HTTP_ROUTE,
        KEY.namespace,
        KEY.name,
        {"metadata": {"ownerReferences": [keeper]}, "spec": {"parentRefs": [{"name": "x"}], "rules": []}},
    )
    world.ask_for({"adopt": True})
    seen = await world.settle(plan(A, weights={"aaa": 100}))
    former = world.kubernetes.get(INFERENCE_SERVICE, KEY.namespace, "flights")
    assert former is not None
    assert former["metadata"]["labels"] == {"networking.kserve.io/visibility": "cluster-local"}
    assert seen.weights == {"aaa": 100}
    assert [one["kind"] for one in route(world)["metadata"]["ownerReferences"]] == [
        "InferenceService",
        "ModelDeployment",
    ]


async def test_objects_stay_behind_where_the_spec_says_so(world: InMemory) -> None:
    await world.settle(BOTH)
    world.ask_for({}, deletionPolicy="Orphan")
    await world.settle(BOTH)
    found = [route(world), *world.kubernetes.of(INFERENCE_SERVICE, KEY)]
    assert len(found) == 3
    assert not any(one["metadata"].get("ownerReferences") for one in found)


async def test_pods_that_are_gone_still_count_for_restarts(world: InMemory) -> None:
    await world.settle(plan(A, weights={"aaa": 100}, replicas=2))
    dead = {"status": {"containerStatuses": [{"name": "kserve-container", "restartCount": 4}]}}
    world.kubernetes.edit(POD, KEY.namespace, "flights-aaa-predictor-1", dead)
    assert (await world.standard.observe(KEY)).revisions["aaa"].restarts == 4
    world.kubernetes.remove(POD, KEY.namespace, "flights-aaa-predictor-1")
    assert (await world.standard.observe(KEY)).revisions["aaa"].restarts == 4


async def test_a_first_failed_pull_may_pass_however_old_the_pod_is(world: InMemory) -> None:
    await world.settle(BOTH)
    waiting = {"waiting": {"reason": "ErrImagePull", "message": "no such host"}}
    created = (world.clock.now() - timedelta(hours=1)).isoformat()  # it waited for a node
    status = {
        "containerStatuses": [{"name": "kserve-container", "restartCount": 0, "state": waiting}],
        "conditions": None,
    }
    world.kubernetes.edit(
        POD, KEY.namespace, "flights-bbb-predictor-0", {"metadata": {"creationTimestamp": created}, "status": status}
    )
    assert not (await world.standard.observe(KEY)).revisions["bbb"].failed
    world.clock.advance(31)
    assert (await world.standard.observe(KEY)).revisions["bbb"].failed


async def test_kserves_refusal_may_pass_for_a_while_by_the_clusters_clock(world: InMemory) -> None:
    await world.settle(BOTH)
    world.kubernetes.remove(POD, KEY.namespace, "flights-bbb-predictor-0")
    refused = {"transitionStatus": "InvalidSpec", "lastFailureInfo": {"reason": "RuntimeNotRecognized"}}
    created = (world.clock.now() - timedelta(minutes=5)).isoformat()
    change = {"metadata": {"creationTimestamp": created}, "status": {"modelStatus": refused}}
    world.kubernetes.edit(INFERENCE_SERVICE, KEY.namespace, "flights-bbb", change)
    assert (await world.standard.observe(KEY)).revisions["bbb"].failed
    world.kubernetes.clock_ahead = timedelta(minutes=-5)  # ours is five minutes fast, so it was made just now
    assert not (await world.standard.observe(KEY)).revisions["bbb"].failed


async def test_another_setting_does_not_start_pods_anew_that_run(world: InMemory) -> None:
    await world.settle(plan(A, weights={"aaa": 100}))
    requests = len(world.kubernetes.requests)
    world.settings = replace(world.settings, drain=timedelta(minutes=1), counts_in_pods=False)
    world.restart()
    await world.settle(plan(A, weights={"aaa": 100}, edges=(0.3,)))
    assert len(world.kubernetes.requests) == requests
    await world.settle(BOTH)
    made = world.kubernetes.get(INFERENCE_SERVICE, KEY.namespace, "flights-bbb")
    assert made is not None
    assert made["spec"]["predictor"]["model"]["lifecycle"]["preStop"]["sleep"]["seconds"] == 60


async def test_a_deployment_that_is_gone_is_forgotten(world: InMemory) -> None:
    await world.settle(BOTH)
    world.standard.forget(KEY)
    remembered = [world.standard._refusals, world.standard._unlisted_since, world.standard._writer._written]
    assert not any(remembered)


# ---- copies of requests

MIRRORED = replace(plan(A, B, weights={"aaa": 100, "bbb": 0}), mirror=20)


def filters(world: InMemory) -> list[Any]:
    return [one for rule in route(world)["spec"]["rules"] for one in rule.get("filters", [])]


@pytest.mark.parametrize(
    ("features", "says"),
    [
        ((), "lists no supported features; if it copies requests, tell the operator so"),
        (("HTTPRouteURLRewrite",), "does not list HTTPRouteRequestMirror"),
        (("HTTPRouteRequestMirror",), "does not list HTTPRouteRequestPercentageMirror"),
    ],
)
async def test_a_gateway_that_does_not_say_that_it_copies_is_never_asked_to(
    world: InMemory, features: tuple[str, ...], says: str
) -> None:
    world.offer(*features)
    seen = await world.settle(MIRRORED)
    assert says in (seen.no_mirror or seen.no_partial_mirror)
    assert "Gateway infra/public" in (seen.no_mirror or seen.no_partial_mirror)
    assert not seen.mirror
    assert not filters(world)
    assert seen.weights == {"aaa": 100, "bbb": 0}


async def test_a_gateway_that_copies_all_or_nothing_is_asked_for_all(world: InMemory) -> None:
    world.offer("HTTPRouteRequestMirror")
    seen = await world.settle(replace(MIRRORED, mirror=100))
    assert seen.mirror == {"bbb": 100}
    assert not seen.no_mirror
    assert "percent" not in filters(world)[0]["requestMirror"]


@pytest.mark.parametrize("missing", [GATEWAY, GATEWAY_CLASS])
async def test_a_gateway_that_cannot_be_seen_is_not_asked_to_copy(world: InMemory, missing: Kind) -> None:
    world.kubernetes.remove(missing, *(("infra", "public") if missing == GATEWAY else ("", "edge")))
    seen = await world.settle(MIRRORED)
    assert missing.kind in seen.no_mirror
    assert "is not to be seen" in seen.no_mirror
    assert not filters(world)


@pytest.mark.parametrize(
    ("copies", "mirror", "says"),
    [
        (GatewayCopies.SHARES, {"bbb": 20}, ""),
        (GatewayCopies.WHOLE, {}, "copy all or nothing"),
        (GatewayCopies.NEVER, {}, "copy nothing"),
    ],
)
async def test_the_operator_can_be_told_what_gateways_copy(
    world: InMemory, copies: GatewayCopies, mirror: dict[str, int], says: str
) -> None:
    world.kubernetes.remove(GATEWAY_CLASS, "", "edge")  # nobody may read it
    world.settings = replace(world.settings, copies=copies)
    world.restart()
    seen = await world.settle(MIRRORED)
    assert seen.mirror == mirror
    assert says in (seen.no_mirror + seen.no_partial_mirror)


async def test_features_are_read_as_older_gateways_write_them(world: InMemory) -> None:
    names = ["HTTPRouteRequestMirror", "HTTPRouteRequestPercentageMirror"]
    world.kubernetes.edit(GATEWAY_CLASS, "", "edge", {"status": {"supportedFeatures": names}})
    assert (await world.settle(MIRRORED)).mirror == {"bbb": 20}


async def test_a_mirror_that_the_gateway_has_not_accepted_is_not_reported(world: InMemory) -> None:
    await world.settle(replace(MIRRORED, mirror=0))
    world.gateway.stuck = True
    assert not (await world.settle(MIRRORED)).mirror
    assert filters(world)
    world.gateway.stuck = False
    assert (await world.settle(MIRRORED)).mirror == {"bbb": 20}


async def test_a_promotion_takes_the_mirror_away_in_the_change_that_gives_all_requests(world: InMemory) -> None:
    await world.settle(MIRRORED)
    sent = len(world.kubernetes.requests)
    seen = await world.settle(plan(A, B, weights={"aaa": 0, "bbb": 100}))
    assert (seen.weights, seen.mirror) == ({"aaa": 0, "bbb": 100}, {})
    assert [one for one in world.kubernetes.requests[sent:] if one[1] == "HTTPRoute"] == [
        ("apply", "HTTPRoute", KEY.name)
    ]
