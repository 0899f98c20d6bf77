"""What the Knative backend does beyond the contract of all backends."""

from dataclasses import replace
from typing import Any

import pytest

from serinus.adapters.knative_manifest import RETENTION
from serinus.adapters.knative_objects import KNATIVE_REVISION
from serinus.adapters.kubernetes_objects import INFERENCE_SERVICE
from serinus.core import reasons
from serinus.core.errors import ServingUnavailable
from serinus.core.plan import HeaderMatch, Role, ServedRevision, ServingPlan
from tests.adapters.knative.world import InMemory
from tests.fakes.kubernetes import Refused
from tests.local.harness import KEY, plan, revision

pytestmark = pytest.mark.anyio

A, B, C = revision("aaa"), revision("bbb"), revision("ccc")
ONLY_A, ONLY_B = plan(A, weights={"aaa": 100}), plan(B, weights={"bbb": 100})


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def world() -> InMemory:
    return InMemory()


def both(weight: int) -> ServingPlan:
    return plan(A, B, weights={"aaa": 100 - weight, "bbb": weight})


def knative_revisions(world: InMemory) -> list[str]:
    return sorted(world.kubernetes.names(KNATIVE_REVISION))


def somebodys(model: str = "file:///aaa") -> dict[str, Any]:
    """An InferenceService as a person wrote it, and KServe completed it."""
    predictor = {
        "minReplicas": 2,
        "model": {"modelFormat": {"name": "sklearn"}, "runtime": "stock", "storageUri": model},
    }
    return {
        "metadata": {"annotations": {"serving.kserve.io/deploymentMode": "Knative"}},
        "spec": {"predictor": predictor},
    }


# ---- what is written


async def test_a_settled_deployment_is_looked_at_without_any_request(world: InMemory) -> None:
    await world.settle(both(10))
    sent = len(world.kubernetes.requests)
    await world.settle(both(10))
    assert len(world.kubernetes.requests) == sent


async def test_a_whole_release_takes_one_write_for_each_change_and_two_knative_revisions(world: InMemory) -> None:
    await world.settle(ONLY_A)
    for weight in (0, 10, 50, 100):
        await world.settle(both(weight))
    await world.settle(ONLY_B)
    # the first revision, the candidate at 0, 10, 50, 100
    assert len(world.kubernetes.requests) == 5
    assert len(knative_revisions(world)) == 2


async def test_nothing_of_the_template_changes_while_a_rollout_is_under_way(world: InMemory) -> None:
    await world.settle(both(10))
    await world.settle(plan(A, B, weights={"aaa": 90, "bbb": 10}, replicas=3, edges=(0.3,)))
    world.ask_for({"maxReplicas": 5, "keepWarm": "1m"})
    await world.settle(both(50))
    assert len(knative_revisions(world)) == 2
    await world.settle(plan(B, weights={"bbb": 100}, replicas=3, edges=(0.3,)), steps=20)
    assert world.service()["spec"]["predictor"]["minReplicas"] == 3
    assert "--slo-ms=300" in world.service()["spec"]["predictor"]["model"]["args"]
    assert len(knative_revisions(world)) == 3


async def test_what_predictors_tell_the_collector_changes_with_the_model_only(world: InMemory) -> None:
    await world.settle(both(10))
    world.ask_for({}, monitoring={"log": {"drop": ["name"]}})
    await world.settle(both(50))
    await world.settle(ONLY_B, steps=20)
    assert len(knative_revisions(world)) == 2, "pods are not started anew for it"
    assert not any("collector" in arg for arg in world.service()["spec"]["predictor"]["model"]["args"])
    await world.settle(plan(B, C, weights={"bbb": 90, "ccc": 10}), steps=20)
    args = world.service()["spec"]["predictor"]["model"]["args"]
    told = [
        "--collector-url=http://collector.serinus-system:8090",
        "--log-features",
        "--log-sample-rate=1",
        "--log-drop=name",
    ]
    assert args[-4:] == told
    world.ask_for({})
    await world.settle(plan(B, C, weights={"bbb": 50, "ccc": 50}), steps=20)
    assert world.service()["spec"]["predictor"]["model"]["args"] == args


