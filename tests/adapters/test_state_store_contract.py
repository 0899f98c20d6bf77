"""What every state store does. A state is never lost, never torn, and never overwritten when it cannot be understood."""

import asyncio
import errno
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

from serinus.core.errors import StateConflict, StateUnreadable, StateUnwritable
from serinus.core.state import Phase, RolloutState
from serinus.local.folder import StateFolder
from serinus.local.state import FileStateStore
from serinus.ports import Key, StateStore
from tests.fakes.store import FakeStore
from tests.fakes.world import KEY, Behaviour, rolling_out

OTHER = Key("ml", "other")
T = TypeVar("T")


def answer(question: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(question)


class World(Protocol):
    """A store, and what can happen to it."""

    store: StateStore

    def again(self) -> StateStore:
        """The store as the next run of the program finds it."""
        ...

    def fill(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """No more can be written."""
        ...

    def damage(self, change: Callable[[str], str]) -> None:
        """Something changes the stored text."""
        ...

    def text(self) -> str: ...


class FakeWorld:
    def __init__(self, _: Path) -> None:
        self.store = FakeStore()

    def again(self) -> StateStore:
        return self.store

    def fill(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(self.store, "full", True)

    def damage(self, change: Callable[[str], str]) -> None:
        self.store.texts[KEY] = change(self.store.texts[KEY])

    def text(self) -> str:
        return self.store.texts[KEY]


class FileWorld:
    def __init__(self, folder: Path) -> None:
        self.folder = StateFolder(folder)
        self.store = FileStateStore(self.folder)

    def again(self) -> StateStore:
        return FileStateStore(self.folder)

    def fill(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)

    def damage(self, change: Callable[[str], str]) -> None:
        path = self.folder.state(KEY)
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")

    def text(self) -> str:
        return self.folder.state(KEY).read_text(encoding="utf-8")


@pytest.fixture(params=[FakeWorld, FileWorld], ids=["fake", "file"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    made: World = request.param(tmp_path)
    return made


def rich_state() -> RolloutState:
    """A state with a rollout under way, evidence, a history and a rejection."""
    simulated = rolling_out()
    simulated.behaviours["2"] = Behaviour(failing=0.5)
    simulated.until_phase(Phase.ROLLED_BACK)
    simulated.ask_version("3")
    simulated.until_phase(Phase.PROGRESSING)
    for _ in range(4):
        simulated.tick()
    return simulated.state.model_copy(update={"sequence": 0})


def test_there_is_nothing_before_the_first_save(world: World) -> None:
    assert answer(world.store.load(KEY)) is None


def test_what_is_saved_comes_back_the_same_under_the_next_sequence(world: World) -> None:
    state = rich_state()
    saved = answer(world.store.save(KEY, state, 0))
    assert saved == state.model_copy(update={"sequence": 1})
    assert answer(world.store.load(KEY)) == saved
    assert answer(world.again().load(KEY)) == saved


def test_every_save_counts_one_further(world: World) -> None:
    state = rich_state()
    for expected in range(5):
        state = answer(world.store.save(KEY, state, expected))
        assert state.sequence == expected + 1


@pytest.mark.parametrize("expected", [0, 2, 7])
def test_a_save_on_top_of_another_sequence_is_a_conflict_and_changes_nothing(world: World, expected: int) -> None:
    saved = answer(world.store.save(KEY, rich_state(), 0))
    with pytest.raises(StateConflict, match=f"sequence 1, not {expected}"):
        answer(world.store.save(KEY, saved.model_copy(update={"reason": "Other"}), expected))
    assert answer(world.again().load(KEY)) == saved


def test_deployments_do_not_share_a_state(world: World) -> None:
    answer(world.store.save(KEY, rich_state(), 0))
    assert answer(world.store.load(OTHER)) is None
    answer(world.store.save(OTHER, rich_state(), 0))
    assert answer(world.store.save(KEY, rich_state(), 1)).sequence == 2


def test_a_full_disk_leaves_the_former_state(world: World) -> None:
    saved = answer(world.store.save(KEY, rich_state(), 0))
    with pytest.MonkeyPatch.context() as patch:
        world.fill(patch)
        with pytest.raises(StateUnwritable):
            answer(world.store.save(KEY, saved.model_copy(update={"reason": "Other"}), 1))
    assert answer(world.store.load(KEY)) == saved
    assert answer(world.again().load(KEY)) == saved
    assert answer(world.store.save(KEY, saved, 1)).sequence == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[: len(text) // 2],
        lambda _: "",
        lambda _: "{}",
        lambda text: text.replace("Progressing", "Levitating"),
        lambda text: text.replace('"sequence"', '"consequence"'),
        lambda _: "\x00" * 100,
    ],
    ids=["half written", "empty", "no content", "unknown phase", "unknown field", "zeros"],
)
def test_a_damaged_state_is_unreadable_and_is_never_overwritten(world: World, change: Callable[[str], str]) -> None:
    state = rich_state()
    answer(world.store.save(KEY, state, 0))
    world.damage(change)
    damaged, again = world.text(), world.again()
    with pytest.raises(StateUnreadable):
        answer(again.load(KEY))
    for expected in (0, 1):
        with pytest.raises(StateUnreadable):
            answer(again.save(KEY, state, expected))
    assert world.text() == damaged


def test_the_sentence_about_a_damaged_file_says_which_and_what_to_do(tmp_path: Path) -> None:
    world = FileWorld(tmp_path)
    answer(world.store.save(KEY, rich_state(), 0))
    world.damage(lambda text: text[:100])
    with pytest.raises(
        StateUnreadable, match=r"state\.json cannot be read .*; restore it from a backup, or move it away"
    ):
        answer(world.again().load(KEY))


def test_what_a_crash_left_half_written_beside_the_state_is_ignored_and_replaced(tmp_path: Path) -> None:
    world = FileWorld(tmp_path)
    saved = answer(world.store.save(KEY, rich_state(), 0))
    path = world.folder.state(KEY)
    left = path.with_name(f".{path.name}.tmp")
    left.write_text(world.text()[:100])
    assert answer(world.again().load(KEY)) == saved
    answer(world.again().save(KEY, saved, 1))
    assert [one.name for one in path.parent.iterdir()] == [path.name]
