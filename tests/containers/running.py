"""A program that stays up in a container, and is asked from inside it: it has no network but its own."""

import json
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.images import reference
from scripts import containers

REQUEST = """
import sys, urllib.error, urllib.request
address, body = sys.argv[1], sys.argv[2].encode() or None
request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
try:
    with urllib.request.urlopen(request, timeout=20) as answer:
        print(answer.status, answer.read().decode())
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
except OSError as error:
    print(0, error)
"""


@dataclass(frozen=True)
class Running:
    """A container that was started."""

    identity: str

    def ask(self, address: str, body: Any = None) -> tuple[int, str]:
        """(status, text) of an HTTP answer; status 0 where nothing answers."""
        text = "" if body is None else json.dumps(body)
        command = [containers.runner(), "exec", self.identity, "python", "-c", REQUEST, address, text]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{done.stderr}\n{self.log()}"
        status, _, rest = done.stdout.partition(" ")
        return int(status), rest.strip()

    def until_answers(self, address: str, seconds: float = 60) -> str:
        """What is answered with status 200, once it is."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            status, text = self.ask(address)
            if status == 200:
                return text
        return pytest.fail(f"{address} did not answer within {seconds:g} s, at last {status}: {text}\n{self.log()}")

    def until_says(self, words: str, seconds: float = 60) -> None:
        """Return once the words are in its log."""
        deadline = time.monotonic() + seconds
        while words not in self.log():
            assert time.monotonic() < deadline, f"{words!r} was not said within {seconds:g} s\n{self.log()}"

    def log(self) -> str:
        done = subprocess.run([containers.runner(), "logs", self.identity], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        subprocess.run([containers.runner(), "stop", "--time=30", self.identity], capture_output=True, check=True)
        code = subprocess.run(
            [containers.runner(), "inspect", "--format={{.State.ExitCode}}", self.identity],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return int(code.stdout)


@contextmanager
def started(image: str, arguments: Sequence[str], volumes: Mapping[Path, str]) -> Iterator[Running]:
    """A container of `image` that runs until the block is left."""
    command = containers.command_for(reference(image), arguments, volumes=volumes, options=["--detach"], keep=True)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    running = Running(done.stdout.strip())
    try:
        yield running
    finally:
        subprocess.run([containers.runner(), "rm", "--force", running.identity], capture_output=True, check=False)
