"""Parquet files: of each only the columns asked for, and the row groups whose statistics reach into the window."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from urllib.parse import unquote

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from components.ingest.addresses import File, find_files, reading
from components.ingest.latest import latest_of
from components.ingest.times import TimeColumn
from components.ingest.window import Window

SUFFIXES = (".parquet", ".parq", ".pq")
BATCH_ROWS = 1 << 16
PARTITION = re.compile(r"([^/=]+)=([^/]*)/")
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


class ParquetReader:
    """Rows of Parquet files. A column that a file lacks is read by its name in `aliases`, or from its path (`key=value`)."""

    text_only = False
    label = None

    def __init__(self, files: list[File], times: TimeColumn, aliases: dict[str, str] | None = None) -> None:
        self._files, self.times, self._aliases = files, times, aliases or {}

    @classmethod
    def at(cls, path: str, times: TimeColumn) -> "ParquetReader":
        """A reader of the file, folder or pattern `path`."""
        return cls(find_files(path, "parquet", SUFFIXES), times)

    def latest(self) -> pd.Timestamp | None:
        """The latest time: what statistics say of it, and the time column of the row groups that have none."""
        known: list[pd.Timestamp] = []
        for file in self._files:
            with reading(file.address, "parquet"), file.seekable() as stream:
                parquet = pq.ParquetFile(stream)
                spans = self._spans(parquet, self._sources(file, parquet.schema_arrow.names)[self.times.name])
                known += [span[1] for span in spans if span]
                unknown = [group for group, span in enumerate(spans) if span is None]
                read = latest_of(self._rows(file, parquet, [self.times.name], unknown), self.times)
                known += [read] if read is not None else []
        return max(known, default=None)

    def batches(self, columns: list[str], window: Window | None) -> Iterator[pa.Table]:
        """The rows of all files whose row groups can reach into `window`."""
        for file in self._files:
            with reading(file.address, "parquet"), file.seekable() as stream:
                parquet = pq.ParquetFile(stream)
                time_source = self._sources(file, parquet.schema_arrow.names)[self.times.name]
                spans = self._spans(parquet, time_source)
                inside = [i for i, span in enumerate(spans) if not (window and span) or window.may_hold(*span)]
                yield from self._rows(file, parquet, columns, inside)

    def _sources(self, file: File, names: list[str]) -> dict[str, str | None]:
        """Every column that can be read of the file, and the file's own name for it; None if its path says it."""
        found: dict[str, str | None] = dict.fromkeys(_partition(file.path))
        found |= {name: name for name in names}
        found |= {ours: theirs for ours, theirs in self._aliases.items() if theirs in names and ours not in names}
        self.times.require(found, file.address)
        return found

    def _rows(self, file: File, parquet: pq.ParquetFile, columns: list[str], groups: list[int]) -> Iterator[pa.Table]:
        sources = self._sources(file, parquet.schema_arrow.names)
        wanted = {name: sources[name] for name in columns if name in sources}
        inside = sorted({name for name in wanted.values() if name is not None})
        yield self._named(parquet.schema_arrow.empty_table(), wanted, file)
        for batch in parquet.iter_batches(BATCH_ROWS, row_groups=groups, columns=inside) if groups else ():
            yield self._named(pa.Table.from_batches([batch]), wanted, file)

    def _named(self, rows: pa.Table, wanted: dict[str, str | None], file: File) -> pa.Table:
        partition = _partition(file.path)
        return pa.table(
            {
                ours: rows[theirs] if theirs is not None else pa.array([partition[ours]] * len(rows))
                for ours, theirs in wanted.items()
            }
        )

    def _spans(self, parquet: pq.ParquetFile, column: str | None) -> list[tuple[pd.Timestamp, pd.Timestamp] | None]:
        """(earliest, latest) of each row group; None where it is not known, or a time is missing."""
        groups = range(parquet.num_row_groups)
        kind = parquet.schema_arrow.field(column).type if column is not None else pa.null()
        if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
            return [None for _ in groups]
        position = [parquet.schema.column(i).path for i in range(len(parquet.schema))].index(column)
        return [_span(parquet.metadata.row_group(group).column(position)) for group in groups]


def _span(chunk: Any) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    statistics = chunk.statistics
    if statistics is None or not statistics.has_min_max or statistics.null_count:
        return None
    try:
        return _moment(statistics.min), _moment(statistics.max)
    except pd.errors.OutOfBoundsDatetime:  # told when it is read
        return None


def _moment(value: datetime | date) -> pd.Timestamp:
    moment = pd.Timestamp(value).as_unit("ns")
    return moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")


def _partition(path: str) -> dict[str, object]:
    """The columns that the folders of `path` are named for."""
    return {key: _partition_value(unquote(value)) for key, value in PARTITION.findall(path)}


def _partition_value(text: str) -> object:
    if text == NO_VALUE:
        return None
    return int(text) if re.fullmatch(r"-?\d{1,18}", text) else text
