"""The last snapshot of a model that kept the rules, remembered beside the snapshots."""

import os
import uuid
from datetime import datetime
from typing import Any

from pydantic import Field

from serinus.core.errors import StateUnreadable, StateUnwritable
from serinus.core.model import Frozen

FOLDER = "latest"


class LastGood(Frozen):
    """A snapshot that kept the rules: its digest, the rows of its window before sampling, and when it was checked."""

    digest: str
    rows: int = Field(ge=1)
    time: datetime

    @property
    def named(self) -> str:
        """It, in a sentence."""
        return f"the last good snapshot ({self.digest[:15]}, {self.time:%Y-%m-%d %H:%M})"


def read_last(snapshot_root: str, model: str) -> LastGood | None:
    """The last good snapshot of `model`, None where there is none or no `snapshot_root`. Raises StateUnreadable."""
    if not snapshot_root:
        return None
    address = _address(snapshot_root, f"{model}.json")
    try:
        files, path = _place(address)
        return LastGood.model_validate_json(files.cat_file(path))
    except FileNotFoundError:
        return None
    except Exception as error:  # each of fsspec's stores has errors of its own
        raise StateUnreadable(
            f"the last good snapshot of {model} cannot be read from {address} ({_cause(error)}); "
            "give the step access, or remove the file"
        ) from error


def write_last(snapshot_root: str, model: str, last: LastGood) -> None:
    """Remember `last`; nothing without a `snapshot_root`. Raises StateUnwritable."""
    write_whole(snapshot_root, f"{model}.json", last.model_dump_json(by_alias=True, indent=2))


def write_whole(snapshot_root: str, name: str, text: str) -> str:
    """Write `latest/<name>` under `snapshot_root` whole or not at all; returns its address, empty without a root.

    Raises StateUnwritable; what was there before is still there.
    """
    if not snapshot_root:
        return ""
    from fsspec.implementations.local import LocalFileSystem

    address = _address(snapshot_root, name)
    try:
        files, path = _place(address)
        if isinstance(files, LocalFileSystem):
            _replace(path, text)
        else:
            files.pipe_file(path, text.encode())  # an object store shows an object once it is whole
    except Exception as error:  # each of fsspec's stores has errors of its own
        raise StateUnwritable(
            f"{address} cannot be written ({_cause(error)}); give the step access and room"
        ) from error
    return address


def _replace(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    draft = f"{path}.draft-{uuid.uuid4().hex[:8]}"
    try:
        with open(draft, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(draft, path)
    except OSError:
        if os.path.exists(draft):
            os.remove(draft)
        raise


def _address(snapshot_root: str, name: str) -> str:
    return f"{snapshot_root.rstrip('/')}/{FOLDER}/{name}"


def _place(address: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs

    files, path = url_to_fs(address)
    return files, path


def _cause(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
