"""Objects of a cluster: read from the cache, written with preconditions, and one's own writes are seen at once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from serinus.adapters.kubernetes_objects import HTTP_ROUTE, INFERENCE_SERVICE, MODEL_DEPLOYMENT, Manifest
from serinus.core.errors import ServingUnavailable, StateConflict
from serinus.kubernetes.api import ApiRefused
from serinus.kubernetes.cache import ObjectCache
from serinus.kubernetes.discovery import Discovery
from serinus.kubernetes.objects import ClusterObjects
from tests.kubernetes.fake_api import FakeApiServer, Fault
from tests.kubernetes.samples import KEY, deployment, route


@dataclass
class World:
    server: FakeApiServer
    cache: ObjectCache
    objects: ClusterObjects
    discovery: Discovery

    def see(self, kind: Any, manifest: dict[str, Any]) -> dict[str, Any]:
        """Another client writes it, and the watch tells."""
        stored = self.server.put(kind, manifest)
        self.cache.put(kind, stored)
        return stored

    def seen(self, name: str = "flight") -> Manifest:
        found = self.objects.get(HTTP_ROUTE, "ml", name)
        assert found is not None
        return found

    def changed(self, **more: Any) -> dict[str, Any]:
        """The route to apply at the version that was seen."""
        return route(resourceVersion=self.seen()["metadata"]["resourceVersion"], **more)


def scenario(story: Callable[[World], Awaitable[None]]) -> Callable[[], None]:
    """A test with a server of its own."""

    def run() -> None:
        async def go() -> None:
            await story(await world())

        asyncio.run(go())

    run.__name__ = story.__name__
    return run


async def world() -> World:
    server, cache = FakeApiServer(), ObjectCache()
    api = server.api()
    discovery = Discovery(api)
    await discovery.refresh()
    server.requests.clear()
    return World(server, cache, ClusterObjects(api, cache, discovery), discovery)


@scenario
async def test_what_was_written_is_read_at_once(w: World) -> None:
    made = await w.objects.apply(HTTP_ROUTE, route())
    assert w.seen() == made
    assert w.objects.of(HTTP_ROUTE, KEY) == (made,)
    changed = await w.objects.apply(HTTP_ROUTE, w.changed(hostnames=("b.example",)))
    assert w.seen() == changed
    assert w.seen()["spec"]["hostnames"] == ["b.example"]
    await w.objects.delete(HTTP_ROUTE, changed)
    assert w.objects.get(HTTP_ROUTE, "ml", "flight") is None
    assert w.objects.of(HTTP_ROUTE, KEY) == ()


@scenario
async def test_a_create_never_overwrites(w: World) -> None:
    foreign = w.server.put(HTTP_ROUTE, {**route(), "spec": {"hostnames": ["foreign.example"]}})
    with pytest.raises(StateConflict, match="already exists"):
        await w.objects.apply(HTTP_ROUTE, route())
    assert w.server.get(HTTP_ROUTE, "ml", "flight") == foreign
    assert w.seen()["spec"] == foreign["spec"], "what stood there is known now"


@scenario
async def test_an_apply_on_top_of_another_version_is_a_conflict_and_the_newer_one_is_known(w: World) -> None:
    w.see(HTTP_ROUTE, route())
    stale = w.changed(hostnames=("b.example",))
    newer = w.server.put(HTTP_ROUTE, {**route(), "spec": {"hostnames": ["c.example"]}})
    with pytest.raises(StateConflict, match="HTTPRoute ml/flight has changed meanwhile"):
        await w.objects.apply(HTTP_ROUTE, stale)
    assert w.server.get(HTTP_ROUTE, "ml", "flight") == newer
    assert w.seen()["spec"] == newer["spec"]
    await w.objects.apply(HTTP_ROUTE, w.changed(hostnames=("d.example",)))


@scenario
async def test_an_apply_to_what_is_gone_is_a_conflict_and_makes_nothing(w: World) -> None:
    w.see(HTTP_ROUTE, route())
    stale = w.changed()
    w.server.remove(HTTP_ROUTE, "ml", "flight")
    with pytest.raises(StateConflict):
        await w.objects.apply(HTTP_ROUTE, stale)
    assert w.objects.get(HTTP_ROUTE, "ml", "flight") is None
    assert w.server.get(HTTP_ROUTE, "ml", "flight") is None


@scenario
async def test_what_was_created_becomes_ours_to_take_away_from_at_its_first_change(w: World) -> None:
    await w.objects.apply(HTTP_ROUTE, route())
    await w.objects.apply(HTTP_ROUTE, w.changed(hostnames=("b.example",)))
    await w.objects.apply(HTTP_ROUTE, w.changed(hostnames=("c.example",)))
    stored = w.server.get(HTTP_ROUTE, "ml", "flight")
    assert stored is not None
    assert stored["metadata"]["managedFields"] == [{"manager": "serinus", "operation": "Apply"}]
    assert stored["spec"]["hostnames"] == ["c.example"]
    assert w.server.requests == {"POST": 1, "PATCH": 3}, "one more for the first change, none for the second"


@scenario
async def test_a_change_in_between_is_not_overwritten_while_it_is_made_ours(w: World) -> None:
    await w.objects.apply(HTTP_ROUTE, route())
    stale = w.changed(hostnames=("b.example",))
    newer = w.server.put(HTTP_ROUTE, {**route(), "spec": {"hostnames": ["human.example"]}})
    with pytest.raises(StateConflict):
        await w.objects.apply(HTTP_ROUTE, stale)
    assert w.server.get(HTTP_ROUTE, "ml", "flight") == newer


@scenario
async def test_a_delete_spares_what_has_changed_or_is_another_object(w: World) -> None:
    old = w.see(HTTP_ROUTE, route())
    newer = w.server.put(HTTP_ROUTE, {**route(), "spec": {"hostnames": ["b.example"]}})
    with pytest.raises(StateConflict):
        await w.objects.delete(HTTP_ROUTE, old)
    assert w.server.get(HTTP_ROUTE, "ml", "flight") == newer
    w.server.remove(HTTP_ROUTE, "ml", "flight")
    w.server.put(HTTP_ROUTE, route())
    with pytest.raises(StateConflict):
        await w.objects.delete(HTTP_ROUTE, w.seen())
    assert w.server.get(HTTP_ROUTE, "ml", "flight") is not None


@scenario
async def test_deleting_what_is_gone_is_fine(w: World) -> None:
    old = w.see(HTTP_ROUTE, route())
    w.server.remove(HTTP_ROUTE, "ml", "flight")
    await w.objects.delete(HTTP_ROUTE, old)
    assert w.objects.get(HTTP_ROUTE, "ml", "flight") is None


@scenario
async def test_what_waits_for_its_finalizers_is_seen_as_being_deleted(w: World) -> None:
    old = w.see(HTTP_ROUTE, route(finalizers=["example.org/wait"]))
    await w.objects.delete(HTTP_ROUTE, old)
    assert "deletionTimestamp" in w.seen()["metadata"]


@scenario
async def test_content_that_is_refused_is_told_as_such(w: World) -> None:
    w.server.faults = [Fault(422, body='{"message": "spec.rules: Too many"}')]
    with pytest.raises(ApiRefused, match=r"create HTTPRoute ml: spec\.rules: Too many"):
        await w.objects.apply(HTTP_ROUTE, route())


@scenario
async def test_a_missing_namespace_is_no_conflict(w: World) -> None:
    w.server.faults = [Fault(404, body='{"message": "namespaces \\"ml\\" not found"}')]
    with pytest.raises(ServingUnavailable, match="not found"):
        await w.objects.apply(HTTP_ROUTE, route())


@scenario
async def test_a_deployment_is_parsed_once_for_each_generation_and_its_labels(w: World) -> None:
    w.see(MODEL_DEPLOYMENT, deployment(labels={"team": "a"}))
    first = w.objects.owner(KEY)
    w.see(MODEL_DEPLOYMENT, {**deployment(labels={"team": "a"}), "status": {"checkpoint": "x"}})
    again = w.objects.owner(KEY)
    assert first is not None
    assert again is not None
    assert first.deployment is again.deployment
    w.see(MODEL_DEPLOYMENT, deployment(spec={"model": {"name": "flight", "uri": "s3://models/2"}}))
    changed = w.objects.owner(KEY)
    assert changed is not None
    assert changed.deployment.spec.model.uri == "s3://models/2"


@scenario
async def test_an_invalid_deployment_has_no_owner_and_says_why(w: World) -> None:
    w.see(MODEL_DEPLOYMENT, deployment(spec={"model": {"name": "flight"}, "serving": {"minReplicas": -1}}))
    assert w.objects.owner(KEY) is None
    assert "spec.serving.minReplicas" in w.objects.why_invalid(KEY)


@pytest.mark.parametrize("spec", [None, [], "x", {"model": None}, {"model": {"name": "x" * 100_000}}])
def test_whatever_stands_where_a_spec_belongs_is_a_sentence(spec: Any) -> None:
    async def go() -> None:
        w = await world()
        w.see(MODEL_DEPLOYMENT, {**deployment(), "spec": spec})
        assert w.objects.owner(KEY) is None
        assert 10 < len(w.objects.why_invalid(KEY)) < 1000

    asyncio.run(go())


@scenario
async def test_a_deployment_that_is_being_deleted_has_no_owner(w: World) -> None:
    w.see(MODEL_DEPLOYMENT, deployment(deletionTimestamp="2026-01-05T12:00:00Z"))
    assert w.objects.owner(KEY) is None
    assert w.objects.living(KEY) is None
    assert w.objects.why_invalid(KEY) == ""


@scenario
async def test_kinds_that_come_and_go_are_noticed(w: World) -> None:
    assert w.objects.serves(INFERENCE_SERVICE)
    w.server.kinds.discard(INFERENCE_SERVICE)
    assert await w.discovery.refresh() is True
    assert not w.objects.serves(INFERENCE_SERVICE)
    assert await w.discovery.refresh() is False
    w.server.kinds.add(INFERENCE_SERVICE)
    w.server.faults = [Fault(500, times=1)]
    with pytest.raises(ServingUnavailable):
        await w.discovery.refresh()
    assert not w.objects.serves(INFERENCE_SERVICE), "the former answer stands"
    assert await w.discovery.refresh() is True
