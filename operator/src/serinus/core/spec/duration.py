"""Kubernetes durations (`1h30m`, `10m`, `100ms`) as timedelta."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

PATTERN = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"
UNIT_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def parse_duration(value: Any) -> timedelta:
    """A timedelta from `1h30m`; a timedelta is returned as it is. Raises ValueError for anything else."""
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or not re.match(PATTERN, value):
        raise ValueError(f"{value!r} is not a duration; write hours, minutes, seconds or milliseconds, as in 1h30m or 100ms")
    parts = re.findall(r"([0-9.]+)(ms|s|m|h)", value)
    return timedelta(seconds=sum(float(number) * UNIT_SECONDS[unit] for number, unit in parts))


def format_duration(value: timedelta) -> str:
    """The shortest Kubernetes duration: `1h30m`, `100ms`, `0s`."""
    milliseconds = round(value.total_seconds() * 1000)
    text = ""
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, milliseconds = divmod(milliseconds, size)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": PATTERN}),
]
