"""The real pipeline in a process that outlives who started it; its coming and going is in the contract of all runners."""

import asyncio
from pathlib import Path

import pytest

from pipelines.run import request_of
from pipelines.runner import LocalRuns
from serinus.adapters.mlflow_client import registry_of
from serinus.core.pipeline_run import RunOutcome, RunPhase
from serinus.training.config import TrainingConfig
from serinus.training.load import load_config
from tests.components.conftest import config, training_file, trips
from tests.local.support.programs import wait_until

__all__ = ["config", "training_file", "trips"]
pytestmark = pytest.mark.xdist_group("train")


def test_a_run_that_failed_goes_on_and_registers_a_version(config: TrainingConfig, training_file: Path) -> None:
    state = training_file.parent / "state"
    runs = LocalRuns(state / "runs")
    missing = registry_of(training_file.parent / "file")
    (training_file.parent / "file").write_text("where a folder should be")
    request = request_of(load_config(training_file), training_file, "mine", registry_uri=missing)
    run = asyncio.run(runs.start(request))
    wait_until(lambda: asyncio.run(runs.look(run)).phase.ended, "the end of the run")
    failed = asyncio.run(LocalRuns(state / "runs").look(run))
    assert failed.phase is RunPhase.FAILED
    assert failed.message.startswith("step gate failed: the registry at sqlite:")
    assert [step.phase for step in failed.steps[:-1]] == [RunPhase.SUCCEEDED] * 6

    (training_file.parent / "file").unlink()
    (training_file.parent / "file").mkdir()
    asyncio.run(runs.retry(run))
    wait_until(lambda: asyncio.run(runs.look(run)).phase.ended, "the end of the run")
    done = asyncio.run(runs.look(run))
    assert (done.phase, [step.name for step in done.steps]) == (RunPhase.SUCCEEDED, ["gate", "register"])
    assert isinstance(done.outcome, RunOutcome)
    assert (done.outcome.version, done.outcome.reason) == ("1", "FirstVersion")
