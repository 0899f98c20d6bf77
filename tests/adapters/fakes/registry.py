"""A model registry in memory: the port with nothing behind it."""

from dataclasses import dataclass, field
from pathlib import Path

from serinus.artifact import directory_digest
from serinus.core.errors import AliasConflict, ArtifactCorrupted, ModelVersionNotFound, RegistryUnavailable
from serinus.core.revision import Artifact
from serinus.core.state import Outcome, RolloutRecord
from serinus.ports import Quarantine


@dataclass
class FakeModel:
    versions: dict[str, tuple[Path, str]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    promoted: dict[str, str] = field(default_factory=dict)


@dataclass
class FakeRegistry:
    """Implements `serinus.ports.ModelRegistry`. `available = False` makes every question fail."""

    models: dict[str, FakeModel] = field(default_factory=dict)
    rollouts: dict[str, RolloutRecord] = field(default_factory=dict)
    quarantined: dict[tuple[str, str, str], str] = field(default_factory=dict)
    available: bool = True

    async def resolve(self, model: str, *, version: str = "", alias: str = "", uri: str = "") -> Artifact:
        self._ask()
        if uri:
            if not Path(uri).is_dir():  # noqa: ASYNC240  # memory has no other task to hold up
                raise ModelVersionNotFound(f"there is no model at {uri}; put one there or correct spec.model.uri")
            return Artifact(model=model, uri=uri, digest=directory_digest(Path(uri)))
        known = self.models.get(model, FakeModel())
        number = known.aliases.get(alias, "") if alias else version
        if number not in known.versions:
            raise self._missing(model, f'alias "{alias}"' if alias else f'version "{version}"')
        folder, digest = known.versions[number]
        if not folder.is_dir():
            raise ArtifactCorrupted(f"model artifact {folder} is gone; restore it or register a new version")
        return Artifact(model=model, version=number, uri=str(folder), digest=digest or directory_digest(folder))

    async def alias_version(self, model: str, alias: str) -> str | None:
        self._ask()
        return self.models.get(model, FakeModel()).aliases.get(alias)

    async def move_alias(self, model: str, alias: str, version: str, owner: str) -> None:
        self._ask()
        known = self.models.get(model, FakeModel())
        if version not in known.versions:
            raise self._missing(model, f'version "{version}"')
        holder, current = known.owners.get(alias, owner), known.aliases.get(alias)
        if holder != owner:
            raise AliasConflict(f'alias "{alias}" of model "{model}" belongs to {holder}; choose another promoteAlias')
        if current not in (None, version, known.promoted.get(alias)):
            raise AliasConflict(f'alias "{alias}" of model "{model}" was pointed at {current} by a person; delete it')
        known.owners[alias], known.aliases[alias], known.promoted[alias] = owner, version, version

    async def record_rollout(self, owner: str, record: RolloutRecord, *, quarantine: Quarantine | None = None) -> None:
        self._ask()
        if f"{owner}/{record.id}" in self.rollouts:
            return
        if record.to_version not in self.models.get(record.model, FakeModel()).versions:
            raise self._missing(record.model, f'version "{record.to_version}"')
        self.rollouts[f"{owner}/{record.id}"] = record
        if quarantine is not None:
            self.quarantined[record.model, quarantine.version, owner] = f"{record.id}: {quarantine.reason}"
        if record.outcome is Outcome.PROMOTED:
            self.quarantined.pop((record.model, record.to_version, owner), None)

    def _ask(self) -> None:
        if not self.available:
            raise RegistryUnavailable("the registry at memory: did not answer; start it or correct its address")

    def _missing(self, model: str, what: str) -> ModelVersionNotFound:
        return ModelVersionNotFound(f'{what} of model "{model}" is not in the registry at memory:; register it')
