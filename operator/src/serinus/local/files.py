"""Writing files so that a crash or a full disk leaves the former content."""

import contextlib
import os
from pathlib import Path

from serinus.core.errors import StateUnwritable


def atomic_write_text(path: Path, text: str) -> None:
    """Replace `path` by `text` (UTF-8): readers see the former content or the new one, never a part.

    One writer per path at a time. Missing parent folders are made. Raises StateUnwritable.
    """
    # A fixed name, so that what a crash leaves behind is overwritten by the next write.
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_and_sync(temporary, text)
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise StateUnwritable(
            f"cannot write {path}: {error.strerror or error}; free some space or make the folder writable "
            "(what was written before is intact)"
        ) from error


def _write_and_sync(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
