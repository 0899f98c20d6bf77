"""`python -m serinus.predictor.standby`: a predictor that has imported what it needs and waits to be told what to serve.

Importing takes some four seconds of a core, nearly all of what a predictor needs to come up. It is told by one line of
JSON on stdin: {"arguments": [of serinus.predictor], "log": where both outputs go from then on}. Where stdin ends without
one, so does it.
"""

import importlib
import json
import os
import sys

# As in __main__, and before the imports.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from serinus.predictor.main import main, quiet_logs  # noqa: E402

NEEDED = (
    "serinus.predictor.loading",
    "serinus.predictor.model",
    "serinus.predictor.rest",
    "mlflow.sklearn",
    "skops.io",
    "sklearn.pipeline",
    "pandas",
)


def wait() -> None:
    """Import, wait for the line, and serve."""
    quiet_logs()  # before KServe is imported
    for module in NEEDED:
        importlib.import_module(module)
    line = sys.stdin.readline()
    if not line:
        return
    order = json.loads(line)
    _write_to(order["log"])
    main(order["arguments"])


def _write_to(log: str) -> None:
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for ours, stream in ((nothing, 0), (target, 1), (target, 2)):
        os.dup2(ours, stream)
    os.close(nothing)
    os.close(target)


if __name__ == "__main__":
    wait()