async def test_each_knative_revision_has_an_address_of_its_own(world: InMemory) -> None:
    await world.settle(both(10))
    names = dict(zip(("aaa", "bbb"), knative_revisions(world), strict=True))
    expected = {one: f"http://{name}.{KEY.namespace}.svc" for one, name in names.items()}
    assert (await world.observe(KEY)).addresses == expected


async def test_a_whole_revision_can_be_read_from_its_knative_revision(world: InMemory) -> None:
    await world.settle(both(10))
    world.restart()
    seen = await world.serving.observe(KEY)
    assert seen.known == {"aaa": A, "bbb": B}
    assert seen.weights == {"aaa": 90, "bbb": 10}
    assert seen.mode == "Knative"
    assert seen.url == "http://flights-predictor.default.example.com/v2/models/flights/infer"


@pytest.mark.parametrize(
    ("serving", "kept"),
    [({"keepWarm": "5m", "diagnosticsTTL": "1m"}, "300s"), ({"keepWarm": "3h"}, "3600s"), ({"minReplicas": 0}, None)],
)
async def test_the_last_pod_is_kept_as_long_as_the_spec_says(
    world: InMemory, serving: dict[str, Any], kept: str | None
) -> None:
    world.ask_for(serving)
    await world.settle(ONLY_A)
    assert world.service()["metadata"]["annotations"].get(RETENTION) == kept


# ---- going back


async def test_going_back_after_a_promotion_needs_one_write_and_no_new_pod(world: InMemory) -> None:
    await world.settle(ONLY_A)
    await world.settle(both(100))
    await world.settle(ONLY_B)
    back = ServingPlan((ServedRevision(B, Role.STABLE), ServedRevision(A, Role.CANDIDATE)), (("bbb", 100), ("aaa", 0)))
    seen = await world.settle(back)
    assert seen.ready("aaa")
    sent = len(world.kubernetes.requests)
    seen = await world.settle(plan(B, A, weights={"bbb": 0, "aaa": 100}))
    assert seen.weights["aaa"] == 100
    assert world.spec() == ("bbb", 0)
    assert len(world.kubernetes.requests) == sent + 1
    await world.settle(ONLY_A)
    assert world.spec() == ("aaa", 100)
    assert world.knative.traffic == {"aaa": 100}


async def test_a_rejected_revision_stays_to_be_looked_at_and_gets_nothing(world: InMemory) -> None:
    await world.settle(both(50))
    kept = ServingPlan((ServedRevision(A, Role.STABLE), ServedRevision(B, Role.REJECTED)), (("aaa", 100),))
    seen = await world.settle(kept)
    assert seen.weights == {"aaa": 100, "bbb": 0}
    assert seen.revisions.keys() == {"aaa", "bbb"}
    assert world.spec() == ("bbb", 0)
    seen = await world.settle(ONLY_A)
    assert seen.revisions.keys() == {"aaa"}
    assert world.spec() == ("aaa", 100)


async def test_a_route_that_kserve_turned_back_by_mistake_is_mended(world: InMemory) -> None:
    await world.settle(ONLY_A)
    await world.settle(both(100))
    await world.settle(ONLY_B)
    await world.apply(KEY, plan(B, C, weights={"bbb": 100, "ccc": 0}))
    for move in (world.knative.kserve, world.knative.route, world.knative.service, world.knative.kserve):
        move(KEY)  # the Route is there before the Configuration, and KServe takes the 0 for a rollback
    world.knative.kserve(KEY)
    world.knative.route(KEY)
    assert world.knative.traffic["aaa"] == 100
    seen = await world.settle(plan(B, C, weights={"bbb": 100, "ccc": 0}), steps=30)
    assert world.knative.traffic == {"bbb": 100, "ccc": 0}
    assert seen.weights == {"bbb": 100, "ccc": 0}


# ---- trouble


