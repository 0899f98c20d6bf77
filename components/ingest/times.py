"""The time column: read as UTC, with everything that is no time remembered until all of it was seen."""

import warnings
from collections.abc import Iterable
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.window import INSTANT
from serinus.core.errors import DataInvalid

WALL_CLOCK = pa.timestamp("ns")
ZONE = r"(?:[Tt ]\d{1,2}.*[+-]\d{2}(?::?\d{2})?|\d[Zz]|\d ?(?:UTC|GMT))$"
OTHER_ZONE = r"[A-Z]{2,5}$"  # EST and its like name several zones
KNOWN_ENDING = r"(?:AM|PM)$"
SPACE_BEFORE_OFFSET = r"\s+(?=[+-]\d{2}:?\d{2}$)"


class TimeColumn:
    """Reads a column of times, batch by batch. A time without a zone is UTC; naive and aware ones do not mix."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows = self.unreadable = 0
        self._example: object = None
        self.beside: set[str] = set()  # the other columns of the places where it was required
        self._naive: object = None
        self._aware: object = None

    def require(self, columns: Iterable[str], place: str) -> None:
        """Raise DataInvalid unless the time column is among the `columns` of `place`."""
        columns = list(columns)
        if self.name not in columns:
            raise DataInvalid(
                f'time column "{self.name}" is missing; {place} has {", ".join(map(str, columns[:20]))}: '
                "correct timeColumn or the source"
            )
        self.beside.update(set(columns) - {self.name})

    def read(self, rows: pa.Table) -> pa.Table:
        """`rows` with the time column as INSTANT, missing where it is no time; `check` tells of those."""
        column = rows[self.name]
        times = self._instants(column)
        bad = times.null_count
        if bad and not self.unreadable:
            self._example = _first(column, pc.is_null(times))
        self.rows += len(column)
        self.unreadable += bad
        return rows.set_column(rows.schema.get_field_index(self.name), self.name, times)

    def check(self) -> None:
        """Raise DataInvalid if anything read so far was no time, or if only some of it had a zone."""
        if self.unreadable:
            example = "an empty value" if self._example is None else repr(self._example)
            raise DataInvalid(
                f'time column "{self.name}" is not a time in {self.unreadable} of {self.rows} rows, as in {example}; '
                "write these as 2024-01-31T12:00:00Z, or remove the rows"
            )
        if self._naive is not None and self._aware is not None:
            raise DataInvalid(
                f'time column "{self.name}" has a zone in some rows, as in {str(self._aware)!r}, and none in others, '
                f"as in {str(self._naive)!r}: what moment the latter mean is not known; write all with a zone, or all "
                "in UTC without one"
            )

    def _instants(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        kind = column.type
        if pa.types.is_dictionary(kind):
            return self._instants(column.cast(kind.value_type))
        if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
            return self._of_a_clock(column)
        if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
            return self._of_text(column.cast(pa.string()))
        return pa.chunked_array([pa.nulls(len(column), INSTANT)])  # a number is no time: seconds, days, since when?

    def _of_a_clock(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        try:
            times = column.cast(WALL_CLOCK if pa.types.is_date(column.type) else pa.timestamp("ns", column.type.tz))
        except pa.ArrowInvalid:  # beyond what nanoseconds reach
            return self._slowly(column.cast(pa.string()))
        self._saw(column, aware=times.type.tz is not None)
        return times.cast(INSTANT)

    def _of_text(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        for kind in (WALL_CLOCK, INSTANT):  # Arrow reads text without a zone as the one, with a zone as the other
            try:
                times = column.cast(kind)
            except pa.ArrowInvalid:
                continue
            self._saw(column, aware=kind is INSTANT)
            return times.cast(INSTANT)
        return self._slowly(column)

    def _slowly(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        """What is not all of one ISO 8601 form: by pandas, value by value, so that no neighbour changes the reading."""
        text = column.to_pandas().astype(object)
        readable = text.where(text.str.contains(r"\d", na=False))  # pandas reads "now" and "today"
        readable = readable.str.replace(r"\s*(?:UTC|GMT)$", "Z", regex=True).str.replace(
            SPACE_BEFORE_OFFSET, "", regex=True
        )
        times = pd.to_datetime(readable, format="ISO8601", utc=True, errors="coerce")
        rest = readable[times.isna() & readable.notna()]
        if len(rest):
            times = times.where(times.notna(), _unambiguous(rest).reindex(times.index))
        aware = text.str.contains(ZONE, na=False)
        for mask, is_aware in ((aware, True), (~aware, False)):
            self._saw(column.filter(pa.array(mask & times.notna())), aware=is_aware)
        return pa.chunked_array([pa.Array.from_pandas(times.dt.as_unit("ns"), type=INSTANT)])

    def _saw(self, column: pa.ChunkedArray, *, aware: bool) -> None:
        if aware:
            self._aware = self._aware if self._aware is not None else _first(column, pc.is_valid(column))
        else:
            self._naive = self._naive if self._naive is not None else _first(column, pc.is_valid(column))


def _unambiguous(text: "pd.Series[Any]") -> "pd.Series[Any]":
    """Other forms than ISO 8601, as far as they mean the same with the day or the month first."""
    zone = text.str.contains(OTHER_ZONE, na=False) & ~text.str.contains(KNOWN_ENDING, na=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read = [
            pd.to_datetime(text, format="mixed", dayfirst=day_first, utc=True, errors="coerce")
            for day_first in (False, True)
        ]
    return read[0].where((read[0] == read[1]) & ~zone)


def _first(column: pa.ChunkedArray, mask: pa.ChunkedArray) -> object:
    """The first value where `mask` holds, or None."""
    found = column.filter(mask)[:1].to_pylist()
    return found[0] if found else None
