"""What every pipeline runner does: a key is one run, a run is told as it is, and an end is an end."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

from pipelines.compile import COMPILED
from pipelines.runner import EVENTS, PID, LocalRuns
from serinus.adapters import kfp_runs
from serinus.adapters.kfp_auth import settings_from
from serinus.adapters.kfp_client import KfpClient
from serinus.adapters.kfp_runs import KfpRuns
from serinus.core.errors import PipelineRunNotFound, PipelinesRefused, PipelinesUnavailable
from serinus.core.pipeline_run import PipelineRun, RunOutcome, RunPhase, RunRequest, StepRun
from serinus.ports import PipelineRunner
from serinus.training.values import GateDecision
from tests.fakes.pipelines import FakeRuns
from tests.local.support.programs import wait_until
from tests.pipelines.kfp_api_server import KfpServer, kfp_server, task

T = TypeVar("T")
STARTED, ENDED = "2026-01-01T00:00:00Z", "2026-01-01T00:00:07Z"
DECISION = GateDecision(better=True, variant="linear", reason="FirstVersion", message="the first", metrics={})
OUTCOME = RunOutcome("3", "FirstVersion", "the first")


def answer(question: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(question)


def request(key: str = "trips-1") -> RunRequest:
    return RunRequest(
        key, "trips", json.dumps({"model": "trips"}), ("linear", "trees"), "http://registry", git_sha="abc"
    )


class World(Protocol):
    """A runner, and what happens to its runs. Steps are ingest, split and train."""

    runner: PipelineRunner

    def again(self) -> PipelineRunner:
        """The runner as another process has it."""
        ...

    def started(self) -> list[dict[str, Any]]:
        """The arguments of every run that was started."""
        ...

    def begin(self, run: str, step: str) -> None: ...

    def finish(self, run: str, step: str) -> None: ...

    def fail(self, run: str, step: str, message: str) -> None:
        """The step fails, and with it the run."""
        ...

    def succeed(self, run: str) -> None:
        """The run ends, and has registered version 3."""
        ...


class FakeWorld:
    def __init__(self) -> None:
        self.runner = FakeRuns()

    def again(self) -> PipelineRunner:
        return self.runner

    def started(self) -> list[dict[str, Any]]:
        return [dict(one.arguments) for one in self.runner.requests]

    def _change(self, run: str, *steps: StepRun, **changes: Any) -> None:
        found = self.runner.runs[run]
        others = tuple(one for one in found.steps if one.name not in {step.name for step in steps})
        self.runner.runs[run] = replace(found, steps=(*others, *steps), **changes)

    def begin(self, run: str, step: str) -> None:
        self._change(run, StepRun(step, RunPhase.RUNNING, 1.0), phase=RunPhase.RUNNING)

    def finish(self, run: str, step: str) -> None:
        self._change(run, StepRun(step, RunPhase.SUCCEEDED, 7.0))

    def fail(self, run: str, step: str, message: str) -> None:
        told = f"step {step} failed: {message}"
        self._change(run, StepRun(step, RunPhase.FAILED, 7.0, message), phase=RunPhase.FAILED, message=told)

    def succeed(self, run: str) -> None:
        self._change(run, phase=RunPhase.SUCCEEDED, outcome=OUTCOME)


class LocalWorld:
    """Processes of this machine that do what they are told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.command = (sys.executable, "-m", "tests.pipelines.cued_pipeline")
        self.runner = self.again()

    def again(self) -> LocalRuns:
        return LocalRuns(self.folder, self.command)

    def started(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_text())["arguments"] for path in self.folder.glob("*/request.json")]

    def _cue(self, run: str, **cue: Any) -> None:
        with (self.folder / run / "cues").open("a") as cues:
            cues.write(f"{json.dumps(cue)}\n")

    def _told(self, run: str, step: str, event: str) -> None:
        events = self.folder / run / EVENTS
        words = (f'"step": "{step}"', f'"event": "{event}"')
        wait_until(
            lambda: any(all(w in line for w in words) for line in events.read_text().splitlines()), f"{event} {step}"
        )

    def _ended(self, run: str) -> None:
        wait_until(lambda: answer(self.runner.look(run)).phase.ended, "the end of the run")

    def begin(self, run: str, step: str) -> None:
        self._cue(run, step=step, event="started", at=time.time() - 7)
        self._told(run, step, "started")

    def finish(self, run: str, step: str) -> None:
        self._cue(run, step=step, event="finished", message="done", seconds=7, at=time.time())
        self._told(run, step, "finished")

    def fail(self, run: str, step: str, message: str) -> None:
        self._cue(run, step=step, event="failed", error="TrainingFailed", message=message, at=time.time())
        self._told(run, step, "failed")
        self._cue(run, end=1)
        self._ended(run)
        (self.folder / run / "cues").unlink()

    def succeed(self, run: str) -> None:
        self._cue(
            run, end=0, result={"decision": DECISION.model_dump_json(), "version": "3", "data_digest": "sha256:1"}
        )
        self._ended(run)

    def close(self) -> None:
        for path in self.folder.glob("*"):
            answer(self.runner.cancel(path.name))


