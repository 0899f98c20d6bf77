"""Labels in tables: CSV, Parquet, the answer of a database."""

import csv
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

from serinus.core.errors import DataInvalid

ROWS_AT_ONCE: Final = 10_000
FLAGS: Final = {"true": True, "false": False}


class Columns(NamedTuple):
    """Where a table says what. `time` is empty where it does not."""

    request_id: str
    label: str
    time: str = ""

    @property
    def names(self) -> list[str]:
        """Those that the table must have."""
        return [name for name in self if name]


class Row(NamedTuple):
    """A label as the collector is told it; None where the table has none. `number` counts from 1."""

    number: int
    request_id: str
    label: bool | float | str | None
    time: str | None


def read_table(path: Path, columns: Columns) -> Iterator[Row]:
    """The rows of a CSV or Parquet file. Raises DataInvalid."""
    read = _parquet if path.suffix.lower() in (".parquet", ".pq") else _csv
    with _readable(str(path)):
        yield from _rows(read(path, columns), columns)


def read_query(url: str, query: str, columns: Columns) -> Iterator[Row]:
    """The rows that a database answers. Raises DataInvalid, which does not name the password."""
    import sqlalchemy
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    try:
        engine = sqlalchemy.create_engine(url)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise DataInvalid(
            "--sql is no SQLAlchemy URL of a database whose driver is installed; write postgresql+psycopg://HOST/NAME or "
            "sqlite:///FILE"
        ) from error
    with _readable(engine.url.render_as_string(hide_password=True)), engine.connect() as connection:
        found = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(sqlalchemy.text(query)).mappings()
        _require(list(found.keys()), columns, "the answer of the query")
        yield from _rows((dict(row) for row in found), columns)


def _csv(path: Path, columns: Columns) -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = csv.DictReader(stream, strict=True)
        _require(list(rows.fieldnames or ()), columns, str(path))
        yield from (
            {name: _typed(row[name]) if name == columns.label else row[name] for name in columns.names} for row in rows
        )


def _parquet(path: Path, columns: Columns) -> Iterator[Mapping[str, Any]]:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    _require(file.schema_arrow.names, columns, str(path))
    for part in file.iter_batches(ROWS_AT_ONCE, columns=columns.names):
        yield from part.to_pylist()


def _require(names: list[str], columns: Columns, where: str) -> None:
    missing = [name for name in columns.names if name not in names]
    if missing:
        raise DataInvalid(
            f"{where} has no column {', '.join(missing)}, but {', '.join(names)[:300]}; name its columns by "
            "--request-id-column, --label-column and --time-column"
        )


def _rows(rows: Iterable[Mapping[str, Any]], columns: Columns) -> Iterator[Row]:
    for number, row in enumerate(rows, start=1):
        time = row[columns.time] if columns.time else None
        yield Row(
            number,
            "" if row[columns.request_id] is None else str(row[columns.request_id]),
            _label(row[columns.label]),
            time.isoformat() if isinstance(time, datetime) else (None if time in (None, "") else str(time)),
        )


def _label(value: Any) -> bool | float | str | None:
    if isinstance(value, Decimal):
        value = float(value)
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    return value if isinstance(value, bool | int | float | str) else str(value)


def _typed(text: str | None) -> bool | float | str | None:
    """What a text of a CSV file means."""
    stripped = (text or "").strip()
    if stripped.lower() in FLAGS:
        return FLAGS[stripped.lower()]
    try:
        number = float(stripped)
    except ValueError:
        return stripped or None
    return number if math.isfinite(number) else (None if math.isnan(number) else stripped)


@contextmanager
def _readable(where: str) -> Iterator[None]:
    """What files, Arrow and databases raise becomes DataInvalid."""
    try:
        yield
    except DataInvalid:
        raise
    except (OSError, ValueError, csv.Error) as error:
        raise _unreadable(where, error) from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "sqlalchemy":
            raise
        raise _unreadable(where, error) from error


def _unreadable(where: str, error: Exception) -> DataInvalid:
    cause = getattr(error, "orig", None) or error
    text = " ".join(str(cause).split())[:300] or type(cause).__name__
    return DataInvalid(f"{where} cannot be read ({text}); correct its address, the rights to it or what it holds")