async def test_a_model_of_which_kserve_makes_nothing_fails_after_a_while(world: InMemory) -> None:
    await world.settle(ONLY_A)
    world.knative.refuses.add(B.artifact.uri)
    seen = await world.settle(both(0), steps=5)
    assert not seen.revisions["bbb"].failed
    seen = await world.settle(both(0), steps=20)
    assert seen.revisions["bbb"].failed
    assert "NoSupportingRuntime: nothing serves file:///bbb" in seen.revisions["bbb"].message
    assert seen.weights == {"aaa": 100}
    seen = await world.settle(ONLY_A)
    assert (world.spec(), world.knative.traffic) == (("aaa", 100), {"aaa": 100})


async def test_a_template_that_the_api_server_refuses_fails_its_revision_and_no_other(world: InMemory) -> None:
    await world.settle(ONLY_A)
    world.kubernetes.refusals["flights"] = Refused("admission webhook denied the request: no such field")
    seen = await world.settle(both(0))
    assert seen.revisions["bbb"].failed
    assert "no such field" in seen.revisions["bbb"].message
    assert seen.ready("aaa")
    world.kubernetes.refusals.clear()
    assert (await world.settle(ONLY_A)).revisions.keys() == {"aaa"}


async def test_a_transformer_is_refused_before_it_takes_all_requests(world: InMemory) -> None:
    transformer = {"containers": [{"name": "kserve-container", "image": "org/features:1"}]}
    changed = revision("bbb", template={"transformer": transformer})
    await world.settle(ONLY_A)
    seen = await world.settle(plan(A, changed, weights={"aaa": 100, "bbb": 0}))
    assert seen.revisions["bbb"].failed
    assert "use spec.serving.mode Standard" in seen.revisions["bbb"].message
    assert world.spec() == ("aaa", 100)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (INFERENCE_SERVICE, "install KServe"),
        (KNATIVE_REVISION, "no revisions.serving.knative.dev; install Knative Serving"),
    ],
)
async def test_what_is_missing_is_said_with_what_to_do(world: InMemory, kind: Any, words: str) -> None:
    world.kubernetes.kinds.remove(kind)
    with pytest.raises(ServingUnavailable, match=words):
        await world.settle(ONLY_A)


async def test_a_route_that_is_not_taken_is_told_once_that_has_lasted(world: InMemory) -> None:
    await world.settle(ONLY_A)
    status = world.service()["status"]
    no = {"type": "PredictorRouteReady", "status": "False", "reason": "RevisionMissing", "message": "it is not there"}
    status["conditions"] = [{**no, "lastTransitionTime": world.clock.now().isoformat()}]
    world.kubernetes.edit(INFERENCE_SERVICE, KEY.namespace, KEY.name, {"status": status})
    seen = await world.serving.observe(KEY)
    assert (seen.problem, seen.weights) == (None, {"aaa": 100})
    world.clock.advance(60)
    problem = (await world.serving.observe(KEY)).problem
    assert problem
    assert problem.reason == reasons.ROUTE_REFUSED
    assert "RevisionMissing: it is not there" in problem.message


async def test_knative_says_that_it_copies_no_requests(world: InMemory) -> None:
    seen = await world.settle(replace(plan(A, B, weights={"aaa": 100, "bbb": 0}), mirror=20))
    assert seen.no_mirror
    assert not seen.mirror
    assert seen.weights["aaa"] == 100


async def test_what_knative_cannot_do_is_told(world: InMemory) -> None:
    seen = await world.settle(plan(A, B, weights={"aaa": 90, "bbb": 10}, match=HeaderMatch("x-canary", "yes")))
    assert seen.problem
    assert "rollout.match of ModelDeployment default/flights has no effect" in seen.problem.message
    assert (await world.settle(both(10))).problem is None


# ---- people and other programs


async def test_an_inference_service_of_somebody_else_is_left_alone_unless_asked(world: InMemory) -> None:
    world.kubernetes.edit(INFERENCE_SERVICE, KEY.namespace, KEY.name, somebodys())
    with pytest.raises(ServingUnavailable, match="was not made by Serinus"):
        await world.settle(ONLY_A)
    assert not (await world.serving.observe(KEY)).revisions


