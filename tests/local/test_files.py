import errno
import os
from pathlib import Path

import pytest

from serinus.core.errors import StateUnwritable
from serinus.local.files import atomic_write_text


def test_a_write_replaces_the_content_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "state.json"
    atomic_write_text(path, "one")
    atomic_write_text(path, "zwei ü")
    assert path.read_text(encoding="utf-8") == "zwei ü"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_former_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "state.json"
    atomic_write_text(path, "former")
    monkeypatch.setattr(os, call, full)
    with pytest.raises(StateUnwritable, match=r"state.json: No space left on device; free some space"):
        atomic_write_text(path, "new")
    assert path.read_text() == "former"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_a_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateUnwritable, match="cannot write"):
        atomic_write_text(tmp_path / "file" / "state.json", "new")
