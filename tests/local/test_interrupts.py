"""Ctrl-C and SIGTERM in every phase: the children are gone, the state is kept, and the same command goes on."""

import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from serinus.core.state import Outcome, Phase
from serinus.local.folder import StateFolder
from tests.components.conftest import TRAINING, make_trips
from tests.local.support.clients import clients
from tests.local.support.deployment import Deployment
from tests.local.support.models import BETTER, GOOD, REFUSING
from tests.local.support.programs import COMMAND, Runtime, program_environment, serinus, wait_until

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("interrupts")]

STEPS = "[{weight: 20, hold: 1s, minRequests: 10}, {pause: {}}, {weight: 60, hold: 1s}]"
INTERRUPTED = 130


def interrupt_in(runtime: Runtime, phase: Phase, number: signal.Signals) -> None:
    """Stop it as soon as it is in the phase, look at what is left, and start it again."""
    runtime.wait_for(lambda state: state.phase is phase, f"phase {phase}")
    assert runtime.end(number) == INTERRUPTED, runtime.said()
    assert not runtime.children()
    assert runtime.state() is not None
    assert runtime.said().rstrip().endswith("stopped; the state is kept, the same command goes on from here")
    runtime.start()


def test_interrupted_in_every_phase_it_promotes_the_good_and_keeps_the_rejected_out(
    runtime: Runtime, deployment: Deployment
) -> None:
    deployment.steps = STEPS
    deployment.ask_for(GOOD)
    runtime.start()
    interrupt_in(runtime, Phase.PENDING, signal.SIGINT)
    runtime.wait_for(lambda state: state.phase is Phase.STABLE, "the first version serves")
    with clients(runtime.port):
        deployment.ask_for(BETTER)
        interrupt_in(runtime, Phase.DEPLOYING, signal.SIGTERM)
        interrupt_in(runtime, Phase.PROGRESSING, signal.SIGINT)
        interrupt_in(runtime, Phase.PAUSED, signal.SIGTERM)
        resume(runtime)
        interrupt_in(runtime, Phase.PROMOTING, signal.SIGINT)
        assert runtime.finished(BETTER).outcome is Outcome.PROMOTED
        assert len(runtime.records()) == 1
        interrupt_in(runtime, Phase.STABLE, signal.SIGTERM)
        runtime.wait_for(lambda _: serves_again(runtime), "the promoted version serves")
        assert versions(runtime) == [BETTER]
        deployment.ask_for(REFUSING)
        interrupt_in(runtime, Phase.ROLLING_BACK, signal.SIGINT)
        assert runtime.finished(REFUSING).outcome is Outcome.ROLLED_BACK
        interrupt_in(runtime, Phase.ROLLED_BACK, signal.SIGTERM)
        state = runtime.wait_for(lambda _: serves_again(runtime), "the promoted version serves again")
    assert (state.phase, state.rollouts_started) == (Phase.ROLLED_BACK, 2)
    assert versions(runtime) == [BETTER]
    assert runtime.end() == INTERRUPTED


def resume(runtime: Runtime) -> None:
    paused = runtime.wait_for(lambda state: state.phase is Phase.PAUSED, "it is paused still")
    assert paused.rollout is not None
    assert paused.rollout.weight == 20
    wait_until(StateFolder(runtime.state_dir).is_worked_on, "the next run has taken over")
    done = serinus("resume", "trips", "--state-dir", runtime.state_dir, cwd=runtime.file.parent)
    assert done.code == 0, done.said


def versions(runtime: Runtime) -> list[str]:
    """The versions of the revisions that it remembers to run."""
    return [revision["revision"]["artifact"]["version"] for revision in runtime.running()]


def serves_again(runtime: Runtime) -> bool:
    """Whether the gateway and one predictor run, and nothing else runs or is remembered to."""
    pids = {process.pid for process in runtime.children()}
    return len(runtime.running()) == 1 and len(pids) == 2 and pids == runtime.known_pids()


def test_interrupted_training_leaves_no_process_and_the_same_command_trains(
    tmp_path: Path,
) -> None:
    make_trips().to_csv(tmp_path / "trips.csv", index=False)
    (tmp_path / "training.yaml").write_text(TRAINING)
    command = ("train", "-f", "training.yaml", "--state-dir", str(tmp_path / "state"))
    training = subprocess.Popen(
        [*COMMAND, *command], cwd=tmp_path, env=program_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert training.stderr is not None
    first_step = training.stderr.readline()
    assert first_step.startswith("ingest: ")
    started = psutil.Process(training.pid).children(recursive=True)
    assert started
    os.kill(training.pid, signal.SIGINT)
    _, errors = training.communicate(timeout=60)
    assert training.returncode == INTERRUPTED
    assert "Traceback" not in errors
    wait_until(lambda: not any(map(_lives, started)), "the steps are gone", seconds=10)
    done = serinus(*command, cwd=tmp_path)
    assert done.code == 0, done.said
    assert done.out.startswith("registered version 1: ")


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
