"""The process of a run: KFP's local runner, with its chatter in a log and events on stdout."""

import contextlib
import io
import json
import shutil
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from pipelines.process import CACHE, INTERMEDIATE, RESULT
from serinus.core.errors import SerinusError
from serinus.training.steps import MARKER, parse

# Steps that are not cached from run to run, because the world may have changed, and are complete within one.
CACHED_WITHIN_A_RUN = frozenset({"ingest", "validate"})
OUTPUTS = ("decision", "version", "data_digest")


class EventFilter(io.TextIOBase):
    """Takes what KFP prints: everything goes to `log`, the lines of step events, with their time, also to `events`."""

    def __init__(self, log: TextIO, events: TextIO) -> None:
        self._log, self._events, self._rest = log, events, ""

    def write(self, text: str) -> int:
        """Log `text` and pass on the events in the lines that it completes."""
        self._log.write(text)
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            event = parse(line)
            if event is not None:
                self._events.write(f"{MARKER}{json.dumps({**event, 'at': time.time()})}\n")
                self._events.flush()
        return len(text)

    def flush(self) -> None:
        """Flush the log."""
        self._log.flush()


def run(request: dict[str, Any], events: TextIO, log: TextIO) -> None:
    """Run the pipeline; its outputs go to `result.json` in the request's folder, whole or not at all."""
    folder = Path(request["folder"])
    with contextlib.redirect_stdout(EventFilter(log, events)), _runner(request) as runner:
        outputs = _run_pipeline(request["arguments"], folder, runner)
    draft = folder / f".{RESULT}"
    draft.write_text(json.dumps(outputs))
    draft.rename(folder / RESULT)
    for name in (INTERMEDIATE, CACHE):  # all that lasts is in the snapshot and the registry
        shutil.rmtree(folder / name, ignore_errors=True)


@contextlib.contextmanager
def _runner(request: dict[str, Any]) -> Iterator[Any]:
    if request.get("on") == "docker":
        from pipelines.docker import docker_runner

        with docker_runner(request) as runner:
            yield runner
        return
    from pipelines.warm import warm_steps

    with warm_steps():
        from kfp import local

        yield local.SubprocessRunner(use_venv=False)


def _run_pipeline(arguments: dict[str, Any], folder: Path, runner: Any) -> dict[str, str]:
    """The pipeline's outputs. A step that is complete in an earlier attempt at the same run is not done again."""
    from kfp import local

    from pipelines.training import training

    _prepare(training.pipeline_spec)
    (folder / INTERMEDIATE).mkdir(exist_ok=True)  # Docker would make it root's
    local.init(
        runner=runner, pipeline_root=str(folder / INTERMEDIATE), enable_caching=True, cache_root=str(folder / CACHE)
    )
    done = training(**arguments)
    return {name: done.outputs[name] for name in OUTPUTS}


def _prepare(spec: Any) -> None:
    """Make of a cluster's pipeline one for a machine: nobody takes pods away, so a step that failed fails again."""
    groups = [spec.root.dag, *(one.dag for one in spec.components.values() if one.HasField("dag"))]
    for group in groups:
        for task in group.tasks.values():
            task.ClearField("retry_policy")
    tasks = spec.root.dag.tasks
    for name in CACHED_WITHIN_A_RUN & tasks.keys():
        tasks[name].caching_options.enable_cache = True


def main() -> None:
    """Run the request in the file that the command line names."""
    warnings.simplefilter("ignore")
    try:
        run(json.loads(Path(sys.argv[1]).read_text()), sys.stdout, sys.stderr)
    except SerinusError as error:  # before the first step
        event = {"step": "", "event": "failed", "error": type(error).__name__, "message": str(error), "at": time.time()}
        sys.stdout.write(f"{MARKER}{json.dumps(event)}\n")
        sys.stdout.flush()
        sys.exit(1)


if __name__ == "__main__":
    main()
