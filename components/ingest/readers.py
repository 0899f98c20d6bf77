"""What reads each kind of source."""

from collections.abc import Iterator
from typing import Protocol

import pandas as pd
import pyarrow as pa

from components.ingest.addresses import shown
from components.ingest.times import TimeColumn
from components.ingest.window import Window
from serinus.training.sources import FileSource, FunctionSource, PredictionLogSource, Source, SqlSource


class Reader(Protocol):
    """Rows of a source, whose time column `times` reads."""

    times: TimeColumn

    @property
    def text_only(self) -> bool:
        """Whether all values are text, whose types are yet to be found."""

    @property
    def label(self) -> str | None:
        """The column without whose value a row is left out."""

    def latest(self) -> pd.Timestamp | None:
        """The latest time among the rows, or None without rows, from as little of the source as will do."""

    def batches(self, columns: list[str], window: Window | None) -> Iterator[pa.Table]:
        """All rows of `window`, and perhaps others; those of `columns` that the source has."""


def reader_of(source: Source, time_column: str, target: str) -> Reader:
    """The reader of `source`. Raises DataInvalid or TrainingFailed where it is not there."""
    times = TimeColumn(time_column)
    match source:
        case FileSource(type="csv"):
            from components.ingest.csv_reader import CsvReader

            return CsvReader(source.path, times)
        case FileSource():
            from components.ingest.parquet_reader import ParquetReader

            return ParquetReader.at(source.path, times)
        case SqlSource():
            from components.ingest.sql_reader import SqlReader

            return SqlReader(source, times)
        case PredictionLogSource():
            from components.ingest.prediction_log import PredictionLogReader

            return PredictionLogReader(source.path, times, target)
        case FunctionSource():
            from components.ingest.frame_reader import FrameReader

            return FrameReader.of(source.function, times)


def address_of(source: Source) -> str:
    """Where the rows come from, as it may be told."""
    match source:
        case SqlSource():
            from components.ingest.sql_url import told, url_of

            return told(url_of(source))
        case FunctionSource():
            return source.function
        case _:
            return shown(source.path)


def asked_of(source: Source, columns: list[str], which: str) -> str:
    """What is asked of the source: its query, or nothing but the columns, of `which` rows."""
    query = f"({source.query}) " if isinstance(source, SqlSource) else ""
    return f"{query}{', '.join(columns)} of {which}"