class KfpWorld:
    """A server that speaks the API; its tasks have drivers and loops beside the steps, as the real one's have."""

    def __init__(self, server: KfpServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server = server
        self.runner = self.again()
        self.tasks: dict[str, dict[str, dict[str, Any]]] = {}
        self.asked: list[tuple[str, str, str]] = []
        monkeypatch.setattr(kfp_runs, "find_outcome", self._find_outcome)

    def _find_outcome(self, uri: str, model: str, key: str) -> RunOutcome:
        self.asked.append((uri, model, key))
        return OUTCOME

    def again(self) -> KfpRuns:
        return KfpRuns(KfpClient(settings_from({}, self.server.url)), COMPILED / "training.yaml")

    def started(self) -> list[dict[str, Any]]:
        return [run["runtime_config"]["parameters"] for run in self.server.runs.values()]

    def _report(self, run: str, state: str, *tasks: dict[str, Any]) -> None:
        held = self.tasks.setdefault(run, {})
        for one in (task("root", "RUNNING", start=STARTED), task("root-driver", "SUCCEEDED"), *tasks):
            held[one["display_name"]] = one
        self.server.report(run, state, *held.values())

    def begin(self, run: str, step: str) -> None:
        self._report(run, "RUNNING", task(f"{step}-driver", "SUCCEEDED"), task(step, "RUNNING", start=STARTED))

    def finish(self, run: str, step: str) -> None:
        self._report(run, "RUNNING", task(step, "SUCCEEDED", start=STARTED, end=ENDED))

    def fail(self, run: str, step: str, message: str) -> None:
        self._report(run, "FAILED", task(step, "FAILED", start=STARTED, end=ENDED, error=message))
        del self.tasks[run][step]

    def succeed(self, run: str) -> None:
        self._report(run, "SUCCEEDED")


@contextmanager
def make_world(kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    if kind == "kfp":
        with kfp_server() as server:
            yield KfpWorld(server, monkeypatch)
    elif kind == "local":
        world = LocalWorld(folder)
        try:
            yield world
        finally:
            world.close()
    else:
        yield FakeWorld()


@pytest.fixture(params=["fake", "local", "kfp"])
def world(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with make_world(request.param, tmp_path / "runs", monkeypatch) as made:
        yield made


def look(world: World, run: str) -> PipelineRun:
    return answer(world.runner.look(run))


def test_a_run_gets_the_arguments_of_its_request(world: World) -> None:
    answer(world.runner.start(request()))
    assert world.started() == [request().arguments]


def test_a_key_is_one_run_however_often_it_is_asked_for(world: World) -> None:
    run = answer(world.runner.start(request()))
    assert answer(world.runner.start(request())) == run
    assert answer(world.again().start(request())) == run
    assert len(world.started()) == 1
    assert answer(world.runner.start(request("trips-2"))) != run
    assert len(world.started()) == 2


def test_steps_are_told_as_they_come_and_go(world: World) -> None:
    run = answer(world.runner.start(request()))
    assert not look(world, run).phase.ended
    assert look(world, run).steps == ()
    world.begin(run, "ingest")
    assert [(step.name, step.phase) for step in look(world, run).steps] == [("ingest", RunPhase.RUNNING)]
    world.finish(run, "ingest")
    world.begin(run, "split")
    seen = look(world, run)
    assert seen.phase is RunPhase.RUNNING
    assert [step.phase for step in seen.steps] == [RunPhase.SUCCEEDED, RunPhase.RUNNING]
    assert seen.steps[0].seconds == pytest.approx(7, abs=3)
    assert seen.outcome is None


def test_a_run_that_succeeded_has_its_outcome_and_a_link(world: World) -> None:
    run = answer(world.runner.start(request()))
    world.succeed(run)
    seen = look(world, run)
    assert (seen.phase, seen.outcome) == (RunPhase.SUCCEEDED, OUTCOME)
    assert run in seen.link


def test_a_run_that_failed_names_the_step_and_its_cause(world: World) -> None:
    run = answer(world.runner.start(request()))
    world.begin(run, "split")
    world.fail(run, "split", "one row is not enough")
    seen = look(world, run)
    assert seen.phase is RunPhase.FAILED
    assert "split" in seen.message
    assert "one row is not enough" in seen.message
    assert answer(world.runner.start(request())) == run, "an end is not started over by asking again"
    assert look(world, run).phase is RunPhase.FAILED


def test_a_cancelled_run_has_ended_and_cancelling_it_again_changes_nothing(world: World) -> None:
    run = answer(world.runner.start(request()))
    world.begin(run, "ingest")
    answer(world.runner.cancel(run))
    wait_until(lambda: look(world, run).phase is RunPhase.CANCELLED, "the run is cancelled")
    answer(world.runner.cancel(run))
    assert look(world, run).phase is RunPhase.CANCELLED


def test_cancelling_a_run_that_succeeded_changes_nothing(world: World) -> None:
    run = answer(world.runner.start(request()))
    world.succeed(run)
    answer(world.runner.cancel(run))
    answer(world.runner.retry(run))
    assert look(world, run).phase is RunPhase.SUCCEEDED


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_a_run_that_failed_or_was_cancelled_goes_on_when_it_is_retried(world: World, end: str) -> None:
    run = answer(world.runner.start(request()))
    world.begin(run, "split")
    if end == "failed":
        world.fail(run, "split", "no memory")
    else:
        answer(world.runner.cancel(run))
    wait_until(lambda: look(world, run).phase.ended, "the run ends")
    answer(world.runner.retry(run))
    assert not look(world, run).phase.ended
    assert look(world, run).message == ""
    world.succeed(run)
    assert look(world, run).outcome == OUTCOME


def test_a_retry_of_a_run_that_is_under_way_changes_nothing(world: World) -> None:
    run = answer(world.runner.start(request()))
    world.begin(run, "ingest")
    answer(world.runner.retry(run))
    assert [step.name for step in look(world, run).steps] == ["ingest"]


@pytest.mark.parametrize("verb", ["look", "cancel", "retry"])
def test_a_run_that_is_not_there_is_told(world: World, verb: str) -> None:
    with pytest.raises(PipelineRunNotFound, match="nobody"):
        answer(getattr(world.runner, verb)("nobody"))


def test_a_local_run_whose_process_is_killed_has_failed_at_the_step_it_was_in(tmp_path: Path) -> None:
    world = LocalWorld(tmp_path)
    run = answer(world.runner.start(request()))
    world.begin(run, "train")
    os.killpg(int((tmp_path / run / PID).read_text()), signal.SIGKILL)
    wait_until(lambda: look(world, run).phase is RunPhase.FAILED, "the run has failed")
    assert look(world, run).message == "step train failed: was killed (by lack of memory?) before it was done"


def test_a_local_run_is_found_by_its_name_and_never_outside_of_its_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    for folder in (outside, tmp_path, tmp_path / "runs"):
        folder.mkdir(exist_ok=True)
        (folder / "request.json").write_text("{}")
    for run in ("../outside", "..", "", "/etc"):
        with pytest.raises(PipelineRunNotFound):
            answer(LocalRuns(tmp_path / "runs").look(run))


@pytest.mark.parametrize("key", ["", "..", "a/b", "/etc"])
def test_a_key_that_names_no_folder_of_its_own_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(PipelinesRefused, match="cannot be the key of a run"):
        answer(LocalRuns(tmp_path / "runs").start(request(key)))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(PipelinesUnavailable, match="cannot be written"):
        answer(LocalRuns(tmp_path / "runs").start(request()))
