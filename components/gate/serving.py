"""The real predictor on the candidate: a process of its own on a free loopback port, ended when the block is left."""

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serinus.core.errors import PortInUse

START_SECONDS = 120.0
POLL_SECONDS = 0.05
STOP_SECONDS = 5.0
PORT_IN_USE = 5  # the predictor's exit code
LOG_CHARACTERS = 600


@dataclass(frozen=True)
class Serving:
    """A predictor that answers. `url` takes V1 prediction requests."""

    url: str


@dataclass(frozen=True)
class NotServing:
    """The predictor did not come up; the message says why, with the end of its log."""

    message: str


@contextmanager
def served(folder: Path, model: str) -> Iterator[Serving | NotServing]:
    """Serve the MLflow model in `folder` while the block lasts. Raises PortInUse."""
    port = _free_port()
    with tempfile.TemporaryFile("w+") as log:
        process = _start(folder, model, port, log)
        try:
            yield _ready(process, f"http://127.0.0.1:{port}", model, log)
        finally:
            _stop(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(folder: Path, model: str, port: int, log: Any) -> "subprocess.Popen[str]":
    options = {"--model-dir": folder, "--model-name": model, "--deployment": "gate", "--revision": "candidate"}
    arguments = [str(word) for pair in (options | {"--port": port, "--grace-seconds": 1}).items() for word in pair]
    command = [sys.executable, "-m", "serinus.predictor", *arguments]
    # In our process group: whoever ends the whole step ends the predictor with it.
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, text=True)


def _ready(process: "subprocess.Popen[str]", base: str, model: str, log: Any) -> Serving | NotServing:
    import httpx

    deadline = time.monotonic() + START_SECONDS
    with httpx.Client(trust_env=False, timeout=STOP_SECONDS) as client:
        while time.monotonic() < deadline:
            if process.poll() == PORT_IN_USE:  # says nothing of the candidate
                raise PortInUse(f"another process took the port of the predictor at {base}; run the step again")
            if process.poll() is not None:
                return NotServing(f"the predictor ended with exit code {process.returncode}: {_end_of(log)}")
            try:
                if client.get(f"{base}/v2/health/ready").status_code == httpx.codes.OK:
                    return Serving(f"{base}/v1/models/{model}:predict")
            except httpx.TransportError:
                pass  # it does not listen yet
            time.sleep(POLL_SECONDS)
    return NotServing(f"the predictor was not ready after {START_SECONDS:.0f} s: {_end_of(log)}")


def _stop(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _end_of(log: Any) -> str:
    log.seek(0)
    return " ".join(log.read().split())[-LOG_CHARACTERS:] or "its log is empty"
