"""The prediction log, read by partition and column: only the days and columns that are asked for leave the store."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import chain
from typing import Any, cast

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from serinus.adapters.mlflow_client import address
from serinus.core.errors import DataInvalid
from serinus.core.prediction_log import DAY, LABEL, LABEL_TIME, PREDICTION, TIME, VERSION
from serinus.core.reference import Feature
from serinus.training.config import TrainingFeature

BATCH_ROWS = 65_536
FOOTERS_AT_ONCE = 8
READ_AHEAD = 2  # batches and files: more would only wait in memory
NEEDED = (TIME, VERSION, PREDICTION)
ANSWER_COLUMNS = (*NEEDED, LABEL, LABEL_TIME)
STORES = frozenset({"botocore", "aiobotocore", "gcsfs", "google", "aiohttp"})  # whose errors are not always OSErrors

_MOMENT = pa.timestamp("us", "UTC")
_TYPES = {TIME: _MOMENT, VERSION: pa.string(), PREDICTION: pa.float64(), LABEL: pa.float64(), LABEL_TIME: _MOMENT}
_FEATURE_TYPES = {"double": pa.float64(), "integer": pa.float64(), "string": pa.string(), "boolean": pa.string()}


@dataclass(frozen=True)
class Window:
    """The time from `start` up to, not including, `end`; both in UTC."""

    start: datetime
    end: datetime

    @property
    def days(self) -> list[str]:
        """Every day that has a part in it, as YYYY-MM-DD."""
        first, last = self.start.date(), (self.end - timedelta(microseconds=1)).date()
        return [(first + timedelta(days=i)).isoformat() for i in range((last - first).days + 1)]

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"


class Part:
    """The rows of one window, in the files that can have them."""

    def __init__(self, root: str, window: Window, dataset: Any) -> None:
        self._root, self._window, self._dataset = root, window, dataset

    @cached_property
    def columns(self) -> dict[str, Any]:
        """The columns that the files have, each with its types there."""
        found: dict[str, set[Any]] = {}
        # A request each, where the log is in a bucket.
        with _readable(self._root), ThreadPoolExecutor(FOOTERS_AT_ONCE) as threads:
            schemas = threads.map(lambda fragment: fragment.physical_schema, self._dataset.get_fragments())
            for field in chain.from_iterable(schemas):
                found.setdefault(field.name, set()).add(field.type)
        return found

    def batches(self, columns: Sequence[str], version: str = "") -> Iterator[Any]:
        """The rows' `columns` as Arrow batches, of one version if it is named. Raises DataInvalid."""
        self._refuse_text(columns)
        scanner = self._dataset.scanner(
            columns=list(columns),
            filter=self._filter(version),
            batch_size=BATCH_ROWS,
            batch_readahead=READ_AHEAD,
            fragment_readahead=READ_AHEAD,
        )
        with _readable(self._root):
            yield from scanner.to_batches()

    def frame(self, columns: Sequence[str], version: str = "") -> pd.DataFrame:
        """The rows' `columns`, all in memory. Raises DataInvalid."""
        schema = pa.schema([self._dataset.schema.field(name) for name in columns])
        return cast("pd.DataFrame", pa.Table.from_batches(self.batches(columns, version), schema=schema).to_pandas())

    def _filter(self, version: str) -> Any:
        start, end = (pa.scalar(moment, _MOMENT) for moment in (self._window.start, self._window.end))
        inside = (ds.field(TIME) >= start) & (ds.field(TIME) < end)
        return inside & (ds.field(VERSION) == version) if version else inside

    def _refuse_text(self, columns: Sequence[str]) -> None:
        """Arrow would parse numbers of it, and would not name the column where it cannot."""
        numbers = [name for name in columns if pa.types.is_floating(self._dataset.schema.field(name).type)]
        texts = [name for name in numbers if any(map(_is_text, self.columns.get(name, ())))]
        if texts:
            raise DataInvalid(
                f"{', '.join(texts)} is text in the prediction log {self._root}, and a number is expected; "
                "correct the type in the training file, or what writes the log"
            )


class PredictionLog:
    """The log of one model at `root`, a folder or an address that fsspec knows (s3://, gs://)."""

    def __init__(self, root: str) -> None:
        self._address = root
        self.root = address(root)  # as it may be shown

    def part(self, window: Window, features: Iterable[Feature | TrainingFeature] = ()) -> Part:
        """What the log has of `window`, with the columns of `features`. Raises DataInvalid where there is no log."""
        filesystem, path = self._place
        schema = pa.schema([*({one.name: _FEATURE_TYPES[one.type] for one in features} | _TYPES).items()])
        with _readable(self.root):
            files = [
                file
                for day in window.days
                if day in self._days
                for file in sorted(filesystem.glob(f"{path}/{DAY}={day}/*.parquet"))
            ]
            return Part(self.root, window, ds.dataset(files, schema=schema, format="parquet", filesystem=filesystem))

    def answers(self, window: Window) -> pd.DataFrame:
        """What was answered and what was right, ordered by time: ANSWER_COLUMNS, without any feature.

        Raises DataInvalid where there is no log, no row in the window, or no column that a prediction log has.
        """
        part = self.part(window)
        absent = [name for name in NEEDED if part.columns and name not in part.columns]
        if absent:
            raise DataInvalid(f"{self.root} has no column {', '.join(absent)}; name the folder of a prediction log")
        rows = part.frame(ANSWER_COLUMNS)
        if not len(rows):
            raise DataInvalid(f"no row of the prediction log {self.root} is of {window}; {self._known_days()}")
        return rows.sort_values(TIME, kind="stable", ignore_index=True)

    @cached_property
    def _place(self) -> tuple[Any, str]:
        from fsspec.core import url_to_fs

        with _readable(self.root):
            filesystem, path = url_to_fs(self._address)
            filesystem.invalidate_cache()  # listings of an earlier look in this process
            return filesystem, path

    @cached_property
    def _days(self) -> list[str]:
        """The days that the log has a folder of, in order."""
        filesystem, path = self._place
        if not filesystem.isdir(path):
            raise DataInvalid(
                f"there is no prediction log at {self.root}; correct its address, or start what writes it"
            )
        names = [entry.rstrip("/").rpartition("/")[2] for entry in filesystem.ls(path, detail=False)]
        return sorted(_day(self.root, name) for name in names if name.startswith(f"{DAY}="))

    def _known_days(self) -> str:
        if not self._days:
            return f"it has no folder {DAY}=YYYY-MM-DD: correct its address, or wait for the first requests"
        return f"its days are {self._days[0]} to {self._days[-1]}: widen the window or name another end of it"


def _day(root: str, folder: str) -> str:
    text = folder.removeprefix(f"{DAY}=")
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise DataInvalid(f"folder {folder} of the prediction log {root} is not of a day; remove it") from error


def _is_text(kind: Any) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


@contextmanager
def _readable(root: str) -> Iterator[None]:
    """What files, Arrow and the libraries of object stores raise becomes DataInvalid."""
    try:
        yield
    except Exception as error:
        roots = {kind.__module__.split(".")[0] for kind in type(error).__mro__}
        if not (isinstance(error, OSError | ValueError | ImportError) or roots & STORES):
            raise
        cause = " ".join(str(error).split())[:300]
        raise DataInvalid(
            f"the prediction log {root} cannot be read ({type(error).__name__}: {cause}); "
            "correct its address, the rights to it or the file"
        ) from error
