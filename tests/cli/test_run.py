"""What `serinus run` writes."""

import errno
import io
import sys

import pytest

from serinus.cli.run import print_line


class FullDisk(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_line_that_cannot_be_written_does_not_end_what_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", FullDisk())
    print_line("serving")
