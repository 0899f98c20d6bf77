"""The state store in the status subresource: the contract of every store, and what is special about this one."""

import asyncio
import base64
import zlib
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from serinus.adapters.kubernetes_objects import MODEL_DEPLOYMENT
from serinus.core.errors import StateConflict, StateUnwritable
from serinus.core.observation import BinWindow
from serinus.core.state import Phase, RolloutState
from serinus.kubernetes.cache import ObjectCache
from serinus.kubernetes.checkpoint import FORMAT, decoded
from serinus.kubernetes.complaints import Complaint
from serinus.kubernetes.discovery import Discovery
from serinus.kubernetes.objects import ClusterObjects
from serinus.kubernetes.status_store import StatusStore
from tests.adapters import test_state_store_contract as contract
from tests.adapters.test_state_store_contract import (  # noqa: F401  (collected here, with the `world` below)
    test_a_damaged_state_is_unreadable_and_is_never_overwritten,
    test_a_full_disk_leaves_the_former_state,
    test_a_save_on_top_of_another_sequence_is_a_conflict_and_changes_nothing,
    test_deployments_do_not_share_a_state,
    test_every_save_counts_one_further,
    test_there_is_nothing_before_the_first_save,
    test_what_is_saved_comes_back_the_same_under_the_next_sequence,
)
from tests.fakes.clock import FakeClock
from tests.fakes.world import KEY
from tests.kubernetes.fake_api import FakeApiServer, Fault, OpenFence
from tests.kubernetes.samples import deployment
from tests.unit.watching.watching_world import HEALTHY, serving_since

T = TypeVar("T")
MINUTE = timedelta(minutes=1)