async def test_adopting_the_same_model_makes_no_new_knative_revision(world: InMemory) -> None:
    world.kubernetes.edit(INFERENCE_SERVICE, KEY.namespace, KEY.name, somebodys())
    for _ in range(3):
        world.knative.step(KEY)
    world.ask_for({"adopt": True})
    same = plan(revision("aaa", runtime="stock"), weights={"aaa": 100})
    seen = await world.settle(same)
    assert seen.weights == {"aaa": 100}
    assert len(knative_revisions(world)) == 1
    service = world.service()
    assert service["spec"]["predictor"]["canaryTrafficPercent"] == 100
    assert not service["metadata"].get("labels")
    assert [one["kind"] for one in service["metadata"]["ownerReferences"]] == ["ModelDeployment"]
    seen = await world.settle(plan(revision("aaa", runtime="stock"), B, weights={"aaa": 90, "bbb": 10}))
    assert seen.weights == {"aaa": 90, "bbb": 10}
    assert world.spec() == ("bbb", 10)


async def test_adopting_another_model_lets_the_old_one_serve_until_ours_is_up(world: InMemory) -> None:
    world.kubernetes.edit(INFERENCE_SERVICE, KEY.namespace, KEY.name, somebodys("file:///elsewhere"))
    for _ in range(3):
        world.knative.step(KEY)
    world.ask_for({"adopt": True})
    await world.settle(plan(revision("aaa", ready_file="x"), weights={"aaa": 100}))
    assert world.knative.traffic == {"file:///elsewhere": 100}
    await world.settle(ONLY_A)
    assert world.knative.traffic == {"aaa": 100}


@pytest.mark.parametrize("percent", [None, 70])
async def test_a_persons_percent_is_put_back_and_said_once(world: InMemory, percent: int | None) -> None:
    await world.settle(both(10))
    change = {"spec": {"predictor": {"canaryTrafficPercent": percent}}}
    world.kubernetes.edit(INFERENCE_SERVICE, KEY.namespace, KEY.name, change)
    seen = await world.settle(both(10))
    assert seen.weights == {"aaa": 90, "bbb": 10}
    assert world.notices == ["somebody changed InferenceService flights; it was put back"]


async def test_a_persons_model_is_put_back(world: InMemory) -> None:
    await world.settle(ONLY_A)
    change = {"spec": {"predictor": {"model": {"storageUri": "file:///mine"}}}}
    world.kubernetes.edit(INFERENCE_SERVICE, KEY.namespace, KEY.name, change)
    for _ in range(2):
        world.knative.step(KEY)  # it serves before anybody has looked
    seen = await world.settle(ONLY_A, steps=20)
    assert seen.weights == {"aaa": 100}
    assert world.service()["spec"]["predictor"]["model"]["storageUri"] == "file:///aaa"
    assert world.spec() == ("aaa", 100)


async def test_what_a_person_deletes_comes_back_with_the_stable_revision(world: InMemory) -> None:
    await world.settle(both(10))
    world.kubernetes.remove(INFERENCE_SERVICE, KEY.namespace, KEY.name)
    for name in knative_revisions(world):
        world.kubernetes.remove(KNATIVE_REVISION, KEY.namespace, name)
    await world.serving.apply(KEY, both(10))
    assert world.spec() == ("aaa", 100)
    seen = await world.settle(both(10), steps=20)
    assert seen.weights == {"aaa": 90, "bbb": 10}


async def test_objects_stay_behind_where_the_spec_says_so(world: InMemory) -> None:
    world.ask_for({}, deletionPolicy="Orphan")
    await world.settle(ONLY_A)
    assert "ownerReferences" not in world.service()["metadata"]


async def test_a_deployment_that_is_gone_is_forgotten(world: InMemory) -> None:
    await world.settle(both(10))
    world.serving.forget(KEY)
    assert not any([world.serving._view._memories, world.serving._refusals])
