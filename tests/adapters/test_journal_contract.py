"""What every journal does: each decision in order, each finished rollout once, and a sentence when nothing can be written."""

import errno
from pathlib import Path
from typing import Any, Protocol

import pytest

from serinus.core.decision import Decision, Note
from serinus.core.errors import StateUnwritable
from serinus.core.state import Phase, RolloutRecord
from serinus.local.folder import StateFolder
from serinus.local.journal import FileJournal, read_decisions, read_records
from serinus.ports import Journal, Key
from tests.fakes.clock import START
from tests.fakes.journal import FakeJournal
from tests.fakes.world import KEY, rolling_out

OTHER = Key("ml", "other")


class World(Protocol):
    """A journal and what it holds."""

    journal: Journal

    def reasons(self, key: Key) -> list[str]: ...

    def notes(self, key: Key) -> list[tuple[str, dict[str, dict[str, float]]]]: ...

    def records(self, key: Key) -> list[RolloutRecord]: ...

    def fill(self, monkeypatch: pytest.MonkeyPatch) -> None: ...


class FakeWorld:
    def __init__(self, _: Path) -> None:
        self.journal = FakeJournal()

    def reasons(self, key: Key) -> list[str]:
        return [decision.reason for about, _, decision in self.journal.decisions if about == key]

    def notes(self, key: Key) -> list[tuple[str, dict[str, dict[str, float]]]]:
        return [(note.message, dict(note.numbers)) for about, _, note in self.journal.notes if about == key]

    def records(self, key: Key) -> list[RolloutRecord]:
        return [record for (about, _), record in self.journal.records.items() if about == key]

    def fill(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(self.journal, "full", True)


class FileWorld:
    def __init__(self, folder: Path) -> None:
        self.folder = StateFolder(folder)
        self.journal = FileJournal(self.folder)

    def reasons(self, key: Key) -> list[str]:
        return [line["reason"] for line in read_decisions(self.folder.decisions(key)) if line["phase"]]

    def notes(self, key: Key) -> list[tuple[str, dict[str, dict[str, float]]]]:
        lines = read_decisions(self.folder.decisions(key))
        return [(line["message"], line["evidence"]) for line in lines if line["phase"] is None]

    def records(self, key: Key) -> list[RolloutRecord]:
        return read_records(self.folder.rollouts(key))

    def fill(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: Any, **__: Any) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(Path, "open", full)


@pytest.fixture(params=[FakeWorld, FileWorld], ids=["fake", "file"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    made: World = request.param(tmp_path)
    return made


@pytest.fixture(scope="module")
def story() -> tuple[list[Decision], RolloutRecord]:
    """The decisions of a rollout, and its record."""
    simulated = rolling_out()
    simulated.until_phase(Phase.STABLE)
    return simulated.seen, simulated.records()[0]


Story = tuple[list[Decision], RolloutRecord]


def test_decisions_are_kept_in_order(world: World, story: Story) -> None:
    for decision in story[0]:
        world.journal.decided(KEY, START, decision)
    assert world.reasons(KEY) == [decision.reason for decision in story[0]]
    assert world.reasons(OTHER) == []


def test_what_happens_beside_a_rollout_is_kept_with_its_numbers(world: World, story: Story) -> None:
    world.journal.decided(KEY, START, story[0][0])
    world.journal.noted(KEY, START, Note("Drifted", "temp has drifted", {"temp": {"psi": 0.5}}, warning=True))
    assert world.notes(KEY) == [("temp has drifted", {"temp": {"psi": 0.5}})]
    assert world.reasons(KEY) == [story[0][0].reason]
    assert world.notes(OTHER) == []


def test_a_finished_rollout_is_kept_whole(world: World, story: Story) -> None:
    world.journal.finished(KEY, story[1])
    assert world.records(KEY) == [story[1]]
    assert world.records(OTHER) == []


def test_the_same_rollout_twice_is_kept_once(world: World, story: Story) -> None:
    world.journal.finished(KEY, story[1])
    world.journal.finished(KEY, story[1])
    other = story[1].model_copy(update={"id": "2-other"})
    world.journal.finished(KEY, other)
    assert sorted(record.id for record in world.records(KEY)) == sorted([story[1].id, "2-other"])


def test_a_full_disk_is_a_sentence_and_what_was_there_stays(world: World, story: Story) -> None:
    world.journal.decided(KEY, START, story[0][0])
    world.journal.finished(KEY, story[1])
    with pytest.MonkeyPatch.context() as patch:
        world.fill(patch)
        with pytest.raises(StateUnwritable):
            world.journal.decided(KEY, START, story[0][1])
        with pytest.raises(StateUnwritable):
            world.journal.finished(KEY, story[1].model_copy(update={"id": "2-other"}))
    assert world.reasons(KEY) == [story[0][0].reason]
    assert world.records(KEY) == [story[1]]


def test_a_line_that_a_crash_cut_off_is_left_out(tmp_path: Path, story: Story) -> None:
    world = FileWorld(tmp_path)
    world.journal.decided(KEY, START, story[0][0])
    cut_off(world)
    assert world.reasons(KEY) == [story[0][0].reason]


def test_a_line_that_a_crash_cut_off_costs_no_later_one(tmp_path: Path, story: Story) -> None:
    world = FileWorld(tmp_path)
    world.journal.decided(KEY, START, story[0][0])
    cut_off(world)
    world.journal.decided(KEY, START, story[0][1])
    world.journal.decided(KEY, START, story[0][2])
    assert world.reasons(KEY) == [decision.reason for decision in story[0][:3]]


def cut_off(world: FileWorld) -> None:
    path = world.folder.decisions(KEY)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])
