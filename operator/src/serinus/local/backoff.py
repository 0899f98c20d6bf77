"""How long to wait before a process that died is started again."""

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 30.0
HEALTHY_SECONDS = 60.0


def next_delay(previous: float | None, healthy_seconds: float) -> float:
    """Seconds to wait: doubling from FIRST_SECONDS to LONGEST_SECONDS, from the start again after a healthy life."""
    if previous is None or healthy_seconds >= HEALTHY_SECONDS:
        return FIRST_SECONDS
    return min(LONGEST_SECONDS, 2 * previous)
