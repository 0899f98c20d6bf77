"""The model registry port over MLflow (a SQLite file or a server)."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, Final, TypeVar

from serinus.adapters.mlflow_alias import alias_version, point_alias, refuse_conflict
from serinus.adapters.mlflow_artifacts import Artifacts, Located
from serinus.adapters.mlflow_client import (
    DIGEST_TAG,
    address,
    connect_impatiently,
    is_new_registry,
    not_found,
    translated,
)
from serinus.adapters.mlflow_rollouts import log_rollout
from serinus.core.errors import ArtifactOutOfReach, ModelVersionNotFound, RegistryUnavailable
from serinus.core.revision import Artifact
from serinus.core.state import RolloutRecord
from serinus.ports import Quarantine

THREADS: Final = 8
T = TypeVar("T")


class MlflowRegistry:
    """Implements `serinus.ports.ModelRegistry`. `artifacts` says where a version can be loaded from."""

    def __init__(self, uri: str, artifacts: Artifacts) -> None:
        self._uri = uri
        self._artifacts = artifacts
        # Not the loop's own threads: whatever else needs those (the names of gateways, say) would wait behind a registry
        # that hangs.
        self._threads = ThreadPoolExecutor(THREADS, "registry")

    async def resolve(self, model: str, *, version: str = "", alias: str = "", uri: str = "") -> Artifact:
        """See the port. Raises ArtifactOutOfReach too."""
        if sum(map(bool, (version, alias, uri))) != 1:
            raise ValueError("exactly one of version, alias and uri names an artifact")
        if uri:
            located = await asyncio.to_thread(self._artifacts.of_uri, uri)
            return Artifact(model=model, uri=located.uri, digest=located.digest)
        return await self._ask(lambda client: self._resolve_version(client, model, version, alias))

    async def alias_version(self, model: str, alias: str) -> str | None:
        """See the port."""
        return await self._ask(lambda client: alias_version(client, model, alias))

    async def move_alias(self, model: str, alias: str, version: str, owner: str) -> None:
        """See the port."""
        await self._ask(lambda client: self._move_alias(client, model, alias, version, owner))

    async def record_rollout(self, owner: str, record: RolloutRecord, *, quarantine: Quarantine | None = None) -> None:
        """See the port."""
        await self._ask(lambda client: self._record_rollout(client, owner, record, quarantine))

    @cached_property
    def _client(self) -> Any:
        return connect_impatiently(self._uri)

    async def _ask(self, question: Callable[[Any], T]) -> T:
        def ask() -> T:
            if is_new_registry(self._uri):  # MLflow would create an empty one, and all questions would say "not found"
                raise RegistryUnavailable(
                    f"there is no registry at {self._uri}; train a model first or correct the address"
                )
            with translated(self._uri):
                return question(self._client)

        return await asyncio.get_running_loop().run_in_executor(self._threads, ask)

    def _resolve_version(self, client: Any, model: str, version: str, alias: str) -> Artifact:
        found = self._find(client, model, version, alias)
        location = client.get_model_version_download_uri(model, found.version)
        located = self._locate(model, found.version, location, found.tags.get(DIGEST_TAG, ""))
        return Artifact(model=model, version=str(found.version), uri=located.uri, digest=located.digest)

    def _find(self, client: Any, model: str, version: str, alias: str = "") -> Any:
        try:
            if alias:
                return client.get_model_version_by_alias(model, alias)
            return client.get_model_version(model, version)
        except Exception as error:
            if not not_found(error):
                raise
            what, field = (f'alias "{alias}"', "alias") if alias else (f'version "{version}"', "version")
            raise ModelVersionNotFound(
                f'{what} of model "{model}" is not in the registry at {address(self._uri)}; '
                f"register it or correct spec.model.{field}"
            ) from error

    def _locate(self, model: str, version: str, location: str, digest: str) -> Located:
        try:
            return self._artifacts.of_version(location, digest)
        except ArtifactOutOfReach as error:
            raise ArtifactOutOfReach(
                f'version "{version}" of model "{model}" cannot be served here: {error}'
            ) from error

    def _move_alias(self, client: Any, model: str, alias: str, version: str, owner: str) -> None:
        self._find(client, model, version)
        current = alias_version(client, model, alias)
        tags = client.get_registered_model(model).tags
        refuse_conflict(model, alias, version=version, owner=owner, current=current, tags=tags)
        point_alias(client, model, alias, version=version, owner=owner, current=current)

    def _record_rollout(self, client: Any, owner: str, record: RolloutRecord, quarantine: Quarantine | None) -> None:
        self._find(client, record.model, record.to_version)
        log_rollout(client, self._uri, owner, record, quarantine)
