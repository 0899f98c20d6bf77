"""The process that `pipelines.run` starts: KFP's local runner, with its chatter in a log and events on stdout."""

import contextlib
import io
import json
import sys
import warnings
from pathlib import Path
from typing import Any, TextIO

from pipelines.warm import warm_steps
from serinus.training.steps import parse


class EventFilter(io.TextIOBase):
    """Takes what KFP prints: everything goes to `log`, the lines of step events also to `events`."""

    def __init__(self, log: TextIO, events: TextIO) -> None:
        self._log, self._events, self._rest = log, events, ""

    def write(self, text: str) -> int:
        """Log `text` and pass on the events in the lines that it completes."""
        self._log.write(text)
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if parse(line) is not None:
                self._events.write(f"{line}\n")
                self._events.flush()
        return len(text)

    def flush(self) -> None:
        """Flush the log."""
        self._log.flush()


def run(request: dict[str, Any], events: TextIO, log: TextIO) -> None:
    """Run the pipeline; its outputs go to `result.json` in the request's folder."""
    folder = Path(request["folder"])
    with warm_steps(), contextlib.redirect_stdout(EventFilter(log, events)):
        outputs = _run_pipeline(request["arguments"], folder / "kfp")
    (folder / "result.json").write_text(json.dumps(outputs))


def _run_pipeline(arguments: dict[str, Any], root: Path) -> dict[str, str]:
    from kfp import local

    from pipelines.training import training

    local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(root))
    done = training(**arguments)
    return {name: done.outputs[name] for name in ("decision", "version", "data_digest")}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    run(json.loads(Path(sys.argv[1]).read_text()), sys.stdout, sys.stderr)
