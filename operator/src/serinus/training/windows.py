"""How far back rows are taken: a duration, or the whole past."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import Discriminator, Tag

from serinus.core.spec.duration import PositiveDuration, format_duration

ALL: Final = "all"


def _kind_of_window(value: Any) -> str:
    return "all" if value == ALL else "duration"


Window: TypeAlias = Annotated[
    Annotated[PositiveDuration, Tag("duration")] | Annotated[Literal["all"], Tag("all")],
    Discriminator(_kind_of_window),
]


def length_of(window: timedelta | Literal["all"]) -> timedelta:
    """The window as a length; that of the whole past is the longest there is."""
    return timedelta.max if window == ALL else window


def start_of(window: timedelta | Literal["all"], end: datetime) -> datetime | None:
    """Where the window that ends at `end` begins; None for the whole past."""
    return None if window == ALL else end - window


def told(window: timedelta | Literal["all"]) -> str:
    """The window as people write it: `720h`, or `all`."""
    return ALL if window == ALL else format_duration(window)
