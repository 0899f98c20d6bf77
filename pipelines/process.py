"""The process of one pipeline run: how it is started, and how others see that it is at work."""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from serinus.core.errors import StateLocked

REPOSITORY = Path(__file__).resolve().parent.parent
# One thread a step: two variants train side by side, and numerical libraries that fight for two cores are slower.
STEP_ENVIRONMENT = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "4",  # by default a registry that is down is waited for four minutes
    "MLFLOW_DISABLE_TELEMETRY": "true",  # nothing leaves the machine, and no thread lives where steps are forked
}
REQUEST, RESULT, LOG, LOCK = "request.json", "result.json", "log.txt", "lock"
INTERMEDIATE, CACHE = "kfp", "cache"  # what steps hand on, and which of them are complete
PIPELINE = (sys.executable, "-m", "pipelines.local")
LOOKING_TRIES = 4  # whoever looks holds the lock for a moment


def start_process(
    folder: Path, lock: int, command: tuple[str, ...] = PIPELINE, *, events: "IO[str] | int"
) -> "subprocess.Popen[str]":
    """Start a run's process in a group of its own; it writes step events to `events`, and keeps the lock while it lives."""
    path = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "operator" / "src"), os.environ.get("PYTHONPATH", "")])
    environment = STEP_ENVIRONMENT | os.environ | {"PYTHONPATH": path.rstrip(os.pathsep)}
    with (folder / LOG).open("a") as log:
        return subprocess.Popen(
            [*command, str(folder / REQUEST)], stdout=events, stderr=log, stdin=subprocess.DEVNULL, text=True,
            cwd=folder, env=environment, start_new_session=True, pass_fds=(lock,),
        )  # fmt: skip


@contextmanager
def claimed(folder: Path) -> Iterator[int]:
    """Holds the run's lock, which its process inherits. Raises StateLocked where a process is at work on it."""
    lock = _lock(folder, LOOKING_TRIES)
    if lock is None:
        raise StateLocked(f"run {folder.name} is under way in another process; wait for it to end, or cancel it")
    try:
        yield lock
    finally:
        os.close(lock)


def at_work(folder: Path) -> bool:
    """Whether the run's process lives, or somebody is about to start it."""
    lock = _lock(folder, 1)
    if lock is not None:
        os.close(lock)
    return lock is None


def _lock(folder: Path, tries: int) -> int | None:
    """A descriptor that holds the lock until it, and all copies that processes inherited, are closed."""
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    for left in reversed(range(tries)):
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        if left:
            time.sleep(0.02)
    os.close(lock)
    return None
