"""Wait for something to become true."""

import time
from collections.abc import Callable

POLL_SECONDS = 0.05


def wait_until(holds: Callable[[], bool], seconds: float) -> bool:
    """Whether it has become true within `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
