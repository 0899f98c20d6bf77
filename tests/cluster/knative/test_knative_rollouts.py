"""Rollouts in Knative mode on the real KServe and Knative controllers, with requests through the real gateway."""

import pytest

from serinus.core.plan import Role, ServedRevision, ServingPlan
from tests.cluster.knative.world import KNATIVE_SECONDS, KnativeWorld, Traffic
from tests.local.harness import plan, revision

pytestmark = pytest.mark.anyio

A, B, C = revision("aaa"), revision("bbb"), revision("ccc")


async def test_the_whole_way_to_promotion(world: KnativeWorld) -> None:
    await world.settled(plan(A, weights={"aaa": 100}), KNATIVE_SECONDS)
    async with Traffic(world) as traffic:
        for weight in (0, 10, 50, 100):
            await world.settled(plan(A, B, weights={"aaa": 100 - weight, "bbb": weight}), KNATIVE_SECONDS)
        await world.settled(plan(B, weights={"bbb": 100}), KNATIVE_SECONDS)
        promoted = await world.loaded()
        await world.loaded()
    assert traffic.failed == []
    assert traffic.since(promoted).keys() == {"bbb"}
    assert len(world.knative_revisions()) == 2
    assert world.spec() == ("bbb", 100)


async def test_a_rejected_revision_gets_no_request_once_0_is_in_effect(world: KnativeWorld) -> None:
    world.probing = False
    await world.settled(plan(A, weights={"aaa": 100}), KNATIVE_SECONDS)
    async with Traffic(world) as traffic:
        await world.settled(plan(A, B, weights={"aaa": 50, "bbb": 50}), KNATIVE_SECONDS)
        await world.settled(plan(A, B, weights={"aaa": 100, "bbb": 0}), KNATIVE_SECONDS)
        taken_back = await world.loaded()
        kept = ServingPlan((ServedRevision(A, Role.STABLE), ServedRevision(B, Role.REJECTED)), (("aaa", 100),))
        await world.settled(kept, KNATIVE_SECONDS)
        assert world.spec() == ("bbb", 0)
        await world.settled(plan(A, weights={"aaa": 100}), KNATIVE_SECONDS)
        await world.until(lambda _: world.spec() == ("aaa", 100), "the spec describes what serves", KNATIVE_SECONDS)
        await world.settled(plan(A, C, weights={"aaa": 100, "ccc": 0}), KNATIVE_SECONDS)
        await world.settled(plan(A, C, weights={"aaa": 50, "ccc": 50}), KNATIVE_SECONDS)
    after = traffic.since(taken_back)
    assert after["bbb"] == 0, after
    assert after["aaa"] > 100
    assert after["ccc"] > 0
    assert traffic.failed == []


async def test_going_back_after_a_promotion_starts_no_pod_and_fails_no_request(world: KnativeWorld) -> None:
    await world.settled(plan(A, weights={"aaa": 100}), KNATIVE_SECONDS)
    await world.settled(plan(A, B, weights={"aaa": 0, "bbb": 100}), KNATIVE_SECONDS)
    await world.settled(plan(B, weights={"bbb": 100}), KNATIVE_SECONDS)
    pods = {one.metadata.uid for one in world.pods("aaa")}
    async with Traffic(world) as traffic:
        await world.settled(plan(B, A, weights={"bbb": 100, "aaa": 0}), KNATIVE_SECONDS)
        await world.settled(plan(B, A, weights={"bbb": 0, "aaa": 100}), KNATIVE_SECONDS)
        gone_back = await world.loaded()
        await world.loaded()
    assert traffic.since(gone_back).keys() == {"aaa"}
    assert traffic.failed == []
    assert world.spec() == ("bbb", 0)
    assert {one.metadata.uid for one in world.pods("aaa")} == pods
    assert len(world.knative_revisions()) == 2


async def test_a_replica_count_is_changed_only_when_no_rollout_is_under_way(world: KnativeWorld) -> None:
    await world.settled(plan(A, weights={"aaa": 100}), KNATIVE_SECONDS)
    await world.settled(plan(A, B, weights={"aaa": 90, "bbb": 10}), KNATIVE_SECONDS)
    await world.apply(world.key, plan(A, B, weights={"aaa": 90, "bbb": 10}, replicas=2))
    for _ in range(10):
        await world.observe(world.key)
    assert len(world.knative_revisions()) == 2
    await world.settled(plan(A, B, weights={"aaa": 0, "bbb": 100}, replicas=2), KNATIVE_SECONDS)
    async with Traffic(world) as traffic:
        await world.apply(world.key, plan(B, weights={"bbb": 100}, replicas=2))
        seen = await world.until(lambda seen: seen.revisions["bbb"].replicas == 2, "two replicas", KNATIVE_SECONDS)
        await world.until(lambda seen: seen.ready("bbb"), "both are ready", KNATIVE_SECONDS)
    assert seen.weights == {"bbb": 100}
    assert traffic.failed == []
    assert len(world.knative_revisions()) == 3
