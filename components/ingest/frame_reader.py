"""Rows that a Python function returns."""

from collections.abc import Callable, Iterator
from datetime import datetime
from importlib import import_module
from typing import cast

import pandas as pd
import pyarrow as pa

from components.ingest.columns import from_values
from components.ingest.latest import latest_of
from components.ingest.times import TimeColumn
from components.ingest.window import Window


class FrameReader:
    """Rows of a data frame. It is in memory whole, whatever the window."""

    text_only = False
    label = None

    def __init__(self, frame: pd.DataFrame, times: TimeColumn, place: str) -> None:
        times.require(map(str, frame.columns), place)
        self._frame, self.times = frame, times

    @classmethod
    def of(cls, function: str, times: TimeColumn) -> "FrameReader":
        """A reader of what `module:name` returns."""
        module, name = function.split(":")
        load = cast("Callable[[], pd.DataFrame]", getattr(import_module(module), name))
        return cls(load(), times, function)

    def latest(self) -> pd.Timestamp | None:
        """The latest time."""
        return latest_of([self._table(self._frame, [self.times.name])], self.times)

    def batches(self, columns: list[str], window: Window | None) -> Iterator[pa.Table]:
        """The rows of the window; those whose time is none come too, to be told of."""
        names = [name for name in columns if name in self._frame.columns]
        frame = self._frame if window is None else self._frame[self._maybe_inside(window)]
        yield self._table(frame, names)

    def _table(self, frame: pd.DataFrame, names: list[str]) -> pa.Table:
        return pa.table({name: self._column(frame[name], name) for name in names})

    def _column(self, values: "pd.Series[float]", name: str) -> pa.Array:
        if values.dtype != object:
            return pa.Array.from_pandas(values)
        if name == self.times.name:  # as text, so that a missing zone is seen
            return from_values([value.isoformat() if isinstance(value, datetime) else value for value in values])
        return from_values(values.tolist())

    def _maybe_inside(self, window: Window) -> "pd.Series[bool]":
        times = self._frame[self.times.name]
        if times.dtype.kind != "M":
            return cast("pd.Series[bool]", pd.Series(True, index=times.index))
        ends = (window.start, window.end)
        low, high = ends if times.dt.tz is not None else (end.tz_localize(None) for end in ends)
        return times.between(low, high) | times.isna()
