"""A store on SQLite and on PostgreSQL, and a collector in this process with its endpoints."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from serinus.collector.database import Database
from serinus.collector.store import Store
from tests.collector.support import FakeClock, settings_for
from tests.components.postgres import postgres, superuser

MakeStore = Callable[..., Store]


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The folder of PostgreSQL's socket."""
    with postgres() as host:
        yield host


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.xdist_group("postgres"))])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of its own for each test."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/collector.db"
        return
    host, name = request.getfixturevalue("server"), f"t{abs(hash(tmp_path.name))}"
    engine = superuser(host).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield f"postgresql+psycopg://postgres@/{name}?host={host}"
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def make_store(url: str, tmp_path: Path, clock: FakeClock) -> Iterator[MakeStore]:
    """Opens a store with these settings; one that was opened before is closed, as at a restart."""
    opened: list[Database] = []

    def make(**settings: object) -> Store:
        while opened:
            opened.pop().close()
        database = Database(url)
        opened.append(database)
        database.open(wait_seconds=5)
        return Store(database, settings_for(tmp_path, url, **settings), clock)

    yield make
    while opened:
        opened.pop().close()


@pytest.fixture
def store(make_store: MakeStore) -> Store:
    return make_store()
