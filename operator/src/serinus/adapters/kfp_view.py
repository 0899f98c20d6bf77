"""A run as the API of Kubeflow Pipelines shows it, in our terms."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from serinus.core.pipeline_run import PipelineRun, RunPhase, StepRun, numbered

PHASES = {
    "PENDING": RunPhase.PENDING,
    "RUNNING": RunPhase.RUNNING,
    "CANCELING": RunPhase.RUNNING,
    "PAUSED": RunPhase.RUNNING,
    "SUCCEEDED": RunPhase.SUCCEEDED,
    "SKIPPED": RunPhase.SKIPPED,
    "FAILED": RunPhase.FAILED,
    "CANCELED": RunPhase.CANCELLED,
}
EPOCH = datetime.fromtimestamp(0, UTC)  # the server's word for "not yet"


def step_names(spec: Mapping[str, Any]) -> frozenset[str]:
    """The tasks of a compiled pipeline that run a container.

    Beside them the server lists its own: a driver for each task, and one for each loop, its turns, and each branch.
    """
    components = spec["components"]
    groups = [spec["root"]["dag"], *(one["dag"] for one in components.values() if "dag" in one)]
    tasks = {name: task for group in groups for name, task in group["tasks"].items()}
    return frozenset(
        name for name, task in tasks.items() if "executorLabel" in components[task["componentRef"]["name"]]
    )


def view(run: Any, names: Collection[str], link: str, now: datetime) -> PipelineRun:
    """`run` is a V2beta1Run; `names` are the steps that people know."""
    phase = phase_of(run)
    tasks = sorted(_tasks(run, names), key=lambda task: _known(task.start_time) or now)
    told = numbered([task.display_name for task in tasks])
    steps = tuple(_step(name, task, now) for name, task in zip(told, tasks, strict=True))
    message = _why(run, steps) if phase is RunPhase.FAILED else ""
    return PipelineRun(run.run_id, phase, steps, message=message, link=link)


def phase_of(told: Any) -> RunPhase:
    """Where a run or a task is."""
    return PHASES.get(told.state or "", RunPhase.PENDING)


def parameters(run: Any) -> Mapping[str, Any]:
    """The parameters that a run was started with."""
    found = run.runtime_config.parameters if run.runtime_config else None
    return found or {}


def _tasks(run: Any, names: Collection[str]) -> list[Any]:
    listed = run.run_details.task_details if run.run_details else None
    return [task for task in listed or [] if task.display_name in names]


def _step(name: str, task: Any, now: datetime) -> StepRun:
    phase = phase_of(task)
    started, ended = _known(task.start_time), _known(task.end_time)
    seconds = ((ended or now) - started).total_seconds() if started else None
    return StepRun(name, phase, seconds, _error(task) if phase is RunPhase.FAILED else "")


def _known(moment: datetime | None) -> datetime | None:
    return None if moment is None or moment <= EPOCH else moment


def _error(told: Any) -> str:
    """The message of a failure: where the API has it, which depends on the server's version."""
    errors = [told.error, *(status.error for status in reversed(told.state_history or []))]
    return next((" ".join(error.message.split()) for error in errors if error and error.message), "")


def _why(run: Any, steps: tuple[StepRun, ...]) -> str:
    failed = next((step for step in steps if step.phase is RunPhase.FAILED), None)
    cause = (failed.message if failed else "") or _error(run) or "its log in the dashboard says why"
    return f"step {failed.name} failed: {cause}" if failed else f"no step failed, and the run did: {cause}"
