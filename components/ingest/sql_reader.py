"""The answer of one SQL query, streamed. The database cuts the window where that cannot change which rows it is."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pandas as pd
import pyarrow as pa

from components.ingest.columns import from_values
from components.ingest.latest import latest_of
from components.ingest.times import TimeColumn
from components.ingest.window import Window
from serinus.core.errors import DataInvalid, SerinusError, TrainingFailed
from serinus.training.sources import SqlSource

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Result, Select, Subquery

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
SECRET_OPTION = re.compile("pass|secret|token|key")
BATCH_ROWS = 10_000


class SqlReader:
    """Rows of a query, which is wrapped: `SELECT columns FROM (query) AS serinus_rows WHERE time in window`."""

    text_only = False
    label = None

    def __init__(self, source: SqlSource, times: TimeColumn) -> None:
        self.times, self._query = times, source.query.strip().rstrip(";")
        self._url = _url(source.url)
        self.address = _told(self._url)

    def latest(self) -> pd.Timestamp | None:
        """The latest time: the database's max(), or where its times are text, a pass over the time column."""
        from sqlalchemy import func, select

        with self._connected() as connection:
            rows, example = self._probe(connection)
            if not isinstance(example, datetime):
                return latest_of(self._stream(connection, select(rows.c[self.times.name])), self.times)
            found = connection.execute(select(func.max(rows.c[self.times.name]))).scalar_one()
        return pd.Timestamp(found).tz_localize("UTC") if found.tzinfo is None else pd.Timestamp(found).tz_convert("UTC")

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

        cause = self._without_secrets(" ".join(str(getattr(error, "orig", None) or error).split())[:300])
        if isinstance(error, ProgrammingError):
            return DataInvalid(f"database {self.address} refuses source.query ({cause}); correct the query")
        if isinstance(error, OperationalError):
            return TrainingFailed(
                f"database {self.address} cannot be asked ({cause}); correct source, its password, or run again when it answers"
            )
        return TrainingFailed(f"database {self.address} cannot be read ({cause}); correct source")

    def _without_secrets(self, text: str) -> str:
        options = (str(value) for name, value in self._url.query.items() if SECRET_OPTION.search(name.lower()))
        for secret in filter(None, [str(self._url.password or ""), *options]):
            text = text.replace(secret, "***")
        return text


def told(source: SqlSource) -> str:
    """The source's database without user, password and options."""
    return _told(_url(source.url))


def _told(url: "URL") -> str:
    port = f":{url.port}" if url.port else ""
    return f"{url.drivername}://{url.host or ''}{port}/{url.database or ''}"


def _url(template: str) -> "URL":
    """The URL with each ${NAME} replaced by the environment's value."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    missing = sorted({name for name in VARIABLE.findall(template) if name not in os.environ})
    if missing:
        raise TrainingFailed(
            f"source.url names {', '.join(missing)}, which the environment does not have; set it, in a cluster from a secret"
        )
    try:
        return make_url(_filled_in(template))
    except (ArgumentError, ValueError):
        raise DataInvalid(
            "source.url is not an SQLAlchemy URL; write it as postgresql+psycopg://user:${PASSWORD}@host:5432/database"
        ) from None


def _filled_in(template: str) -> str:
    """`template` with the values of its variables; a user or password may hold any character."""
    user, at, rest = template.rpartition("@")
    return (
        VARIABLE.sub(lambda found: quote(os.environ[found[1]], safe=""), user)
        + at
        + VARIABLE.sub(lambda found: os.environ[found[1]], rest)
    )


def _bound(moment: pd.Timestamp, *, aware: bool) -> datetime:
    value = moment.to_pydatetime(warn=False)
    return value if aware else value.astimezone(UTC).replace(tzinfo=None)