def answer(question: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(question)


class ClusterWorld:
    """A store over an API server that has the deployments of the contract."""

    def __init__(self, _: Path | None = None) -> None:
        self.server = FakeApiServer()
        self.clock = FakeClock()
        for key in (KEY, contract.OTHER):
            self.server.put(MODEL_DEPLOYMENT, deployment(key.name))
        self.store = self.again()

    def again(self) -> StatusStore:
        """The store of the next process, whose watch has told it everything."""
        self.cache, self.fence = ObjectCache(), OpenFence()
        api = self.server.api(self.fence)
        self.watch()
        objects = ClusterObjects(api, self.cache, Discovery(api))
        return StatusStore(objects, self.clock, MINUTE)

    def watch(self) -> None:
        for manifest in self.server.objects.values():
            self.cache.put(MODEL_DEPLOYMENT, manifest)

    def fill(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(self.fence, "error", StateUnwritable("the API server is full"))

    def damage(self, change: Callable[[str], str]) -> None:
        checkpoint = self.status()["checkpoint"]
        text = change(decoded(checkpoint).model_dump_json(by_alias=True))
        damaged = FORMAT + base64.b64encode(zlib.compress(text.encode())).decode()
        self.edit_status({**self.status(), "checkpoint": damaged})

    def text(self) -> str:
        return str(self.status()["checkpoint"])

    def status(self) -> dict[str, Any]:
        stored = self.server.get(MODEL_DEPLOYMENT, KEY.namespace, KEY.name)
        assert stored is not None
        status: dict[str, Any] = stored.get("status", {})
        return status

    def edit_status(self, status: dict[str, Any] | None) -> None:
        """Somebody with the right to writes the status."""
        stored = self.server.get(MODEL_DEPLOYMENT, KEY.namespace, KEY.name)
        self.server.put(MODEL_DEPLOYMENT, {**(stored or {}), "status": status or {}})
        self.watch()

    def edit_spec(self, uri: str) -> None:
        stored = self.server.get(MODEL_DEPLOYMENT, KEY.namespace, KEY.name)
        self.server.put(MODEL_DEPLOYMENT, {**(stored or {}), "spec": {"model": {"name": "flight", "uri": uri}}})

    def writes(self) -> int:
        return self.server.requests["PUT"] + self.server.requests["PATCH"]


@pytest.fixture
def world(tmp_path: Path) -> ClusterWorld:
    return ClusterWorld(tmp_path)


@pytest.fixture
def state() -> RolloutState:
    return contract.rich_state()


def grown(state: RolloutState) -> RolloutState:
    """The state with more evidence and nothing that a person would notice."""
    assert state.rollout is not None
    rollout = state.rollout.model_copy(update={"hold_seconds": state.rollout.hold_seconds + 1})
    return state.model_copy(update={"rollout": rollout, "message": f"held for {rollout.hold_seconds} s"})


def test_growing_evidence_is_written_once_a_minute_and_known_at_once(world: ClusterWorld, state: RolloutState) -> None:
    state = answer(world.store.save(KEY, state, 0))
    before = world.writes()
    for _ in range(59):
        world.clock.advance(1)
        state = answer(world.store.save(KEY, grown(state), state.sequence))
        assert answer(world.store.load(KEY)) == state
    assert world.writes() == before
    world.clock.advance(1)
    state = answer(world.store.save(KEY, grown(state), state.sequence))
    assert world.writes() == before + 1
    assert answer(world.again().load(KEY)) == state


def test_what_a_person_would_notice_is_written_at_once(world: ClusterWorld, state: RolloutState) -> None:
    state = answer(world.store.save(KEY, state, 0))
    for changes in (
        {"reason": "Other"},
        {"handled_nonce": "n"},
        {"phase": Phase.PAUSED},
        {"alias_move": None, "url": "u"},
    ):
        before = world.writes()
        state = answer(world.store.save(KEY, state.model_copy(update=changes), state.sequence))
        assert world.writes() == before + 1, changes


def test_looks_at_drift_are_written_once_a_minute_and_an_alarm_at_once(world: ClusterWorld) -> None:
    watching = serving_since()
    state = answer(world.store.save(KEY, watching.state, 0))

    def writes_of(inputs: BinWindow) -> int:
        nonlocal state
        before = world.writes()
        watching.look(inputs)
        state = answer(world.store.save(KEY, watching.state, state.sequence))
        return world.writes() - before

    near = replace(HEALTHY, features={**HEALTHY.features, "temp": {"0": 100.0, "5": 500.0}})
    assert writes_of(replace(HEALTHY, prediction={"1": 60.0})) == 0, "other numbers in the same sentence"
    assert [writes_of(near), writes_of(near), writes_of(near)] == [1, 0, 1], "suspected, still suspected, drifted"
    assert world.status()["conditions"][-1]["status"] == "True"
    world.clock.advance(60)
    assert writes_of(near) == 1


def test_after_a_crash_the_checkpoint_goes_on(world: ClusterWorld, state: RolloutState) -> None:
    written = answer(world.store.save(KEY, state, 0))
    answer(world.store.save(KEY, grown(written), written.sequence))
    again = world.again()
    assert answer(again.load(KEY)) == written
    assert answer(again.save(KEY, grown(written), written.sequence)).sequence == written.sequence + 1


def test_a_process_that_stops_writes_what_it_knows(world: ClusterWorld, state: RolloutState) -> None:
    state = answer(world.store.save(KEY, state, 0))
    state = answer(world.store.save(KEY, grown(state), state.sequence))
    world.edit_spec("s3://models/2")
    world.watch()
    generation = world.status()["observedGeneration"]
    answer(world.store.flush())
    assert world.status()["observedGeneration"] == generation, "the new spec was not looked at"
    assert answer(world.again().load(KEY)) == state
    before = world.writes()
    answer(world.store.flush())
    assert world.writes() == before


def test_a_status_that_was_lost_is_no_state_although_it_is_remembered(world: ClusterWorld, state: RolloutState) -> None:
    answer(world.store.save(KEY, state, 0))
    world.edit_status(None)
    assert answer(world.store.load(KEY)) is None
    assert answer(world.store.save(KEY, state, 0)).sequence == 1


def test_what_people_read_is_never_read_back(world: ClusterWorld, state: RolloutState) -> None:
    state = answer(world.store.save(KEY, state, 0))
    world.edit_status({**world.status(), "phase": "Stable", "promoted": [], "rollout": {"weight": 100}})
    assert answer(world.again().load(KEY)) == state


def test_a_status_of_another_leader_is_taken_up(world: ClusterWorld, state: RolloutState) -> None:
    former, former_cache = world.store, world.cache
    state = answer(former.save(KEY, state, 0))
    successor = world.again()
    answer(successor.load(KEY))
    newer = answer(successor.save(KEY, state.model_copy(update={"reason": "Newer"}), state.sequence))
    with pytest.raises(StateConflict, match="has changed meanwhile"):
        answer(former.save(KEY, state.model_copy(update={"reason": "Older"}), state.sequence))
    assert world.status()["reason"] == "Newer"
    assert former_cache.get(MODEL_DEPLOYMENT, KEY.namespace, KEY.name) is not None
    assert answer(former.load(KEY)) == newer


def test_a_spec_that_changes_while_it_is_reconciled_is_a_conflict(world: ClusterWorld, state: RolloutState) -> None:
    assert answer(world.store.load(KEY)) is None
    world.edit_spec("s3://models/2")
    world.watch()
    with pytest.raises(StateConflict):
        answer(world.store.save(KEY, state, 0))
    assert world.status() == {}
    answer(world.store.load(KEY))
    answer(world.store.save(KEY, state, 0))
    assert world.status()["observedGeneration"] == 2


def test_a_deployment_that_is_gone_saves_nothing(world: ClusterWorld, state: RolloutState) -> None:
    gone = world.cache.get(MODEL_DEPLOYMENT, KEY.namespace, KEY.name)
    assert gone is not None
    world.cache.forget(MODEL_DEPLOYMENT, KEY.namespace, KEY.name, gone["metadata"]["uid"])
    with pytest.raises(StateConflict, match="is gone"):
        answer(world.store.save(KEY, state, 0))
    assert world.writes() == 0


def test_an_api_server_that_is_away_leaves_the_former_state(world: ClusterWorld, state: RolloutState) -> None:
    saved = answer(world.store.save(KEY, state, 0))
    world.server.faults = [Fault(500, times=99)]
    with pytest.raises(StateUnwritable, match=r"the status cannot be written: .*HTTP 500"):
        answer(world.store.save(KEY, saved.model_copy(update={"reason": "Other"}), 1))
    world.server.faults = []
    assert answer(world.store.load(KEY)) == saved


def test_a_write_whose_answer_was_lost_is_found_again(world: ClusterWorld, state: RolloutState) -> None:
    saved = answer(world.store.save(KEY, state, 0))
    world.server.faults = [Fault(504, method="PUT", after=True)]
    with pytest.raises(StateConflict):
        answer(world.store.save(KEY, saved.model_copy(update={"reason": "Other"}), 1))
    found = answer(world.store.load(KEY))
    assert found is not None
    assert (found.reason, found.sequence) == ("Other", 2)


def test_settling_writes_only_a_generation_that_was_not_told(world: ClusterWorld, state: RolloutState) -> None:
    answer(world.store.save(KEY, state, 0))
    before = world.writes()
    answer(world.store.settle(KEY))
    assert world.writes() == before
    world.edit_spec("s3://models/2")
    world.watch()
    answer(world.store.load(KEY))
    answer(world.store.settle(KEY))
    assert (world.status()["observedGeneration"], world.writes()) == (2, before + 1)


COMPLAINT = Complaint("SpecInvalid", "spec.serving.minReplicas -1 is not at least 0")


def conditions(world: ClusterWorld) -> dict[str, tuple[str, str]]:
    return {one["type"]: (one["status"], one["reason"]) for one in world.status()["conditions"]}


def test_a_complaint_stands_beside_the_state_until_a_reconcile_goes_well(
    world: ClusterWorld, state: RolloutState
) -> None:
    state = answer(world.store.save(KEY, state, 0))
    former = world.status()
    assert answer(world.store.complain(KEY, COMPLAINT)) is True
    assert conditions(world)["Degraded"] == ("True", "SpecInvalid")
    assert (world.status()["checkpoint"], world.status()["phase"]) == (former["checkpoint"], former["phase"])
    before = world.writes()
    assert answer(world.store.complain(KEY, COMPLAINT)) is False
    assert world.writes() == before, "said once"
    answer(world.store.load(KEY))
    answer(world.store.settle(KEY))
    assert world.status() == former


def test_a_complaint_of_a_former_process_goes_too(world: ClusterWorld, state: RolloutState) -> None:
    answer(world.store.save(KEY, state, 0))
    former = world.status()
    answer(world.store.complain(KEY, COMPLAINT))
    again = world.again()
    answer(again.load(KEY))
    answer(again.settle(KEY))
    assert world.status() == former


def test_a_complaint_about_what_was_never_served_says_that_nothing_serves(
    world: ClusterWorld, state: RolloutState
) -> None:
    answer(world.store.complain(KEY, COMPLAINT))
    status = world.status()
    assert (status["phase"], status["reason"], status["message"]) == ("Failed", "SpecInvalid", COMPLAINT.message)
    told = {
        "Ready": ("False", "SpecInvalid"),
        "Progressing": ("False", "SpecInvalid"),
        "Degraded": ("True", "SpecInvalid"),
    }
    assert conditions(world) == told
    assert answer(world.store.load(KEY)) is None
    answer(world.store.save(KEY, state, 0))
    assert conditions(world)["Degraded"] == ("False", "AsAsked")


def test_a_complaint_never_touches_a_state_that_cannot_be_read(world: ClusterWorld, state: RolloutState) -> None:
    answer(world.store.save(KEY, state, 0))
    world.damage(lambda text: text[:100])
    damaged, again = world.text(), world.again()
    assert answer(again.complain(KEY, Complaint("StateUnreadable", "it is damaged"))) is True
    assert world.text() == damaged
