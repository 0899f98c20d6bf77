"""The answer of one SQL query, streamed. The database cuts the window where that cannot change which rows it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from components.ingest.columns import from_values
from components.ingest.latest import latest_of
from components.ingest.sql_url import told, url_of, without_secrets
from components.ingest.times import TimeColumn
from components.ingest.window import Window
from serinus.core.errors import DataInvalid, SerinusError, TrainingFailed
from serinus.training.sources import SqlSource

if TYPE_CHECKING:
    from sqlalchemy import Connection, Result, Select, Subquery

BATCH_ROWS = 10_000


class SqlReader:
    """Rows of a query, which is wrapped: `SELECT columns FROM (query) AS serinus_rows WHERE time in window`."""

    text_only = False
    label = None

    def __init__(self, source: SqlSource, times: TimeColumn) -> None:
        self.times, self._query = times, source.query.strip().rstrip(";")
        self._url = url_of(source)
        self.address = told(self._url)

    def latest(self) -> pd.Timestamp | None:
        """The latest time: the database's max(), or where its times are text, a pass over the time column."""
        from sqlalchemy import func, select

        with self._connected() as connection:
            rows, example = self._probe(connection)
            if not isinstance(example, datetime):
                return latest_of(self._stream(connection, select(rows.c[self.times.name])), self.times)
            found = connection.execute(select(func.max(rows.c[self.times.name]))).scalar_one()
        return latest_of([pa.table({self.times.name: self._column(self.times.name, [found])})], self.times)

    def batches(self, columns: list[str], window: Window | None) -> Iterator[pa.Table]:
        """The rows of the answer, by a server-side cursor."""
        from sqlalchemy import select

        with self._connected() as connection:
            rows, example = self._probe(connection)
            wanted = [rows.c[name] for name in columns if name in rows.c]
            query = select(*wanted)
            if window is not None and isinstance(example, datetime):
                query = self._inside(query, rows, window, aware=example.tzinfo is not None)
            yield pa.table({column.name: pa.nulls(0) for column in wanted})
            yield from self._stream(connection, query)

    def _probe(self, connection: "Connection") -> tuple["Subquery", object]:
        """The query as a table, and one of its times: what comes as text or number, the database would order otherwise."""
        from sqlalchemy import column, literal_column, select, text

        # The line break ends a comment, the backslash keeps SQLAlchemy from seeing a parameter.
        whole = text(self._query.replace(":", "\\:") + "\n")
        rows = whole.columns().subquery("serinus_rows")
        nothing: Result[Any] = connection.execute(select(literal_column("*")).select_from(rows).limit(0))
        names = list(nothing.keys())
        self.times.require(names, self.address)
        rows = whole.columns(*(column(name) for name in names)).subquery("serinus_rows")
        time = rows.c[self.times.name]
        return rows, connection.execute(select(time).where(time.is_not(None)).limit(1)).scalar()

    def _inside(self, query: "Select[Any]", rows: "Subquery", window: Window, *, aware: bool) -> "Select[Any]":
        """`query` within the window's ends; rows without a time come too, to be told of."""
        time = rows.c[self.times.name]
        start, end = (_bound(moment, aware=aware) for moment in (window.start, window.end))
        return query.where(time.between(start, end) | time.is_(None))

    def _stream(self, connection: "Connection", query: "Select[Any]") -> Iterator[pa.Table]:
        result = connection.execution_options(stream_results=True, max_row_buffer=BATCH_ROWS).execute(query)
        names = list(result.keys())
        for batch in result.partitions(BATCH_ROWS):
            values = dict(zip(names, zip(*batch, strict=True), strict=True))
            yield pa.table({name: self._column(name, list(values[name])) for name in names})

    def _column(self, name: str, values: list[object]) -> pa.Array:
        if name == self.times.name:  # as text, so that a missing zone is seen
            return from_values([value.isoformat() if isinstance(value, datetime) else value for value in values])
        return from_values(values)

    @contextmanager
    def _connected(self) -> Iterator["Connection"]:
        """A connection, which commits nothing; its errors said without the password."""
        from sqlalchemy import create_engine
        from sqlalchemy.exc import SQLAlchemyError
        from sqlalchemy.pool import NullPool

        try:
            engine = create_engine(self._url, poolclass=NullPool)
            with engine.connect() as connection:
                yield connection
        except SerinusError:
            raise
        except (SQLAlchemyError, ImportError) as error:
            raise self._failure(error) from None  # the cause could carry the password

    def _failure(self, error: Exception) -> SerinusError:
        from sqlalchemy.exc import OperationalError, ProgrammingError

        cause = without_secrets(" ".join(str(getattr(error, "orig", None) or error).split()), self._url)[:300]
        if isinstance(error, ProgrammingError):
            return DataInvalid(f"database {self.address} refuses source.query ({cause}); correct the query")
        if isinstance(error, OperationalError):
            return TrainingFailed(
                f"database {self.address} cannot be asked ({cause}); correct source, its password, or run again when it answers"
            )
        return TrainingFailed(f"database {self.address} cannot be read ({cause}); correct source")


def _bound(moment: pd.Timestamp, *, aware: bool) -> datetime:
    value = moment.to_pydatetime(warn=False)
    return value if aware else value.astimezone(UTC).replace(tzinfo=None)
