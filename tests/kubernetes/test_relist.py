"""Events and lists go into one cache, and wake what they matter to: missed, late, twice or in any order."""

import asyncio
from typing import Any

import pytest

from serinus.adapters.kubernetes_objects import HTTP_ROUTE, INFERENCE_SERVICE, MODEL_DEPLOYMENT, POD
from serinus.adapters.serving_runtimes import CLUSTER_SERVING_RUNTIME
from serinus.kubernetes import relist as module
from serinus.kubernetes.api import ApiUnavailable
from serinus.kubernetes.cache import ObjectCache
from serinus.kubernetes.intake import Intake
from serinus.kubernetes.relist import ClusterRestored, Relist
from serinus.ports import Key
from tests.kubernetes.fake_api import FakeApiServer, Fault
from tests.kubernetes.samples import KEY, deployment, route
from tests.kubernetes.virtual_time import run


class World:
    def __init__(self, *namespaces: str) -> None:
        self.server, self.cache, self.woken = FakeApiServer(), ObjectCache(), list[Key]()
        self.intake = Intake(self.cache, self.woken.append)
        self.relist = Relist(self.server.api(), self.cache, self.intake, namespaces)

    def told(self, kind: Any, manifest: dict[str, Any]) -> None:
        """It is written, and a watch tells."""
        self.intake.seen(kind, self.server.put(kind, manifest))

    def fill(self, *kinds: Any) -> Any:
        return asyncio.run(self.relist.fill(kinds or (MODEL_DEPLOYMENT, HTTP_ROUTE)))

    def missed(self, kind: Any) -> int:
        return run(self.relist.missed(kind))

    def names(self, kind: Any) -> list[str]:
        return sorted(one.manifest["metadata"]["name"] for one in self.cache.all(kind))

    def take_woken(self) -> list[Key]:
        woken, self.woken[:] = list(self.woken), []
        return woken


def test_a_new_deployment_and_each_change_of_what_it_asks_for_wakes_it() -> None:
    world = World()
    world.told(MODEL_DEPLOYMENT, deployment())
    assert world.take_woken() == [KEY]
    world.told(MODEL_DEPLOYMENT, deployment(spec={"model": {"name": "flight", "uri": "s3://models/2"}}))
    assert world.take_woken() == [KEY]
    world.told(MODEL_DEPLOYMENT, deployment(annotations={"serinus.dev/action": "{}"}))
    assert world.take_woken() == [KEY]
    world.told(MODEL_DEPLOYMENT, deployment(deletionTimestamp="2026-01-05T12:00:00Z"))
    assert world.take_woken() == [KEY]


def test_our_own_status_and_what_others_note_on_a_deployment_wake_nobody() -> None:
    world = World()
    world.told(MODEL_DEPLOYMENT, deployment())
    written = world.server.put(MODEL_DEPLOYMENT, {**deployment(), "status": {"checkpoint": "mine"}})
    world.cache.put(MODEL_DEPLOYMENT, written)  # the answer to our write
    world.take_woken()
    world.intake.seen(MODEL_DEPLOYMENT, written)  # and what the watch tells of it
    world.told(MODEL_DEPLOYMENT, {**deployment(labels={"team": "a"}), "status": {"checkpoint": "mine", "phase": "x"}})
    assert world.take_woken() == []


def test_a_status_that_somebody_else_wrote_or_lost_wakes_the_deployment() -> None:
    world = World()
    world.told(MODEL_DEPLOYMENT, {**deployment(), "status": {"checkpoint": "mine"}})
    world.take_woken()
    world.told(MODEL_DEPLOYMENT, {**deployment(), "status": {"checkpoint": "other"}})
    assert world.take_woken() == [KEY]
    world.told(MODEL_DEPLOYMENT, deployment())
    assert world.take_woken() == [KEY]


def test_whatever_happens_to_an_owned_object_wakes_its_deployment() -> None:
    world = World()
    world.told(HTTP_ROUTE, route())
    world.told(HTTP_ROUTE, {**route(), "status": {"parents": []}})
    world.told(INFERENCE_SERVICE, route("revision"))
    assert world.take_woken() == [KEY, KEY, KEY]
    stored = world.server.get(HTTP_ROUTE, "ml", "flight")
    assert stored is not None
    world.intake.gone(HTTP_ROUTE, stored)
    world.intake.gone(HTTP_ROUTE, stored)
    assert world.take_woken() == [KEY]


def test_a_label_that_moves_wakes_both_deployments() -> None:
    world = World()
    world.told(HTTP_ROUTE, route())
    world.take_woken()
    world.told(HTTP_ROUTE, route(labels={"serinus.dev/deployment": "other"}))
    assert sorted(world.take_woken()) == [KEY, Key("ml", "other")]


def test_an_object_of_nobodys_wakes_nobody_and_is_known() -> None:
    world = World()
    world.told(HTTP_ROUTE, route("foreign", labels={}))
    assert world.take_woken() == []
    assert world.names(HTTP_ROUTE) == ["foreign"]


