"""The model registry port over MLflow (a SQLite file or a server)."""

import asyncio
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from serinus.adapters.mlflow_client import (
    DIGEST_TAG,
    OWNER_TAG,
    PROMOTED_TAG,
    address,
    connect_impatiently,
    is_new_registry,
    not_found,
    translated,
)
from serinus.adapters.mlflow_rollouts import log_rollout
from serinus.artifact import directory_digest, verify_directory
from serinus.core.errors import AliasConflict, ArtifactCorrupted, ModelVersionNotFound, RegistryUnavailable
from serinus.core.revision import Artifact
from serinus.core.state import RolloutRecord

T = TypeVar("T")


class MlflowRegistry:
    """Implements `serinus.ports.ModelRegistry`. Artifacts that are not on this machine are fetched into `cache`."""

    def __init__(self, uri: str, cache: Path) -> None:
        self._uri = uri
        self._cache = cache

    async def resolve(self, model: str, *, version: str = "", alias: str = "", uri: str = "") -> Artifact:
        """See the port. The artifact's uri is a path on this machine."""
        if sum(map(bool, (version, alias, uri))) != 1:
            raise ValueError("exactly one of version, alias and uri names an artifact")
        if uri:
            return await asyncio.to_thread(self._resolve_uri, model, uri)
        return await self._ask(lambda client: self._resolve_version(client, model, version, alias))

    async def alias_version(self, model: str, alias: str) -> str | None:
        """See the port."""
        return await self._ask(lambda client: _alias_version(client, model, alias))

    async def move_alias(self, model: str, alias: str, version: str, owner: str) -> None:
        """See the port."""
        await self._ask(lambda client: self._move_alias(client, model, alias, version, owner))

    async def record_rollout(self, owner: str, record: RolloutRecord) -> None:
        """See the port."""
        await self._ask(lambda client: self._record_rollout(client, owner, record))

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

        return await asyncio.to_thread(ask)

    def _resolve_version(self, client: Any, model: str, version: str, alias: str) -> Artifact:
        found = self._find(client, model, version, alias)
        location = client.get_model_version_download_uri(model, found.version)
        digest = found.tags.get(DIGEST_TAG, "")
        folder = self._local(location, digest)
        return Artifact(
            model=model, version=str(found.version), uri=str(folder), digest=digest or directory_digest(folder)
        )

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

    def _resolve_uri(self, model: str, uri: str) -> Artifact:
        folder = _path(uri)
        if folder is not None and not folder.is_dir():
            raise ModelVersionNotFound(f"there is no model at {uri}; put one there or correct spec.model.uri")
        with translated(uri):
            folder = folder or self._local(uri, "")
            return Artifact(model=model, uri=str(folder), digest=directory_digest(folder))

    def _local(self, location: str, digest: str) -> Path:
        """The artifact's folder on this machine. Raises ArtifactCorrupted where it is gone or damaged on the way."""
        folder = _path(location)
        if folder is None:
            return self._fetch(location, digest)
        if not folder.is_dir():
            raise ArtifactCorrupted(f"model artifact {folder} is gone; restore it or register a new version")
        return folder

    def _fetch(self, location: str, digest: str) -> Path:
        """Download once, whole or not at all."""
        from mlflow.artifacts import download_artifacts

        folder = self._cache / hashlib.sha256(f"{location} {digest}".encode()).hexdigest()[:32]
        if folder.is_dir():
            return folder
        self._cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".draft-", dir=self._cache) as draft:
            fetched = Path(download_artifacts(artifact_uri=location, dst_path=draft, tracking_uri=self._uri))
            if digest:
                verify_directory(fetched, digest)
            if fetched == Path(draft):
                fetched = Path(shutil.copytree(draft, Path(draft, "copy")))
            _rename_unless_there(fetched, folder)
        return folder

    def _move_alias(self, client: Any, model: str, alias: str, version: str, owner: str) -> None:
        self._find(client, model, version)
        current = _alias_version(client, model, alias)
        tags = client.get_registered_model(model).tags
        _refuse_conflict(model, alias, version=version, owner=owner, current=current, tags=tags)
        # Alias before the promoted tag: cut off in between, the same call finds the alias where it wants it.
        client.set_registered_model_tag(model, OWNER_TAG + alias, owner)
        if current != version:
            client.set_registered_model_alias(model, alias, version)
        client.set_registered_model_tag(model, PROMOTED_TAG + alias, version)

    def _record_rollout(self, client: Any, owner: str, record: RolloutRecord) -> None:
        self._find(client, record.model, record.to_version)
        log_rollout(client, self._uri, owner, record)


def _alias_version(client: Any, model: str, alias: str) -> str | None:
    try:
        return str(client.get_model_version_by_alias(model, alias).version)
    except Exception as error:
        if not_found(error):
            return None
        raise


def _refuse_conflict(
    model: str, alias: str, *, version: str, owner: str, current: str | None, tags: dict[str, str]
) -> None:
    """Raise AliasConflict unless the alias is free, is ours where we left it, or is where we want it."""
    holder, promoted = tags.get(OWNER_TAG + alias), tags.get(PROMOTED_TAG + alias)
    name = f'alias "{alias}" of model "{model}"'
    if holder is not None and holder != owner:
        raise AliasConflict(
            f"{name} belongs to {holder}, so {owner} does not move it to version {version}; "
            f"choose another promoteAlias, or delete the tag {OWNER_TAG}{alias} to hand it over"
        )
    if current not in (None, version, promoted):
        raise AliasConflict(
            f"{name} was pointed at version {current} by a person, so {owner} does not move it to version {version}; "
            f"delete the alias to hand it over, or point it at {promoted or version}"
        )


def _path(location: str) -> Path | None:
    """The local path that a location names, or None for one elsewhere."""
    parts = urlsplit(location)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    return Path(location) if not parts.scheme else None


def _rename_unless_there(source: Path, target: Path) -> None:
    try:
        os.rename(source, target)
    except OSError:
        if not target.is_dir():  # otherwise another process fetched it first
            raise
