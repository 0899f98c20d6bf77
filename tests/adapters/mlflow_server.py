"""A real MLflow server as a process of its own, on SQLite, that hands out artifacts itself."""

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

QUIET = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}


@dataclass(frozen=True)
class MlflowServer:
    """`group`: its process group."""

    url: str
    group: int

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """While the block lasts, it takes connections and answers nothing."""
        os.killpg(self.group, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self.group, signal.SIGCONT)


@contextmanager
def mlflow_server(
    folder: Path, host: str, port: int, *, prefix: Sequence[str] = (), seen_at: str = ""
) -> Iterator[MlflowServer]:
    """Runs while the block lasts; its address is `seen_at` where it is seen from elsewhere.

    `prefix`: a command that runs another one, as in another network namespace, with the same pid.
    """
    command = [*prefix, sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "a")]
    url = seen_at or f"http://{host}:{port}"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=os.environ | QUIET, stdout=log, stderr=log, start_new_session=True
        )
        try:
            _wait_until(lambda: _answers(f"{url}/health"), seconds=90)
            yield MlflowServer(url, process.pid)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _wait_until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "the server did not come up"
        pause.wait(0.1)
