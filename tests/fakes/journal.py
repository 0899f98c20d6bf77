"""A journal in memory."""

from datetime import datetime

from serinus.core.decision import Decision, Note
from serinus.core.errors import StateUnwritable
from serinus.core.state import RolloutRecord
from serinus.ports import Key


class FakeJournal:
    """Implements serinus.ports.Journal. `full` makes every entry fail."""

    def __init__(self) -> None:
        self.full = False
        self.decisions: list[tuple[Key, datetime, Decision]] = []
        self.notes: list[tuple[Key, datetime, Note]] = []
        self.records: dict[tuple[Key, str], RolloutRecord] = {}

    def decided(self, key: Key, at: datetime, decision: Decision) -> None:
        self._write()
        self.decisions.append((key, at, decision))

    def noted(self, key: Key, at: datetime, note: Note) -> None:
        self._write()
        self.notes.append((key, at, note))

    def finished(self, key: Key, record: RolloutRecord) -> None:
        self._write()
        self.records[key, record.id] = record

    def _write(self) -> None:
        if self.full:
            raise StateUnwritable("the fake journal is full; clear `full`")
