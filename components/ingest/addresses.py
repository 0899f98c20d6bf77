"""Files here or at an address that fsspec knows, and what goes wrong with them in words."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO, TypeGuard, cast
from urllib.parse import urlsplit, urlunsplit

from serinus.core.errors import DataInvalid, SerinusError, TrainingFailed

HTTP = ("http://", "https://")
# Little by little: s3fs would hold 50 MB of a file. And not by gcsfs's own prefetcher, whose reads now and then never end.
READ_AHEAD: dict[str, Any] = {"cache_type": "readahead", "block_size": 1 << 22}
MAGIC = frozenset("*?[")
GONE = (404, 410)
ADDRESS = re.compile(r"https?://[^\s'\"]+")
COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz", ".zip": "zip", ".zst": "zstd"}
# Not OSErrors, yet they say that nobody may read: botocore's, and google-auth's.
CREDENTIAL_ERRORS = ("NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError", "RefreshError")


@dataclass(frozen=True)
class File:
    """One file, as its file system calls it (`path`) and as people are told of it (`address`)."""

    filesystem: Any
    path: str
    address: str

    def stream(self) -> BinaryIO:
        """Its bytes from the first to the last, decompressed where its name says that it is compressed."""
        compression = COMPRESSIONS.get(PurePosixPath(self.address).suffix)
        # From a web server as they come: not every one sends parts of a file.
        options = {"block_size": 0} if self._is_http else READ_AHEAD
        return cast("BinaryIO", self.filesystem.open(self.path, "rb", compression=compression, **options))

    @contextmanager
    def seekable(self) -> Iterator[BinaryIO]:
        """Its bytes in any order; those of a web server by way of the disk."""
        if not self._is_http:
            with self.filesystem.open(self.path, "rb", **READ_AHEAD) as stream:
                yield stream
            return
        with tempfile.NamedTemporaryFile(prefix="serinus-") as copy:
            self.filesystem.get_file(self.path, copy.name)
            yield cast("BinaryIO", copy)

    @property
    def _is_http(self) -> bool:
        return self.path.startswith(HTTP)


def find_files(path: str, kind: str, suffixes: tuple[str, ...]) -> list[File]:
    """The file at `path`, those of a pattern, or those with one of the `suffixes` in a folder and below.

    Raises DataInvalid where there is none, TrainingFailed where nobody can be asked.
    """
    with reading(path, kind):
        filesystem, root = _filesystem(path)
        found = [root] if path.startswith(HTTP) else _paths(filesystem, root, suffixes)
        if not found:
            raise DataInvalid(f"source {shown(path)} has no file of {kind} ({', '.join(suffixes)}); correct source")
        return [File(filesystem, one, _address(filesystem, one)) for one in found]


@contextmanager
def reading(path: str, kind: str) -> Iterator[None]:
    """Say of each error that comes up in the block which source it is about, and what to do."""
    try:
        yield
    except SerinusError:
        raise
    except Exception as error:  # each file system has errors of its own
        cause = None if path.startswith(HTTP) else error  # which names the address with all that opens it
        raise _told(f"source {shown(path)}", kind, error) from cause


def shown(path: str) -> str:
    """`path` without the user, password and signature that an address can carry."""
    if "://" not in path:
        return path
    parts = urlsplit(path)
    query = "" if path.startswith(HTTP) else parts.query
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))


def _filesystem(path: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs

    filesystem, root = url_to_fs(path)
    filesystem.invalidate_cache()  # listings of an earlier run in this process
    return filesystem, root


def _paths(filesystem: Any, root: str, suffixes: tuple[str, ...]) -> list[str]:
    if MAGIC & set(root) and not filesystem.exists(root):
        found = [path for path in sorted(filesystem.glob(root)) if not _hidden(PurePosixPath(path).name)]
        return [path for one in found for path in _below(filesystem, one, suffixes)]
    return _below(filesystem, root, suffixes)


def _below(filesystem: Any, root: str, suffixes: tuple[str, ...]) -> list[str]:
    if filesystem.info(root)["type"] != "directory":
        return [root]
    return [
        path
        for path in sorted(filesystem.find(root))
        if path.endswith(suffixes) and not _hidden(path.removeprefix(root))
    ]


def _hidden(path: str) -> bool:
    """Whether `path` is what writers keep beside their data: `_temporary`, `.crc` and the like."""
    return any(part.startswith(("_", ".")) for part in path.split("/"))


def _address(filesystem: Any, path: str) -> str:
    return shown(str(filesystem.unstrip_protocol(path)).removeprefix("file://"))


def _is_no_answer(cause: BaseException | None) -> TypeGuard[BaseException]:
    """Whether fsspec calls a file missing because the web server refused it, or could not be asked."""
    return type(cause).__module__.startswith("aiohttp") and getattr(cause, "status", None) not in GONE


def _told(place: str, kind: str, error: BaseException) -> SerinusError:
    """What went wrong at `place`, and what to do."""
    if isinstance(error, FileNotFoundError):
        if _is_no_answer(error.__cause__):
            return _told(place, kind, error.__cause__)
        return DataInvalid(f"{place} is not readable as {kind} (no such file); correct source")
    cause = _cause(error)
    if isinstance(error, PermissionError):
        return TrainingFailed(f"{place} may not be read ({cause}); give the step credentials that may read it")
    if type(error).__name__ in CREDENTIAL_ERRORS:
        return TrainingFailed(
            f"{place} cannot be read without credentials ({cause}); set them in the step's environment"
        )
    if isinstance(error, ValueError):  # pyarrow's are
        return DataInvalid(f"{place} is not readable as {kind} ({cause}); correct source")
    return TrainingFailed(f"{place} cannot be read ({cause}); correct source, or run again when it answers")


def _cause(error: BaseException) -> str:
    text = " ".join(ADDRESS.sub(lambda found: shown(found[0]), str(error)).split())[:300]
    return text or type(error).__name__
