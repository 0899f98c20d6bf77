"""What goes wrong in Knative mode, on the real KServe and Knative controllers."""

from typing import Any

import pytest

from tests.cluster.knative.world import KNATIVE_SECONDS, KnativeWorld, Traffic
from tests.cluster.standard.world import NAME
from tests.local.harness import plan, revision

pytestmark = pytest.mark.anyio

A, B = revision("aaa"), revision("bbb")
ONLY_A = plan(A, weights={"aaa": 100})


def edit(world: KnativeWorld, change: dict[str, Any]) -> None:
    """A person changes the InferenceService."""
    where = ("serving.kserve.io", "v1beta1", world.key.namespace, "inferenceservices", NAME)
    world.look.custom.patch_namespaced_custom_object(*where, change)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (revision("crash", exit_code=3, say="the model does not load"), "the model does not load"),
        (revision("gone", uri="file:///there/is/none"), "there is no model at file:///there/is/none"),
        (revision("format", serving={"format": "nosuch"}), "nosuch"),
    ],
    ids=lambda value: value.id if hasattr(value, "id") else "",
)
async def test_a_candidate_that_cannot_start_is_failed_with_the_reason(
    world: KnativeWorld, bad: Any, words: str
) -> None:
    await world.settled(ONLY_A, KNATIVE_SECONDS)
    async with Traffic(world) as traffic:
        await world.apply(world.key, plan(A, bad, weights={"aaa": 100, bad.id: 0}))

        def has_failed(seen: Any) -> bool:
            status = seen.revisions.get(bad.id)
            return status is not None and status.failed

        seen = await world.until(has_failed, "it is failed", KNATIVE_SECONDS)
        assert words in seen.revisions[bad.id].message
        await world.settled(ONLY_A, KNATIVE_SECONDS)
        await world.until(lambda _: world.spec() == ("aaa", 100), "the spec describes what serves", KNATIVE_SECONDS)
        await world.settled(plan(A, B, weights={"aaa": 50, "bbb": 50}), KNATIVE_SECONDS)
    assert {one.revision for one in traffic.answers} == {"aaa", "bbb"}
    assert traffic.failed == []


async def test_a_persons_percent_is_put_back(world: KnativeWorld) -> None:
    await world.settled(plan(A, B, weights={"aaa": 90, "bbb": 10}), KNATIVE_SECONDS)
    edit(world, {"spec": {"predictor": {"canaryTrafficPercent": None}}})
    await world.until(lambda _: world.spec() == ("bbb", 10), "it is put back", KNATIVE_SECONDS)
    await world.settled(plan(A, B, weights={"aaa": 90, "bbb": 10}), KNATIVE_SECONDS)
    assert world.notices == [f"somebody changed InferenceService {NAME}; it was put back"]


async def test_an_inference_service_that_was_there_is_adopted_without_a_new_knative_revision(
    world: KnativeWorld,
) -> None:
    same = plan(A, weights={"aaa": 100})
    model = world._served(A)
    world.create("serving.kserve.io", "v1beta1", "inferenceservices", somebodys(model.artifact.uri))
    ready = "the InferenceService is ready"
    await world.until(lambda _: bool(world.service().get("status", {}).get("url")), ready, KNATIVE_SECONDS)
    world.ask_for({"adopt": True})
    seen = await world.settled(same, KNATIVE_SECONDS)
    assert seen.revisions["aaa"].ready_replicas == 1
    assert len(world.knative_revisions()) == 1
    owners = world.service()["metadata"]["ownerReferences"]
    assert [one["name"] for one in owners] == [NAME]
    async with Traffic(world) as traffic:
        await world.settled(plan(A, B, weights={"aaa": 50, "bbb": 50}), KNATIVE_SECONDS)
    assert traffic.failed == []
    assert len(world.knative_revisions()) == 2


def somebodys(uri: str) -> dict[str, Any]:
    """An InferenceService of a person's own."""
    model = {
        "modelFormat": {"name": "serinus"},
        "runtime": "serinus",
        "protocolVersion": "v2",
        "storageUri": uri,
        "args": ["--revision=theirs"],
    }
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": NAME, "annotations": {"serving.kserve.io/deploymentMode": "Knative"}},
        "spec": {"predictor": {"minReplicas": 1, "model": model}},
    }
