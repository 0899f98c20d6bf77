"""Kubernetes durations (`1h30m`, `10m`, `100ms`) as timedelta."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from serinus.core.spec.fields import Check, shown

PATTERN = r"([0-9]+ms|[0-9]+(\.[0-9]{1,3})?[smh])+"  # so that every duration is of whole milliseconds
MAX_CHARACTERS = 32
NO_DURATION = "is not a duration; write hours, minutes, seconds or whole milliseconds, as in 1h30m or 100ms"
UNIT_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
LONGEST = timedelta(days=3650)


def parse_duration(value: Any) -> timedelta:
    """A timedelta of whole milliseconds from `1h30m`. Raises ValueError for anything else.

    A timedelta is checked and returned as it is. Milliseconds are what `format_duration` writes, so nothing is lost
    between reading and writing.
    """
    if isinstance(value, timedelta):
        return _within_limits(value)
    parts = re.findall(r"([0-9.]+)(ms|s|m|h)", _checked(value))
    seconds = sum(float(number) * UNIT_SECONDS[unit] for number, unit in parts)
    if seconds > LONGEST.total_seconds():
        raise ValueError(f"{shown(value)} is longer than ten years; write a shorter duration, as in 24h")
    return timedelta(milliseconds=round(seconds * 1000))


def _checked(value: Any) -> str:
    """The value if it is a text of the right form."""
    if not isinstance(value, str):
        raise PydanticCustomError("duration_type", "{sentence}", {"sentence": f"{shown(value)} {NO_DURATION}"})
    if len(value) > MAX_CHARACTERS:
        raise PydanticCustomError(
            "string_too_long", "write the duration in at most {max_length} characters", {"max_length": MAX_CHARACTERS}
        )
    if not re.fullmatch(PATTERN, value):
        raise ValueError(f"{shown(value)} {NO_DURATION}")
    return value


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
    WithJsonSchema({"type": "string", "maxLength": MAX_CHARACTERS}),
    Check("duration"),
]

PositiveDuration = Annotated[Duration, AfterValidator(_not_zero), Check("longer than zero")]