def test_a_list_finds_what_was_created_changed_and_deleted_meanwhile() -> None:
    world = World()
    for name in ("a", "b", "c"):
        world.told(HTTP_ROUTE, route(name))
    world.take_woken()
    world.server.put(HTTP_ROUTE, route("d"))
    world.server.put(HTTP_ROUTE, route("b", hostnames=("changed.example",)))
    world.server.remove(HTTP_ROUTE, "ml", "c")
    assert world.missed(HTTP_ROUTE) == 3
    assert world.names(HTTP_ROUTE) == ["a", "b", "d"]
    assert world.take_woken() == [KEY, KEY, KEY]
    assert world.missed(HTTP_ROUTE) == 0
    assert world.take_woken() == []


def test_what_a_watch_tells_in_time_was_not_missed() -> None:
    world = World()
    changed = world.server.put(HTTP_ROUTE, route())

    async def test() -> int:
        missing = asyncio.create_task(world.relist.missed(HTTP_ROUTE))
        await asyncio.sleep(module.GRACE_SECONDS / 2)
        world.intake.seen(HTTP_ROUTE, changed)
        return await missing

    assert run(test()) == 0


def test_what_was_created_while_the_list_was_made_is_not_taken_for_deleted() -> None:
    world = World()
    listed = asyncio.run(world.relist._list(HTTP_ROUTE))
    world.told(HTTP_ROUTE, route())
    assert len(module.difference(world.cache, listed)) == 0


def test_what_was_deleted_while_the_list_was_made_was_not_missed() -> None:
    world = World()
    world.server.put(HTTP_ROUTE, route())
    listed = asyncio.run(world.relist._list(HTTP_ROUTE))
    assert len(module.difference(world.cache, listed)) == 1
    world.intake.gone(HTTP_ROUTE, listed.news[0])
    assert len(module.difference(world.cache, listed)) == 0


def test_a_long_list_comes_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 3)
    world = World()
    for number in range(10):
        world.server.put(HTTP_ROUTE, route(f"r{number}"))
    world.fill(HTTP_ROUTE)
    assert len(world.names(HTTP_ROUTE)) == 10
    assert world.server.requests["GET"] == 4


def test_a_list_that_expires_is_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 3)
    world = World()
    for number in range(5):
        world.server.put(HTTP_ROUTE, route(f"r{number}"))

    def expire(method: str, path: str) -> None:
        if world.server.requests["GET"] == 2:
            world.server.faults = [Fault(410, body='{"message": "the continue token is too old"}')]

    world.server.on_request = expire
    world.fill(HTTP_ROUTE)
    assert len(world.names(HTTP_ROUTE)) == 5


def test_only_the_named_namespaces_are_listed() -> None:
    world = World("ml", "more")
    for namespace in ("ml", "more", "other"):
        world.server.put(HTTP_ROUTE, route(f"in-{namespace}", namespace=namespace))
    world.server.put(CLUSTER_SERVING_RUNTIME, {"metadata": {"name": "serinus"}, "spec": {}})
    world.fill(HTTP_ROUTE, CLUSTER_SERVING_RUNTIME)
    assert world.names(HTTP_ROUTE) == ["in-ml", "in-more"]
    assert world.cache.get(CLUSTER_SERVING_RUNTIME, "", "serinus") is not None
    world.server.remove(HTTP_ROUTE, "more", "in-more")
    assert world.missed(HTTP_ROUTE) == 1
    assert world.names(HTTP_ROUTE) == ["in-ml"]


def test_a_namespace_that_must_not_be_listed_hides_no_other(caplog: pytest.LogCaptureFixture) -> None:
    world = World("ml", "gone")
    world.server.put(HTTP_ROUTE, route("in-ml"))
    world.server.forbidden_namespaces = {"gone"}
    assert world.fill(HTTP_ROUTE) == (HTTP_ROUTE,)
    assert world.names(HTTP_ROUTE) == ["in-ml"]
    world.server.put(HTTP_ROUTE, route("later"))
    assert world.missed(HTTP_ROUTE) == 1
    assert caplog.text.count("HTTPRoute objects of namespace gone are not watched") == 1
    world.server.forbidden_namespaces = {"gone", "ml"}
    assert world.fill(HTTP_ROUTE) == ()


def test_only_pods_of_deployments_are_listed() -> None:
    world = World()
    world.server.put(POD, route("mine"))
    world.server.put(POD, route("other", labels={}))
    world.fill(POD)
    assert world.names(POD) == ["mine"]
    kept = world.cache.get(POD, "ml", "mine")
    assert kept is not None
    assert (kept["apiVersion"], kept["kind"]) == ("v1", "Pod"), "items of a list do not have them"


def test_an_api_server_that_is_away_forgets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serinus.kubernetes.api.PAUSES_SECONDS", ())
    world = World()
    world.told(HTTP_ROUTE, route())
    world.server.faults = [Fault(500)]
    with pytest.raises(ApiUnavailable):
        world.missed(HTTP_ROUTE)
    assert world.names(HTTP_ROUTE) == ["flight"]


def test_a_cluster_that_was_put_back_from_a_backup_is_noticed() -> None:
    world = World()
    world.told(HTTP_ROUTE, route())
    world.server.version = 50
    with pytest.raises(ClusterRestored, match="put back from a backup"):
        world.missed(HTTP_ROUTE)
