"""The database: opened, locked for one collector, and brought to this version's schema."""

import fcntl
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, insert, inspect, make_url, select, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from serinus.collector.settings import sqlite_file
from serinus.collector.tables import SCHEMA_VERSION, meta, metadata
from serinus.core.errors import SerinusError

LOCK_KEY: Final = 0x5E21_9005  # of PostgreSQL's advisory lock; any number that no other program takes
BUSY_MS: Final = 30_000
LOCK_POLL_SECONDS: Final = 0.1


class DatabaseUnavailable(SerinusError):
    """The database cannot be asked; what was acknowledged is safe, and nothing more is taken."""

    retriable = True


class DatabaseUnusable(SerinusError):
    """The database cannot be used as it is: a wrong address, another version's schema, another collector at work."""


class Database:
    """One writer at a time, any number of readers. Raises DatabaseUnusable, DatabaseUnavailable when it is opened."""

    def __init__(self, url: str) -> None:
        self._url = _parsed(url)
        self.shown = self._url.render_as_string(hide_password=True)
        self._file = sqlite_file(self._url.render_as_string(hide_password=False))
        self._engine = _engine(self._url)
        self._writing = Lock()
        self._lock: Any = None
        self.writer = ""

    def open(self, wait_seconds: float = 0) -> None:
        """Take the database for this process and make its tables. Another collector has so long to let it go."""
        try:
            with self._told():
                self._lock = self._taken(time.monotonic() + wait_seconds)
                with self.writing() as connection:
                    self.writer = _migrated(connection, self.shown)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let another collector have it."""
        if self._lock is not None:
            self._lock.close()
        self._engine.dispose()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is on disk when this ends. Raises DatabaseUnavailable; nothing is written then."""
        with self._told(), self._writing, self._writer() as connection, connection.begin():
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent look. Raises DatabaseUnavailable."""
        with self._told(), self._engine.connect() as connection:
            if self._engine.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    @contextmanager
    def _writer(self) -> Iterator[Connection]:
        """In PostgreSQL the connection that holds the lock: when it breaks, nothing is written until the lock is held again."""
        if self._file:
            with self._engine.connect() as connection:
                yield connection.execution_options(serinus_writes=True)
            return
        if self._lock.closed or self._lock.invalidated:
            self._lock.close()
            self._lock = _locked_connection(self._engine) or self._lock
        if self._lock.closed:
            raise DatabaseUnavailable(f"another collector works on database {self.shown}; stop it, or this one")
        yield self._lock

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            cause = " ".join(str(getattr(error, "orig", None) or error).split())[:300]
            raise DatabaseUnavailable(f"database {self.shown} cannot be asked ({cause}); it is tried again") from error

    def _taken(self, until: float) -> Any:
        """What holds the lock, and lets it go when it is closed: an open file, or a connection. Raises DatabaseUnusable."""
        while True:
            lock = _locked_file(self._file) if self._file else _locked_connection(self._engine)
            if lock is not None:
                return lock
            if time.monotonic() >= until:
                raise DatabaseUnusable(
                    f"another collector works on database {self.shown}; stop it, or give this one a database of its own"
                )
            time.sleep(LOCK_POLL_SECONDS)


def _locked_file(database: Path) -> Any:
    """An open file beside the database, with the lock; None where another has it."""
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        lock = database.with_name(f"{database.name}.lock").open("w")
    except OSError as error:
        raise DatabaseUnusable(
            f"database {database} cannot be opened ({error.strerror}); make its folder writable or name another"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def _locked_connection(engine: Engine) -> Any:
    """As `_locked_file`. It is none of the pool's, so that closing it ends the session, and the lock with it."""
    connection = engine.connect()
    try:
        connection.detach()
        with connection.begin():
            if connection.scalar(text(f"SELECT pg_try_advisory_lock({LOCK_KEY})")):
                return connection
    except BaseException:
        connection.close()
        raise
    connection.close()
    return None


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise ArgumentError
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise DatabaseUnusable(
            "the database is no SQLAlchemy URL of SQLite or PostgreSQL; write sqlite:///FILE or "
            "postgresql+psycopg://USER:PASSWORD@HOST/NAME"
        ) from None
    if parsed.get_backend_name() == "sqlite" and not parsed.database:
        raise DatabaseUnusable("the database is in memory, where nothing lasts; write sqlite:///FILE")
    return parsed.set(drivername="postgresql+psycopg") if parsed.drivername == "postgresql" else parsed


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        # Nothing is prepared: what was planned for tables as they were once is slow for what they have become.
        options = {"connect_timeout": 10, "prepare_threshold": None}
        engine = create_engine(url, pool_pre_ping=True, pool_size=5, connect_args=options)
        event.listen(engine, "do_executemany", _copy)
        return engine
    engine = create_engine(url, connect_args={"timeout": BUSY_MS / 1000, "check_same_thread": False})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _copy(cursor: Any, _: str, parameters: Sequence[Mapping[str, Any]], context: Any) -> bool:
    """Many rows for a table go by COPY, which is several times faster than a statement for each."""
    if not context.isinsert:
        return False
    table, names = context.compiled.statement.table.name, list(parameters[0])
    with cursor.copy(f"COPY {table} ({', '.join(names)}) FROM STDIN") as copy:
        for row in parameters:
            copy.write_row(list(row.values()))
    return True


def _prepare_sqlite(connection: Any, _: object) -> None:
    """FULL: a commit returns when the journal is on disk. The driver starts no transaction by itself."""
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = FULL", f"busy_timeout = {BUSY_MS}", "cache_size = -16384"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes its lock at once: one that began as a reader could be refused in the middle."""
    writes = connection.get_execution_options().get("serinus_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrated(connection: Connection, shown: str) -> str:
    """Make the tables where there are none; the name of this database as a writer of files."""
    if not inspect(connection).has_table(meta.name):
        metadata.create_all(connection)
        connection.execute(insert(meta).values(version=SCHEMA_VERSION, writer=secrets.token_hex(4)))
    found = connection.execute(select(meta.c.version, meta.c.writer)).one()
    if found.version != SCHEMA_VERSION:
        raise DatabaseUnusable(
            f"database {shown} has schema version {found.version}, and this collector knows {SCHEMA_VERSION}; "
            "run the version that wrote it, or give this one another database"
        )
    return str(found.writer)
