"""Run the training pipeline on this machine. Light to import: KFP works in a process of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from serinus.adapters.mlflow_client import registry_of
from serinus.core import errors
from serinus.core.errors import SerinusError, TrainingFailed
from serinus.training.config import TrainingConfig
from serinus.training.load import load_config
from serinus.training.steps import parse
from serinus.training.values import GateDecision, TrainingOutcome

REPOSITORY = Path(__file__).resolve().parent.parent
# One thread a step: two variants train side by side, and numerical libraries that fight for two cores are slower.
STEP_ENVIRONMENT = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "MLFLOW_DISABLE_TELEMETRY": "true",  # nothing leaves the machine, and no thread lives where steps are forked
}


def run_training(
    config_path: Path,
    *,
    as_of: datetime | None = None,
    work_dir: Path,
    registry_uri: str = "",
    progress: Callable[[str], None],
    run_id: str | None = None,
) -> TrainingOutcome:
    """Train, judge and perhaps register, as `config_path` says; the same `run_id` never registers twice.

    `registry_uri` comes before the file's `registry.uri`; with neither it is SQLite in `work_dir`.
    `progress` gets one sentence per step as it ends. Raises SpecInvalid, DataInvalid, RegistryUnavailable or
    TrainingFailed. Snapshots stay in `work_dir/snapshots`, the run's log in `work_dir/runs/<run_id>`.
    """
    config = load_config(config_path, as_of=as_of)
    run_id = run_id or f"{config.model}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}"
    folder = (work_dir / "runs" / run_id).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    uri = registry_uri or config.registry.uri or registry_of(work_dir)
    request = _request(config, config_path, folder=folder, work_dir=work_dir, registry_uri=uri, run_id=run_id)
    _run_process(request, folder, progress)
    result = json.loads((folder / "result.json").read_text())
    return _outcome(result, run_id, work_dir)


def _request(
    config: TrainingConfig, config_path: Path, *, folder: Path, work_dir: Path, registry_uri: str, run_id: str
) -> dict[str, Any]:
    """The pipeline's arguments and where it works."""
    return {
        "folder": str(folder),
        "arguments": {
            "training": config.model_dump_json(by_alias=True),
            "variants": [variant.name for variant in config.variants],
            "registry_uri": registry_uri,
            "snapshot_root": str((work_dir / "snapshots").resolve()),
            "run_key": run_id,
            "git_sha": _git_sha(config_path.resolve().parent),
        },
    }


def _run_process(request: dict[str, Any], folder: Path, progress: Callable[[str], None]) -> None:
    (folder / "request.json").write_text(json.dumps(request))
    (folder / "result.json").unlink(missing_ok=True)
    failure: dict[str, Any] | None = None
    with _process([sys.executable, "-m", "pipelines.local", str(folder / "request.json")], folder) as process:
        for line in process.stdout or ():
            event = parse(line) or {"event": "none"}  # KFP's logging also writes there when it ends
            if event["event"] == "finished":
                progress(f"{event['step']}: {event['message']} ({event['seconds']:.1f} s)")
            elif event["event"] == "failed":
                failure = failure or event
    if failure is not None:
        raise _error(failure)
    if process.returncode != 0 or not (folder / "result.json").is_file():
        raise TrainingFailed(f"the pipeline ended with exit code {process.returncode}; read {folder / 'log.txt'}")
    shutil.rmtree(folder / "kfp", ignore_errors=True)  # all that lasts is in the snapshot and the registry


@contextmanager
def _process(command: list[str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process in a group of its own, which is gone with all its steps when the block is left."""
    path = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "operator" / "src"), os.environ.get("PYTHONPATH", "")])
    environment = STEP_ENVIRONMENT | os.environ | {"PYTHONPATH": path.rstrip(os.pathsep)}
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, text=True, cwd=folder,
            env=environment, start_new_session=True,
        )  # fmt: skip
        try:
            yield process
            process.wait()
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            if process.stdout:
                process.stdout.close()


def _error(failure: dict[str, Any]) -> SerinusError:
    """The step's own error, as the class it was raised with."""
    kind = getattr(errors, failure["error"], TrainingFailed)
    return kind(failure["message"]) if issubclass(kind, SerinusError) else TrainingFailed(failure["message"])


def _outcome(result: dict[str, str], run_id: str, work_dir: Path) -> TrainingOutcome:
    decision = GateDecision.model_validate_json(result["decision"])
    return TrainingOutcome(
        outcome="registered" if decision.better else "not better",
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


def _git_sha(folder: Path) -> str:
    """The commit that the training file is checked out at, or nothing."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=folder, check=False, capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
