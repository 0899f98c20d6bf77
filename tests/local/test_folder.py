"""Who holds a state folder."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from serinus.core.errors import StateLocked
from serinus.local.folder import StateFolder
from tests.local.support.programs import program_environment

HOLDER = """
import sys
from pathlib import Path
from serinus.local.folder import StateFolder
with StateFolder(Path(sys.argv[1])).locked():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_that_was_never_held_is_not_worked_on_and_looking_leaves_nothing(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "state")
    assert not folder.is_worked_on()
    assert not folder.root.exists()


def test_a_folder_is_worked_on_while_it_is_held_and_looking_does_not_take_it(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    with folder.locked():
        assert StateFolder(tmp_path).is_worked_on()
        with pytest.raises(StateLocked, match=f"pid {os.getpid()}"), StateFolder(tmp_path).locked():
            pass
    assert not folder.is_worked_on()
    with folder.locked():
        pass


def test_a_folder_is_worked_on_until_the_process_that_holds_it_is_killed(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=program_environment(),
    )  # fmt: skip
    try:
        assert holder.stdout
        assert holder.stdout.readline().strip() == b"held"
        assert folder.is_worked_on()
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    assert not folder.is_worked_on()
