"""Events for people: one for each thing that happens, repeats counted, floods cut off, never in the way."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from serinus.adapters.kubernetes_objects import MODEL_DEPLOYMENT
from serinus.kubernetes import events as module
from serinus.kubernetes.cache import ObjectCache
from serinus.kubernetes.events import BURST, EVENT, EventRecorder
from serinus.ports import Key
from tests.fakes.clock import FakeClock
from tests.kubernetes.fake_api import FakeApiServer, Fault
from tests.kubernetes.samples import KEY, deployment


class World:
    def __init__(self) -> None:
        self.server, self.cache, self.clock = FakeApiServer(), ObjectCache(), FakeClock()
        self.dropped = 0
        self.recorder = EventRecorder(self.server.api(), self.cache, self.clock, "pod-1", self._drop)
        self.add("flight")

    def _drop(self) -> None:
        self.dropped += 1

    def add(self, name: str) -> None:
        self.cache.put(MODEL_DEPLOYMENT, self.server.put(MODEL_DEPLOYMENT, deployment(name)))

    def written(self) -> list[dict[str, Any]]:
        asyncio.run(self.recorder.flush())
        return [one for (base, _, _), one in self.server.objects.items() if base.endswith("/events")]


def test_an_event_says_what_happened_to_which_object_and_who_says_so() -> None:
    world = World()
    world.recorder.tell(KEY, "SignalFailed", "errors rose", warning=True, action="RollingBack")
    (event,) = world.written()
    stored = world.cache.get(MODEL_DEPLOYMENT, "ml", "flight")
    assert stored is not None
    assert event["regarding"] == {
        "apiVersion": "serinus.dev/v1alpha1",
        "kind": "ModelDeployment",
        "name": "flight",
        "namespace": "ml",
        "uid": stored["metadata"]["uid"],
        "resourceVersion": stored["metadata"]["resourceVersion"],
    }
    words = {name: event[name] for name in ("type", "reason", "action", "note", "reportingInstance", "eventTime")}
    assert words == {
        "type": "Warning",
        "reason": "SignalFailed",
        "action": "RollingBack",
        "note": "errors rose",
        "reportingInstance": "pod-1",
        "eventTime": "2026-01-05T12:00:00.000000Z",
    }


def test_what_happens_again_is_counted_in_the_same_event_once_a_minute() -> None:
    world = World()
    for _ in range(300):
        world.recorder.tell(KEY, "PutBack", "somebody changed the route")
        world.clock.advance(1)
    (event,) = world.written()
    assert event["series"]["count"] == 241
    assert world.server.requests == {"POST": 1, "PATCH": 4}


def test_after_a_while_it_is_told_anew() -> None:
    world = World()
    world.recorder.tell(KEY, "PutBack", "somebody changed the route")
    world.clock.advance(601)
    world.recorder.tell(KEY, "PutBack", "somebody changed the route")
    assert len(world.written()) == 2


def test_a_flood_about_one_object_is_cut_off_and_hides_no_other() -> None:
    world = World()
    world.add("other")
    for number in range(1000):
        world.recorder.tell(KEY, "Flood", f"number {number}")
    world.recorder.tell(Key("ml", "other"), "Promoted", "all is well")
    notes = [event["note"] for event in world.written()]
    assert len(notes) == BURST + 1
    assert "all is well" in notes
    assert world.dropped == 1000 - BURST
    world.clock.advance(3600)
    world.recorder.tell(KEY, "Promoted", "later")
    assert len(world.written()) == BURST + 2


def test_what_cannot_be_written_is_counted_and_dropped() -> None:
    world = World()
    world.server.faults = [Fault(403)]
    world.recorder.tell(KEY, "Promoted", "one")
    world.recorder.tell(KEY, "Stable", "two")
    assert [event["note"] for event in world.written()] == ["two"]
    assert world.dropped == 1


def test_more_than_can_be_written_is_dropped_and_nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING", 10)
    world = World()
    for number in range(20):
        world.add(f"m{number}")
        world.recorder.tell(Key("ml", f"m{number}"), "Promoted", "one")
    assert world.dropped == 10
    assert len(world.written()) == 10


def test_an_event_about_what_is_gone_is_none() -> None:
    world = World()
    world.recorder.tell(Key("ml", "gone"), "Promoted", "one")
    assert world.written() == []


@pytest.mark.parametrize("note", ["x" * 5000, "é" * 5000, "\x00", ""])
def test_a_long_sentence_is_cut_where_the_api_server_would_refuse_it(note: str) -> None:
    world = World()
    world.recorder.tell(KEY, "R" * 500, note)
    (event,) = world.written()
    assert len(event["note"].encode()) <= 1024
    assert len(event["reason"]) <= 128


def test_events_are_written_in_the_background() -> None:
    world = World()

    async def test() -> None:
        task = asyncio.create_task(world.recorder.run())
        world.recorder.tell(KEY, "Promoted", "one")
        await until(lambda: world.server.requests["POST"] == 1)
        task.cancel()

    asyncio.run(test())


async def until(reached: Callable[[], bool], tries: int = 1000) -> Awaitable[None] | None:
    for _ in range(tries):
        if reached():
            return None
        await asyncio.sleep(0)
    raise AssertionError("it never came")


def test_what_is_remembered_has_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 5)
    world = World()
    for number in range(50):
        world.add(f"m{number}")
        world.recorder.tell(Key("ml", f"m{number}"), "Promoted", "one")
    assert len(world.recorder._told) == 5
    assert len(world.recorder._allowances) == 5
    assert EVENT.plural == "events"
