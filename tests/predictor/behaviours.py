"""What the test model does on request: a value of `temp` is an order. Imported by the served model."""

import os
import time
from pathlib import Path

FAIL = 666.0
HOLD = 777.0
FORGET = 888.0


def obey(rows):
    """Fail, or hold until the file `release` exists in the folder $BEHAVIOURS (which gets a file `held`)."""
    if (rows["temp"] == FAIL).any():
        raise RuntimeError("the boiler exploded\nat a place that is nobody's business")
    if (rows["temp"] == HOLD).any():
        folder = Path(os.environ["BEHAVIOURS"])
        (folder / "held").touch()
        deadline = time.monotonic() + 30
        while not (folder / "release").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
    return rows.iloc[:-1] if (rows["temp"] == FORGET).any() else rows
