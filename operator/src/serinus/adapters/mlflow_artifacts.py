"""Where the artifact of a registered version is to be had: on this machine, or at an address that KServe fetches from."""

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

from serinus.adapters.mlflow_client import PROXIED, translated
from serinus.artifact import directory_digest, verify_directory
from serinus.core.errors import ArtifactCorrupted, ArtifactOutOfReach, ModelVersionNotFound

URI_DIGEST: Final = "uri-sha256:"


class Located(NamedTuple):
    """A place that a server can load the model from, and the digest of what is there."""

    uri: str
    digest: str


class Artifacts(Protocol):
    """Makes a place of what the registry says."""

    def of_version(self, location: str, digest: str) -> Located:
        """The artifact of a version that is registered at `location` with `digest` (which may be empty).

        Raises ArtifactCorrupted, ArtifactOutOfReach.
        """
        ...

    def of_uri(self, uri: str) -> Located:
        """The artifact of a model that is given by its address alone. Raises ModelVersionNotFound."""
        ...


@dataclass(frozen=True)
class ArtifactsHere:
    """Folders of this machine. What is elsewhere is fetched from the registry at `registry_uri` into `cache`."""

    registry_uri: str
    cache: Path

    def of_version(self, location: str, digest: str) -> Located:
        """See the protocol; the place is a path."""
        folder = self._folder(location, digest)
        return Located(str(folder), digest or directory_digest(folder))

    def of_uri(self, uri: str) -> Located:
        """See the protocol; the place is a path."""
        folder = path_of(uri)
        if folder is not None and not folder.is_dir():
            raise ModelVersionNotFound(f"there is no model at {uri}; put one there or correct spec.model.uri")
        with translated(uri):
            folder = folder or self._fetch(uri, "")
            return Located(str(folder), directory_digest(folder))

    def _folder(self, location: str, digest: str) -> Path:
        folder = path_of(location)
        if folder is None:
            return self._fetch(location, digest)
        if not folder.is_dir():
            raise ArtifactCorrupted(f"model artifact {folder} is gone; restore it or register a new version")
        return folder

    def _fetch(self, location: str, digest: str) -> Path:
        """Download once, whole or not at all."""
        from mlflow.artifacts import download_artifacts

        folder = self.cache / hashlib.sha256(f"{location} {digest}".encode()).hexdigest()[:32]
        if folder.is_dir():
            return folder
        self.cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".draft-", dir=self.cache) as draft:
            fetched = Path(download_artifacts(artifact_uri=location, dst_path=draft, tracking_uri=self.registry_uri))
            if digest:
                verify_directory(fetched, digest)
            if fetched == Path(draft):
                fetched = Path(shutil.copytree(draft, Path(draft, "copy")))
            _rename_unless_there(fetched, folder)
        return folder


class ArtifactsElsewhere:
    """Addresses for KServe's storage initializers; nothing is fetched, and nothing is seen of the files."""

    def of_version(self, location: str, digest: str) -> Located:
        """See the protocol. Serinus's own storage initializer is told the digest behind a `#`."""
        if path_of(location) is not None:
            raise ArtifactOutOfReach(
                f"the version's files lie in {location}, a folder of the machine that logged them, where no pod can fetch "
                "them; log models to an MLflow server that serves artifacts, or to a store as s3://, and register again"
            )
        if not digest:
            return self.of_uri(location)
        return Located(f"{location}#{digest}" if location.startswith(PROXIED) else location, digest)

    def of_uri(self, uri: str) -> Located:
        """See the protocol. The digest is that of the address: a model that changes under it is not noticed."""
        return Located(uri, URI_DIGEST + hashlib.sha256(uri.encode()).hexdigest())


def path_of(location: str) -> Path | None:
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
