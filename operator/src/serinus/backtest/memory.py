"""What the replay remembers in memory: the state, the journal and the registry."""

from dataclasses import dataclass, field
from datetime import datetime

from serinus.backtest.versions import Version
from serinus.core.decision import Decision, Note
from serinus.core.errors import ModelVersionNotFound, StateConflict
from serinus.core.revision import Artifact
from serinus.core.state import RolloutRecord, RolloutState
from serinus.ports import Key, Quarantine


@dataclass
class MemoryStore:
    """Implements serinus.ports.StateStore."""

    state: RolloutState | None = None

    async def load(self, key: Key) -> RolloutState | None:
        """The state, or None before the first."""
        return self.state

    async def save(self, key: Key, state: RolloutState, expected: int) -> RolloutState:
        """The state under the next sequence number."""
        sequence = self.state.sequence if self.state else 0
        if sequence != expected:
            raise StateConflict(f"{key} was saved {sequence} times, and {expected} were expected")
        self.state = state.model_copy(update={"sequence": expected + 1})
        return self.state


@dataclass
class MemoryJournal:
    """Implements serinus.ports.Journal."""

    decisions: list[tuple[datetime, str, str]] = field(default_factory=list)
    records: dict[str, RolloutRecord] = field(default_factory=dict)

    def decided(self, key: Key, at: datetime, decision: Decision) -> None:
        """Keep when, why and the sentence."""
        self.decisions.append((at, decision.reason, decision.message))

    def noted(self, key: Key, at: datetime, note: Note) -> None:
        """Keep what happened beside a rollout."""
        self.decisions.append((at, note.reason, note.message))

    def finished(self, key: Key, record: RolloutRecord) -> None:
        """Keep the record once."""
        self.records.setdefault(record.id, record)


@dataclass
class MemoryRegistry:
    """Implements serinus.ports.ModelRegistry for one model."""

    model: str
    versions: dict[str, Version] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)

    def register(self, version: Version, alias: str) -> None:
        """Add a version, and point `alias` at it."""
        self.versions[version.number] = version
        self.aliases[alias] = version.number

    def named(self, alias: str) -> Version | None:
        """The version that `alias` points at."""
        return self.versions.get(self.aliases.get(alias, ""))

    async def resolve(self, model: str, *, version: str = "", alias: str = "", uri: str = "") -> Artifact:
        """The artifact that version or alias names."""
        number = self.aliases.get(alias, "") if alias else version
        found = self.versions.get(number)
        if found is None:
            raise ModelVersionNotFound(f'model "{self.model}" has no version "{number or alias or uri}" in the replay')
        return Artifact(model=model, version=number, uri=str(found.folder), digest=found.digest)

    async def alias_version(self, model: str, alias: str) -> str | None:
        """The version that `alias` points at."""
        return self.aliases.get(alias)

    async def move_alias(self, model: str, alias: str, version: str, owner: str) -> None:
        """Point `alias` at `version`."""
        self.aliases[alias] = version

    async def record_rollout(self, owner: str, record: RolloutRecord, *, quarantine: Quarantine | None = None) -> None:
        """The journal has it."""
