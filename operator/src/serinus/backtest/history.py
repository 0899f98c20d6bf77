"""The table that is replayed: rows in time order, and when each one's label comes."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from components.ingest.order import data_digest, in_order
from components.ingest.readers import Reader, address_of, reader_of
from components.ingest.rows import all_rows
from serinus.core.errors import DataInvalid, SpecInvalid
from serinus.training.config import TrainingConfig
from serinus.training.sources import FileSource, Source

Moments: TypeAlias = NDArray[np.int64]
Numbers: TypeAlias = NDArray[np.float64]

FORMATS = {".csv": "csv", ".parquet": "parquet", ".parq": "parquet", ".pq": "parquet"}
NEVER = np.iinfo(np.int64).max
FEWEST_ROWS = 20


@dataclass(frozen=True)
class History:
    """`table` is in time order, as ingest keeps it. `source` is where it was read from; a label takes `label_delay`."""

    table: pa.Table
    config: TrainingConfig
    source: Source
    label_delay: timedelta

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The rows as steps read them from a snapshot."""
        frame: pd.DataFrame = self.table.to_pandas()
        return frame

    @cached_property
    def times(self) -> Moments:
        """When each row was asked for, nanoseconds since 1970, ascending."""
        return np.asarray(self.table[self.config.time_column].cast(pa.int64()).to_numpy(), dtype=np.int64)

    @cached_property
    def truth(self) -> Numbers:
        """The label of each row as a number, NaN where none ever comes."""
        return np.asarray(pd.to_numeric(self.frame[self.config.target], errors="coerce"), dtype=np.float64)

    @cached_property
    def label_times(self) -> Moments:
        """When each row's label comes, NEVER where it does not."""
        delay = round(self.label_delay.total_seconds() * 1e9)
        return np.where(np.isnan(self.truth), NEVER, self.times + delay)

    @cached_property
    def digest(self) -> str:
        """`sha256:<hex>` of the rows."""
        return data_digest(self.table)

    @property
    def first(self) -> datetime:
        """The time of the earliest row."""
        return moment(int(self.times[0]))

    @property
    def last(self) -> datetime:
        """The time of the latest row."""
        return moment(int(self.times[-1]))

    def before(self, now: datetime) -> int:
        """How many rows were asked for by `now`."""
        return int(np.searchsorted(self.times, nanoseconds(now), side="right"))

    def labelled_by(self, now: datetime) -> pa.Table:
        """The rows before `now` whose label has come by then: what a pipeline could read."""
        count = int(np.searchsorted(self.times, nanoseconds(now), side="left"))
        known = self.label_times[:count] <= nanoseconds(now)
        return self.table.slice(0, count).filter(pa.array(known))


def nanoseconds(at: datetime) -> int:
    """`at` as rows have their times."""
    whole = at.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (whole.days * 86_400 + whole.seconds) * 1_000_000_000 + whole.microseconds * 1000


def moment(at: int) -> datetime:
    """The other way, to the microsecond below."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at // 1000)


def source_of(config: TrainingConfig, data: Path | None) -> Source:
    """The file `data`, or without one the training file's own source. Raises SpecInvalid for a file of another kind."""
    if data is None:
        return config.source
    if data.suffix not in FORMATS:
        raise SpecInvalid(f"{data} is neither Parquet nor CSV by its name; write --data FILE.parquet or FILE.csv")
    return FileSource(type=FORMATS[data.suffix], path=str(data))


def read_history(config: TrainingConfig, source: Source, label_delay: timedelta) -> History:
    """All rows of `source`, with what the training file declares. Raises DataInvalid where they cannot be replayed."""
    reader = reader_of(source, config.time_column, config.target)
    rows = all_rows(reader, config)
    _refuse_missing(rows, config, source, reader)
    ordered, _ = in_order(rows, config.time_column)
    history = History(ordered, config, source, label_delay)
    _refuse_unusable(history)
    return history


def _refuse_missing(rows: pa.Table, config: TrainingConfig, source: Source, reader: Reader) -> None:
    missing = [name for name in config.columns if name not in rows.column_names]
    if not missing:
        return
    beside = sorted(reader.times.beside - set(config.columns))
    other = f" (it has {', '.join(beside)})" if beside else ""
    theirs = address_of(config.source)
    elsewhere = f"; the training file is for {theirs}, give its rows by --data" if theirs != address_of(source) else ""
    raise DataInvalid(
        f"{address_of(source)} has no column {', '.join(missing)}, which the training file of {config.model} "
        f"declares{other}{elsewhere}; correct --data or the training file"
    )


def _refuse_unusable(history: History) -> None:
    where, config = address_of(history.source), history.config
    if len(history) < FEWEST_ROWS:
        raise DataInvalid(
            f"{where} has {len(history)} rows, and a backtest needs {FEWEST_ROWS} or more; give more of it"
        )
    labels = history.truth[~np.isnan(history.truth)]
    if not len(labels):
        raise DataInvalid(
            f'no row of {where} has a label in "{config.target}", so nothing can be trained or judged; join the labels '
            "to their rows, or correct target"
        )
    _refuse_labels(labels, history)
    if history.first + history.label_delay >= history.last:
        raise DataInvalid(
            f"the rows of {where} go from {history.first:%Y-%m-%d %H:%M} to {history.last:%Y-%m-%d %H:%M}, and a label "
            "comes after --label-delay, which is no sooner: no label ever comes; give a longer history or a shorter delay"
        )


def _refuse_labels(labels: Numbers, history: History) -> None:
    config, values = history.config, np.unique(labels)
    if config.task != "classification":
        return
    if not set(values.tolist()) <= {0.0, 1.0}:
        raise DataInvalid(
            f'"{config.target}" has the label {values[~np.isin(values, (0, 1))][0]:g}, and a classification has 0 and 1; '
            "write the labels so, or set task: regression"
        )
    if len(values) < 2:
        raise DataInvalid(
            f'every label in "{config.target}" is {values[0]:g}, so there is nothing to tell apart; give a history with '
            "both classes"
        )
