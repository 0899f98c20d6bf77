"""The collector's prediction log: the days of the window only, and of these the rows whose label has come."""

import re
from collections.abc import Iterator
from datetime import date

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.addresses import File, find_files, shown
from components.ingest.latest import latest_of
from components.ingest.parquet_reader import SUFFIXES, ParquetReader
from components.ingest.times import TimeColumn
from components.ingest.window import Window
from serinus.core.errors import DataInvalid
from serinus.core.prediction_log import DAY, LABEL, TIME

DAY_FOLDER = re.compile(rf"/{DAY}=(\d{{4}}-\d{{2}}-\d{{2}})/")


class PredictionLogReader:
    """Rows of the log. Its `time` and `label` go by the names of the training file, unless it has columns of these."""

    text_only = False

    def __init__(self, path: str, times: TimeColumn, target: str) -> None:
        self.times, self.label = times, target
        self._aliases = {times.name: TIME, target: LABEL}
        self._days = _by_day(find_files(path, "predictionLog", SUFFIXES))
        if not self._days:
            raise DataInvalid(
                f"source {shown(path)} is no prediction log: it has no folder {DAY}=YYYY-MM-DD with Parquet files; "
                "correct source.path"
            )

    def latest(self) -> pd.Timestamp | None:
        """The time of the latest row that has its label, by the last days first."""
        for day in sorted(self._days, reverse=True):
            batches = self._reader([day]).batches([self.times.name, self.label], None)
            found = latest_of((labelled(rows, self.label) for rows in batches), self.times)
            if found is not None:
                return found
        return None

    def batches(self, columns: list[str], window: Window | None) -> Iterator[pa.Table]:
        """The rows of the days that `window` touches, with and without a label."""
        days = [day for day in sorted(self._days) if window is None or window.touches(day)]
        # Without a day inside, the last one still tells which columns there are.
        yield from self._reader(days or [max(self._days)]).batches(columns, window)

    def _reader(self, days: list[date]) -> ParquetReader:
        return ParquetReader([file for day in days for file in self._days[day]], self.times, self._aliases)


def labelled(rows: pa.Table, target: str) -> pa.Table:
    """The rows that have a label; all, where there is no such column at all."""
    if target not in rows.column_names:
        return rows
    return rows.filter(pc.invert(pc.is_null(rows[target], nan_is_null=True)))


def _by_day(files: list[File]) -> dict[date, list[File]]:
    days: dict[date, list[File]] = {}
    for file in files:
        found = DAY_FOLDER.search(file.path)
        if found:
            days.setdefault(date.fromisoformat(found[1]), []).append(file)
    return days
