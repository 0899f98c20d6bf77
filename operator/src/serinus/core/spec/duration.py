"""Kubernetes durations (`1h30m`, `10m`, `100ms`) as timedelta."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

from serinus.core.spec.fields import shown

PATTERN = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"
UNIT_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
LONGEST = timedelta(days=3650)


def parse_duration(value: Any) -> timedelta:
    """A timedelta of whole milliseconds from `1h30m`. Raises ValueError for anything else.

    A timedelta is checked and returned as it is. Milliseconds are what `format_duration` writes, so nothing is lost
    between reading and writing.
    """
    if isinstance(value, timedelta):
        return _within_limits(value)
    if not isinstance(value, str) or not re.fullmatch(PATTERN.strip("^$"), value):
        raise ValueError(
            f"{shown(value)} is not a duration; write hours, minutes, seconds or milliseconds, as in 1h30m or 100ms"
        )
    parts = re.findall(r"([0-9.]+)(ms|s|m|h)", value)
    seconds = sum(float(number) * UNIT_SECONDS[unit] for number, unit in parts)
    if seconds > LONGEST.total_seconds():
        raise ValueError(f"{shown(value)} is longer than ten years; write a shorter duration, as in 24h")
    milliseconds = round(seconds * 1000)
    if abs(seconds * 1000 - milliseconds) > 1e-3:
        raise ValueError(f"{shown(value)} is finer than a millisecond; write whole milliseconds, as in 100ms")
    return timedelta(milliseconds=milliseconds)


def format_duration(value: timedelta) -> str:
    """The shortest Kubernetes duration: `1h30m`, `100ms`, `0s`."""
    milliseconds = round(value.total_seconds() * 1000)
    text = ""
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, milliseconds = divmod(milliseconds, size)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def _within_limits(value: timedelta) -> timedelta:
    if not timedelta(0) <= value <= LONGEST:
        raise ValueError(f"{value} is not between 0s and ten years; write a duration such as 1h30m")
    return value


def _not_zero(value: timedelta) -> timedelta:
    if not value:
        raise ValueError("0s is too short; write a duration longer than zero, as in 10m")
    return value


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": PATTERN}),
]

PositiveDuration = Annotated[Duration, AfterValidator(_not_zero)]
