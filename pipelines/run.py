"""Run the training pipeline on this machine. Light to import: KFP works in a process of its own."""

import json
import os
import signal
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from components.images import lineage
from pipelines.process import CACHE, LOG, REQUEST, RESULT, claimed, start_process
from serinus.adapters.mlflow_client import registry_of
from serinus.core import errors
from serinus.core.errors import RegistryUnavailable, SerinusError, TrainingFailed
from serinus.core.pipeline_run import RunRequest
from serinus.training.config import TrainingConfig
from serinus.training.load import load_config
from serinus.training.steps import parse
from serinus.training.values import GateDecision, TrainingOutcome


def run_training(
    config_path: Path,
    *,
    as_of: datetime | None = None,
    work_dir: Path,
    registry_uri: str = "",
    progress: Callable[[str], None],
    run_id: str | None = None,
    on: Literal["local", "docker"] = "local",
) -> TrainingOutcome:
    """Train, judge and perhaps register, as `config_path` says; the same `run_id` never registers twice.

    A run that failed goes on where it was when it is run again under its `run_id`: what is complete is not done again.
    `registry_uri` comes before the file's `registry.uri`; with neither it is SQLite in `work_dir`.
    `progress` gets one sentence per step as it ends. Raises SpecInvalid, DataInvalid, RegistryUnavailable, TrainingFailed,
    or StateLocked where the run is under way. Snapshots stay in `work_dir/snapshots`, the run's log in
    `work_dir/runs/<run_id>`.
    """
    config = load_config(config_path, as_of=as_of)
    run_id = run_id or new_run_id(config.model)
    folder = (work_dir / "runs" / run_id).resolve()
    uri = registry_uri or config.registry.uri or registry_of(work_dir)
    snapshots = str((work_dir / "snapshots").resolve())
    wanted = request_of(
        config,
        config_path,
        run_id,
        registry_uri=uri,
        snapshot_root=snapshots,
        images=lineage() if on == "docker" else "",
    )
    try:
        _run_process({"folder": str(folder), "on": on, "arguments": wanted.arguments}, folder, progress)
    except (TrainingFailed, RegistryUnavailable) as error:  # other rows or another file make it another run
        if _complete_steps(folder):
            error.add_note(f"what is complete is kept; the same command with --run-id {run_id} goes on from there")
        raise
    except OSError as error:
        raise TrainingFailed(
            f"{folder} cannot be written ({error}); free some space there, or name another folder by --state-dir"
        ) from error
    result = json.loads((folder / RESULT).read_text())
    return _outcome(result, run_id, work_dir)


def new_run_id(model: str) -> str:
    """A name that no other run has."""
    return f"{model}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}"


def request_of(
    config: TrainingConfig,
    config_path: Path,
    key: str,
    *,
    registry_uri: str,
    snapshot_root: str = "",
    images: str = "",
) -> RunRequest:
    """What any runner is asked for, with the commit that the training file is checked out at."""
    return RunRequest(
        key=key,
        model=config.model,
        training=config.model_dump_json(by_alias=True),
        variants=tuple(variant.name for variant in config.variants),
        registry_uri=registry_uri,
        snapshot_root=snapshot_root,
        git_sha=_git_sha(config_path.resolve()),
        images=images,
    )


def _run_process(request: dict[str, Any], folder: Path, progress: Callable[[str], None]) -> None:
    """Run the pipeline's process to its end. Raises the error of the step that failed."""
    folder.mkdir(parents=True, exist_ok=True)
    complete = _complete_steps(folder)
    if complete:
        progress(f"run {folder.name} goes on: {complete} steps are complete")
    told: list[dict[str, Any]] = []
    with claimed(folder) as lock:
        (folder / REQUEST).write_text(json.dumps(request))
        (folder / RESULT).unlink(missing_ok=True)
        with _process(folder, lock, request) as process:
            for line in process.stdout or ():
                event = parse(line)  # KFP's logging also writes there when it ends
                if event:
                    told.append(event)
                    _tell(event, progress)
        if not (folder / RESULT).is_file():
            raise _failure(told, folder)


def _complete_steps(folder: Path) -> int:
    return len(list((folder / CACHE).glob("*.json")))


def _tell(event: dict[str, Any], progress: Callable[[str], None]) -> None:
    if event["event"] == "finished":
        progress(f"{event['step']}: {event['message']} ({event['seconds']:.1f} s)")


@contextmanager
def _process(folder: Path, lock: int, request: dict[str, Any]) -> Iterator["subprocess.Popen[str]"]:
    """The run's process, which is gone with all its steps when the block is left."""
    process = start_process(folder, lock, events=subprocess.PIPE)
    try:
        yield process
        process.wait()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if request["on"] == "docker":
                _remove_containers(request["arguments"]["run_key"])
        if process.stdout:
            process.stdout.close()


def _remove_containers(run: str) -> None:
    """Containers are no processes of ours: they outlive the one that follows them."""
    from pipelines.docker import remove_containers

    with suppress(SerinusError):  # on the way out, of an error that says more
        remove_containers(run)


def _failure(told: list[dict[str, Any]], folder: Path) -> SerinusError:
    """What ended the run: a step's own error, or that a step was killed."""
    failed = next((event for event in told if event["event"] == "failed"), None)
    if failed:
        return _error(failed)
    ended = {event["step"] for event in told if event["event"] == "finished"}
    cut_off = [event["step"] for event in told if event["step"] not in ended]
    what = f"step {cut_off[0]} was killed (by lack of memory?)" if cut_off else "the pipeline's process ended"
    return TrainingFailed(f"{what} before it was done; read {folder / LOG}")


def _error(failure: dict[str, Any]) -> SerinusError:
    """The step's own error, as the class it was raised with."""
    kind = getattr(errors, failure["error"], TrainingFailed)
    return kind(failure["message"]) if issubclass(kind, SerinusError) else TrainingFailed(failure["message"])


def _outcome(result: dict[str, str], run_id: str, work_dir: Path) -> TrainingOutcome:
    decision = GateDecision.model_validate_json(result["decision"])
    return TrainingOutcome(
        outcome="registered" if decision.outcome == "passed" else decision.outcome,
        version=result["version"] or None,
        variant=decision.variant,
        metrics=decision.metrics,
        champion_metrics=decision.champion_metrics,
        reason=decision.reason,
        message=decision.message,
        run_id=run_id,
        data_digest=result["data_digest"],
        snapshot=work_dir / "snapshots" / result["data_digest"].removeprefix("sha256:"),
    )


def _git_sha(file: Path) -> str:
    """The commit that the training file is checked out at, or nothing; `-dirty` behind it where the file is another.

    SERINUS_GIT_SHA comes first, for a file that was brought elsewhere without its repository.
    """
    named = os.environ.get("SERINUS_GIT_SHA")
    commit = named or _git(file, "rev-parse", "HEAD")
    changed = commit and not named and _git(file, "status", "--porcelain", "--", file.name)
    return f"{commit}-dirty" if changed else commit


def _git(file: Path, *arguments: str) -> str:
    """What git answers beside `file`, or nothing."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=file.parent, check=False, capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
