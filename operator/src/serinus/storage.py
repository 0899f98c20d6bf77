"""The storage initializer: `python -m serinus.storage URI FOLDER` fetches a model from MLflow before a predictor starts.

KServe runs it as an init container of the predictor's pod (the chart's ClusterStorageContainer). The server is named by
MLFLOW_TRACKING_URI, credentials by MLflow's own variables. A digest behind the URI, `...#sha256:<hex>`, is verified.
"""

import argparse
import errno
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import urlsplit

from serinus.adapters.mlflow_client import address, connect, not_found, translated
from serinus.artifact import directory_digest
from serinus.core.errors import ArtifactCorrupted, ModelVersionNotFound, RegistryUnavailable, SerinusError

DESCRIPTION = """Fetch one model directory from MLflow: whole and verified, or not at all.

exit codes: 0 the folder holds the model; 2 wrong arguments, or MLFLOW_TRACKING_URI is not set; 3 the digest is not the one
that was asked for; 4 there is no such model; 5 the registry did not answer, or failed; 6 the folder cannot be written
(a full disk, no permission); 7 the registry refuses the credentials."""
# MLflow tries again by itself; in all, about a minute of a registry that is away. Then the kubelet begins anew.
PATIENT: Final = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "5",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}
DRAFT: Final = ".draft-"
# MLflow tells of files that failed by a text that holds those of the errors.
REFUSED: Final = re.compile(r"\b40[13] (Client Error|!= 200)|PERMISSION_DENIED|UNAUTHENTICATED")
MISSING: Final = re.compile(r"\b404 (Client Error|!= 200)|RESOURCE_DOES_NOT_EXIST")
NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


class FolderUnwritable(SerinusError):
    """The model cannot be written where it should be."""


class AccessRefused(SerinusError):
    """The registry does not hand the artifact to whoever asks."""


EXIT_CODES: Final[dict[type[SerinusError], int]] = {
    ArtifactCorrupted: 3,
    ModelVersionNotFound: 4,
    RegistryUnavailable: 5,
    FolderUnwritable: 6,
    AccessRefused: 7,
}


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Fetch what the command line names; ends the process with a documented exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m serinus.storage",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "uri", help="mlflow-artifacts:/..., models:/... or runs:/..., with #sha256:<hex> where it is known"
    )
    parser.add_argument("folder", type=Path, help="where the model is to be")
    given = parser.parse_args(arguments)
    registry = os.environ.get("MLFLOW_TRACKING_URI", "")
    if not registry.startswith(("http://", "https://")):
        parser.error(
            f'MLFLOW_TRACKING_URI is "{registry}"; set it to the address of the MLflow server, as http://mlflow:5000'
        )
    uri, _, digest = given.uri.partition("#")
    if (host := urlsplit(uri).netloc) not in ("", urlsplit(address(registry)).netloc):
        parser.error(
            f"{uri} is on {host}, which must not see the credentials for {address(registry)}; leave the host out"
        )
    try:
        fetch(registry, uri, given.folder, digest)
    except SerinusError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(EXIT_CODES[type(error)])
    sys.stdout.write(f"{uri} is in {given.folder}, {f'verified: {digest}' if digest else 'verified by nobody'}\n")
    sys.exit(0)


def fetch(registry: str, uri: str, folder: Path, digest: str = "") -> None:
    """Put the model at `uri` into `folder`, which may be there already; nothing is there unless all of it is.

    Raises ArtifactCorrupted, ModelVersionNotFound, RegistryUnavailable, FolderUnwritable, AccessRefused.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_drafts(folder)  # of a container that was killed
        # In the folder, because a rename must not leave the file system; and nothing else needs to be writable.
        with tempfile.TemporaryDirectory(prefix=DRAFT, dir=folder) as draft:
            tempfile.tempdir = draft
            fetched = _downloaded(registry, uri, Path(draft, "model"))
            if digest and (actual := directory_digest(fetched)) != digest:
                raise ArtifactCorrupted(
                    f"the model at {uri} has digest {actual}, but {digest} was registered: its files were changed or "
                    "damaged; restore them or register a new version"
                )
            _move(fetched, folder)
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        tempfile.tempdir = None


def _downloaded(registry: str, uri: str, draft: Path) -> Path:
    """The folder into which MLflow has downloaded it."""
    for name, value in PATIENT.items():
        os.environ.setdefault(name, value)
    connect(registry)
    import mlflow
    from mlflow.artifacts import download_artifacts

    mlflow.set_tracking_uri(registry)  # models:/ asks the process's own
    try:
        with translated(registry):
            found = Path(download_artifacts(uri, dst_path=str(draft), tracking_uri=registry, registry_uri=registry))
    except RegistryUnavailable as error:
        raise _explained(registry, uri, draft, error) from error
    if not found.is_dir() or not any(found.iterdir()):
        raise _missing(registry, uri)
    return found


def _explained(registry: str, uri: str, draft: Path, error: RegistryUnavailable) -> SerinusError:
    """What the trouble with a download really is: of all of them MLflow makes one class."""
    cause = error.__cause__
    text = str(cause)
    for number in NO_ROOM:
        if (isinstance(cause, OSError) and cause.errno == number) or f"[Errno {number}]" in text:
            return _unwritable(draft.parent.parent, OSError(number, os.strerror(number)))
    if REFUSED.search(text):
        return AccessRefused(
            f"the registry at {address(registry)} refuses to hand out {uri}; give the storage initializer "
            "credentials (storageInitializer.env in the chart), and the user the right to read the model"
        )
    if (isinstance(cause, Exception) and not_found(cause)) or MISSING.search(text):
        return _missing(registry, uri)
    return error


def _missing(registry: str, uri: str) -> ModelVersionNotFound:
    return ModelVersionNotFound(
        f"there is no model at {uri} in the registry at {address(registry)}; register the version again, or name another"
    )


def _unwritable(folder: Path, error: OSError) -> FolderUnwritable:
    return FolderUnwritable(
        f"the model cannot be written to {folder}: {error.strerror or error}; "
        "give the pod more ephemeral storage, or its user the right to write there"
    )


def _move(source: Path, target: Path) -> None:
    """Move what is in one folder into another, MLmodel last: without it nothing is taken for a model."""
    for path in sorted(source.iterdir(), key=lambda path: path.name == "MLmodel"):
        there = target / path.name
        if there.is_dir():
            shutil.rmtree(there)
        os.replace(path, there)


def _remove_drafts(folder: Path) -> None:
    for left in folder.glob(f"{DRAFT}*"):
        shutil.rmtree(left)


if __name__ == "__main__":
    main()
