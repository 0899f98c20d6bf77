"""How time passes where somebody may set the clock."""

from datetime import datetime, timedelta


def has_passed(span: timedelta, since: datetime, now: datetime) -> bool:
    """Whether that much time has passed. Nothing waits for a clock that was put back to catch up: then it has."""
    return not timedelta() <= now - since < span
