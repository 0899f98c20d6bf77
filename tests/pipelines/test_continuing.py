"""A run whose step is killed goes on from what is complete."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from pipelines.run import run_training
from serinus.adapters.mlflow_client import registry_of
from serinus.core.errors import TrainingFailed
from tests.components.conftest import config, training_file, trips
from tests.local.support.programs import Finished, serinus

__all__ = ["config", "training_file", "trips"]
pytestmark = [pytest.mark.xdist_group("train"), pytest.mark.long]


class SilentRegistry:
    """Takes a connection and says nothing, so that the step that asks it is where it can be killed."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"

    def kill_who_asks(self) -> str:
        """Kill the process at the other end with SIGKILL; returns what it was."""
        connection, (_, port) = self._listening.accept()
        with connection:
            (asking,) = [child for child in psutil.Process().children(recursive=True) if _speaks_from(child, port)]
            parent = asking.parent()
            asking.kill()
        return " ".join(parent.cmdline() if parent else [])


def _speaks_from(process: psutil.Process, port: int) -> bool:
    return any(one.laddr.port == port for one in process.connections("tcp"))


@contextmanager
def silent_registry() -> Iterator[SilentRegistry]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(60)
        yield SilentRegistry(listening)


def children() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


def test_a_killed_step_ends_the_run_and_a_rerun_does_only_what_is_left(training_file: Path) -> None:
    state = training_file.parent / "state"
    said: list[str] = []
    others: list[Finished] = []
    with silent_registry() as registry:

        def progress(line: str) -> None:
            said.append(line)
            if line.startswith("evaluate:"):
                others.append(
                    serinus("train", "-f", training_file, "--state-dir", state, "--run-id", "killed", cwd=state)
                )
                assert "forkserver" in registry.kill_who_asks(), "it is a step, not the pipeline's process"

        with pytest.raises(TrainingFailed, match=r"step gate was killed .*log.txt") as caught:
            run_training(training_file, work_dir=state, registry_uri=registry.url, progress=progress, run_id="killed")
    assert any("--run-id killed" in note for note in caught.value.__notes__)
    assert {line.split(":")[0] for line in said} == {
        "ingest",
        "validate",
        "split",
        "train linear",
        "train trees",
        "evaluate",
    }
    assert [one.code for one in others] == [3], "two processes never work on one run"
    assert "run killed is under way in another process" in others[0].err
    (training_file.parent / "trips.csv").unlink()  # nothing asks for it again

    again: list[str] = []
    outcome = run_training(
        training_file, work_dir=state, registry_uri=registry_of(state), progress=again.append, run_id="killed"
    )
    assert again[0] == "run killed goes on: 6 steps are complete"
    assert [line.split(":")[0] for line in again[1:]] == ["gate", "register"]
    assert (outcome.outcome, outcome.version) == ("registered", "1")
    assert sorted(path.name for path in (state / "runs" / "killed").iterdir()) == [
        "lock", "log.txt", "request.json", "result.json",
    ]  # fmt: skip


def test_nothing_of_a_run_is_left_when_its_process_is_interrupted(training_file: Path) -> None:
    state = training_file.parent / "state"
    before = children()

    def progress(line: str) -> None:
        if line.startswith("split:"):
            assert children() != before
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run_training(
            training_file, work_dir=state, registry_uri=registry_of(state), progress=progress, run_id="stopped"
        )
    assert children() == before
    assert not (state / "runs" / "stopped" / "result.json").exists()
