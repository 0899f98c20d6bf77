"""Steps that start from a process in which the heavy libraries are imported already.

KFP starts a fresh interpreter for every step, and importing pandas, scikit-learn and MLflow takes longer than most steps
work. Here each step is forked from one server process instead: still a process of its own that runs KFP's executor.
"""

import multiprocessing
import multiprocessing.forkserver
import os
import runpy
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

EXECUTOR = "kfp.dsl.executor_main"
PRELOADED = [
    EXECUTOR,
    "pyarrow.parquet",
    "pandas",
    "skops.io",
    "sklearn.compose",
    "sklearn.ensemble",
    "sklearn.impute",
    "sklearn.linear_model",
    "sklearn.metrics",
    "sklearn.pipeline",
    "sqlalchemy",
    "mlflow.sklearn",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.model_registry.sqlalchemy_store",
]
# Keeps KFP from importing its compiler where only a step runs, as its own start command does.
EXECUTOR_ENVIRONMENT = {"_KFP_RUNTIME": "true"}
_starting = threading.Lock()  # multiprocessing polls the children of other threads when it starts one


@contextmanager
def warm_steps() -> Iterator[None]:
    """While open, KFP's SubprocessRunner forks its steps from a warm process. Call before KFP is imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    os.environ.update(EXECUTOR_ENVIRONMENT)
    multiprocessing.forkserver.ensure_running()
    for name in EXECUTOR_ENVIRONMENT:
        del os.environ[name]
    from kfp.local import subprocess_task_handler as handler

    cold, handler.run_local_subprocess = handler.run_local_subprocess, run_step
    try:
        yield
    finally:
        handler.run_local_subprocess = cold


def run_step(full_command: list[str], env_vars: dict[str, str] | None = None) -> int:
    """Run a lightweight component's start command; prints what it prints and returns its exit code."""
    script = next(i for i, part in enumerate(full_command) if EXECUTOR in part)
    source, arguments = full_command[script + 1], full_command[script + 2 :]
    context = multiprocessing.get_context("forkserver")
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=_execute, args=(writer, source, arguments, env_vars or {}))
    with _starting:
        process.start()
    writer.close()
    with os.fdopen(os.dup(reader.fileno()), encoding="utf-8", errors="replace") as output:
        for line in output:
            print(line, end="")  # noqa: T201  # as the function that this one stands in for
    reader.close()
    with _starting:
        process.join()
    return process.exitcode or 0


def _execute(output: Connection, source: str, arguments: list[str], environment: dict[str, str]) -> None:
    """In the forked process: what KFP's start command does."""
    os.environ.update(environment)
    for stream in (1, 2):
        os.dup2(output.fileno(), stream)
    output.close()
    sys.stdout, sys.stderr = (open(stream, "w", buffering=1, closefd=False) for stream in (1, 2))  # noqa: SIM115
    with tempfile.TemporaryDirectory() as folder:
        module = Path(folder, "ephemeral_component.py")
        module.write_text(source)
        sys.argv = [EXECUTOR, "--component_module_path", str(module), *arguments]
        try:
            runpy.run_module(EXECUTOR, run_name="__main__", alter_sys=True)
        except Exception:
            traceback.print_exc()
            sys.exit(1)
