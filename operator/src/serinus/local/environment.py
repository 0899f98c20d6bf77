"""The environment that child processes run in."""

import os
from pathlib import Path

from serinus.local.process import OWNER_VARIABLE

# Several predictors share the machine: each takes one thread, or they fight over the cores.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


def owner_of(folder: Path) -> str:
    """Marks the children of the runtime whose state is in `folder`."""
    return str(folder.resolve())


def child_environment(folder: Path) -> dict[str, str]:
    """Our own environment with single-threaded numerics and the mark of the owner."""
    single = dict.fromkeys(THREAD_VARIABLES, "1")
    return {**os.environ, **single, "PYTHONUNBUFFERED": "1", OWNER_VARIABLE: owner_of(folder)}
