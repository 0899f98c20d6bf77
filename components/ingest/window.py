"""The span of time that rows are taken from."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

INSTANT = pa.timestamp("ns", "UTC")
EARLIEST = datetime(1678, 1, 1, tzinfo=UTC)  # what 64 bits of nanoseconds reach back to


@dataclass(frozen=True)
class Window:
    """From `start` to `end`; the `closed` side belongs to it, the other does not."""

    start: pd.Timestamp
    end: pd.Timestamp
    closed: Literal["left", "right"]

    @classmethod
    def before(cls, end: datetime, length: timedelta) -> "Window":
        """[end - length, end)."""
        return cls(_back(end, length), pd.Timestamp(end).as_unit("ns"), "left")

    @classmethod
    def up_to(cls, latest: datetime, length: timedelta) -> "Window":
        """(latest - length, latest]."""
        return cls(_back(latest, length), pd.Timestamp(latest).as_unit("ns"), "right")

    def cut(self, rows: pa.Table, time_column: str) -> pa.Table:
        """The rows whose time, an INSTANT, is inside."""
        times, start, end = rows[time_column], _scalar(self.start), _scalar(self.end)
        if self.closed == "left":
            inside = pc.and_(pc.greater_equal(times, start), pc.less(times, end))
        else:
            inside = pc.and_(pc.greater(times, start), pc.less_equal(times, end))
        return rows.filter(inside)

    def may_hold(self, earliest: pd.Timestamp, latest: pd.Timestamp) -> bool:
        """Whether a time from `earliest` to `latest` can be inside."""
        return latest >= self.start and earliest <= self.end

    def touches(self, day: date) -> bool:
        """Whether part of the UTC day `day` can be inside."""
        return self.start.date() <= day <= self.end.date()

    def __str__(self) -> str:
        opening, closing = ("[", ")") if self.closed == "left" else ("(", "]")
        return f"{opening}{self.start.isoformat()}, {self.end.isoformat()}{closing}"


def _back(end: datetime, length: timedelta) -> pd.Timestamp:
    start = EARLIEST if length > end - EARLIEST else end - length
    return pd.Timestamp(start).as_unit("ns")


def _scalar(moment: pd.Timestamp) -> pa.Scalar:
    return pa.scalar(moment.value, INSTANT)
