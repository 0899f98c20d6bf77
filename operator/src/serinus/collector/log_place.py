"""Where the prediction log lies: a folder, or an address that fsspec knows."""

import contextlib
import os
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from serinus.core.errors import SerinusError
from serinus.core.prediction_log import DAY

FILE_MODE: Final = 0o644


class LogUnwritable(SerinusError):
    """A file of the prediction log cannot be written or removed; its rows wait in the database."""

    retriable = True


class LogPlace:
    """Writes and removes files of the log. A file is replaced whole: readers see the former one or the new one."""

    def __init__(self, root: str) -> None:
        self._root = root.rstrip("/")
        self.shown = _shown(self._root)

    def put(self, deployment: str, day: str, name: str, content: bytes) -> None:
        """Write `<root>/<namespace>/<name>/day=<day>/<file>`. Raises LogUnwritable."""
        with _told(self.shown):
            filesystem, path = self._at(f"{deployment}/{DAY}={day}/{name}")
            if _is_local(filesystem):
                _replace(Path(path), content)
            else:  # an object of a store appears whole
                filesystem.pipe_file(path, content)

    def days(self, deployment: str) -> list[str]:
        """The days that the log has a folder of. Raises LogUnwritable."""
        with _told(self.shown):
            filesystem, path = self._at(deployment)
            filesystem.invalidate_cache()
            if not filesystem.isdir(path):
                return []
            names = [entry.rstrip("/").rpartition("/")[2] for entry in filesystem.ls(path, detail=False)]
            return sorted(name.removeprefix(f"{DAY}=") for name in names if name.startswith(f"{DAY}="))

    def remove(self, deployment: str, day: str) -> None:
        """Remove a whole day; one that is not there is fine. Raises LogUnwritable."""
        with _told(self.shown):
            filesystem, path = self._at(f"{deployment}/{DAY}={day}")
            if filesystem.exists(path):
                filesystem.rm(path, recursive=True)

    def _at(self, path: str) -> tuple[Any, str]:
        from fsspec.core import url_to_fs

        filesystem, place = url_to_fs(f"{self._root}/{path}")
        return filesystem, place


def _is_local(filesystem: Any) -> bool:
    from fsspec.implementations.local import LocalFileSystem

    return isinstance(filesystem, LocalFileSystem)


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.tmp")  # a fixed name: what a crash leaves behind is overwritten
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.chmod(FILE_MODE)
    os.replace(draft, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _shown(root: str) -> str:
    parts = urlsplit(root)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else root


@contextlib.contextmanager
def _told(root: str) -> Any:
    """Whatever a file system or the client of a store raises."""
    try:
        yield
    except Exception as error:  # each file system has errors of its own
        cause = " ".join(str(error).split())[:300] or type(error).__name__
        raise LogUnwritable(
            f"the prediction log {root} cannot be written ({cause}); its rows wait in the database: correct "
            "SERINUS_COLLECTOR_LOG_ROOT, the rights to it or its free space"
        ) from error
