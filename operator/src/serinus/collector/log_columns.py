"""Rows to the columns of a file of the prediction log."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import orjson
import pyarrow as pa

from serinus.core.prediction_log import (
    COLUMNS,
    DEPLOYMENT,
    LABEL,
    LABEL_TIME,
    PREDICTION,
    REQUEST_ID,
    REVISION,
    TIME,
    VERSION,
)

MOMENT: Final = pa.timestamp("us", "UTC")
INT64: Final = 2**63


class LoggedRow(NamedTuple):
    """An answered row as the database has it. Times in microseconds."""

    request_id: str
    time: int
    revision: str
    version: str
    value: float | None
    text: str | None
    label: float | None
    label_time: int | None
    features: str


def table_of(deployment: str, rows: Sequence[LoggedRow]) -> pa.Table:
    """The columns of the log, and one for each feature that any row has.

    A feature that has the name of a column of the log is left out: the log's own column is meant by it.
    """
    columns = {
        REQUEST_ID: pa.array([row.request_id for row in rows], pa.string()),
        TIME: pa.array([row.time for row in rows], pa.int64()).cast(MOMENT),
        DEPLOYMENT: pa.array([deployment] * len(rows), pa.string()),
        REVISION: pa.array([row.revision for row in rows], pa.string()),
        VERSION: pa.array([row.version for row in rows], pa.string()),
        PREDICTION: column_of([row.text if row.value is None else row.value for row in rows]),
        LABEL: pa.array([row.label for row in rows], pa.float64()),
        LABEL_TIME: pa.array([row.label_time for row in rows], pa.int64()).cast(MOMENT),
    }
    return pa.table(columns | {name: column_of(values) for name, values in _features(rows).items()})


def _features(rows: Sequence[LoggedRow]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for place, row in enumerate(rows):
        for name, value in orjson.loads(row.features).items():
            if name not in COLUMNS:
                found.setdefault(name, [None] * len(rows))[place] = value
    return found


def column_of(values: Sequence[Any]) -> pa.Array:
    """Flags, whole numbers, numbers or texts, whichever all are; the texts of values that have nothing in common."""
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return pa.nulls(len(values))
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    if kinds == {int} and all(value is None or -INT64 <= value < INT64 for value in values):
        return pa.array(values, pa.int64())
    if kinds <= {int, float}:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    return pa.array(
        [value if value is None or isinstance(value, str) else _text(value) for value in values], pa.string()
    )


def _text(value: bool | float) -> str:
    return orjson.dumps(value).decode()
