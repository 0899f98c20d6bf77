"""Content digests of model artifacts: what was registered is what is served."""

import hashlib
from pathlib import Path

from serinus.core.errors import ArtifactCorrupted

# MLflow writes it into the artifact's folder whenever somebody loads a version by its name.
WRITTEN_BY_READERS = "registered_model_meta"


def file_digest(path: Path) -> str:
    """`sha256:<hex>` of one file."""
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def file_digests(directory: Path) -> dict[str, str]:
    """The digest of every file below `directory`, by its relative path, sorted by path.

    Symbolic links are followed. The file that MLflow adds when it reads a version is left out.
    """
    files = sorted(path for path in directory.rglob("*") if path.is_file() and path != directory / WRITTEN_BY_READERS)
    return {path.relative_to(directory).as_posix(): file_digest(path) for path in files}


def directory_digest(directory: Path) -> str:
    """`sha256:<hex>` over the lines of `file_digests`: independent of timestamps, permissions and the file system's order."""
    lines = [f"{path} {digest}\n" for path, digest in file_digests(directory).items()]
    return "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()


def verify_directory(directory: Path, expected: str) -> None:
    """Raise ArtifactCorrupted unless `directory` has the digest `expected`."""
    if not directory.is_dir():
        raise ArtifactCorrupted(f"model artifact {directory} is not a directory; register the version again")
    actual = directory_digest(directory)
    if actual != expected:
        raise ArtifactCorrupted(
            f"model artifact {directory} has digest {actual}, but {expected} was registered: "
            "its files were changed or damaged; restore them or register a new version"
        )
