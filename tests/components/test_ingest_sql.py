"""Rows of a database: PostgreSQL, a real one, and SQLite, which keeps times as text."""

import json
import sqlite3
import sys
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import pytest
from sqlalchemy import Engine, event, text

from components.ingest import sql_reader
from components.ingest.step import CARD_FILE, DATA_FILE, ingest
from components.validate.step import violations
from serinus.core.errors import DataInvalid, SerinusError, TrainingFailed
from serinus.training.config import TrainingConfig
from serinus.training.sources import SqlSource
from tests.components.conftest import make_trips
from tests.components.postgres import PASSWORD, READER, postgres, superuser

pytestmark = pytest.mark.xdist_group("postgres")  # for root, the wheel makes a user for the server at its first start

URL = f"postgresql+psycopg://{READER}:${{TRIPS_PASSWORD}}@/postgres?host=${{TRIPS_HOST}}"
QUERY = "SELECT *, 'a:b' AS note, 1::int AS one FROM trips -- all of them; with a comment"


@pytest.fixture(scope="module")
def server() -> Iterator[Engine]:
    with postgres() as host:
        engine = superuser(host)
        trips = make_trips()
        trips.to_sql("trips", engine, index=False)
        trips.assign(at=trips["at"].dt.tz_localize(None)).to_sql("naive", engine, index=False)
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE trips ALTER COLUMN distance TYPE numeric(20, 6)"))
            connection.execute(text("SET TimeZone TO 'Asia/Tokyo'"))
            connection.execute(text(f"ALTER ROLE {READER} SET TimeZone TO 'Asia/Tokyo'"))
        yield engine
        engine.dispose()


@pytest.fixture(autouse=True)
def environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIPS_PASSWORD", PASSWORD)
    if "server" in request.fixturenames:
        monkeypatch.setenv("TRIPS_HOST", str(request.getfixturevalue("server").url.query["host"]))


def asking(config: TrainingConfig, query: str = QUERY, url: str = URL, **fields: object) -> TrainingConfig:
    return config.model_copy(update={"source": SqlSource(type="sql", url=url, query=query), **fields})


def rows_of(config: TrainingConfig, root: Path) -> pd.DataFrame:
    return pd.read_parquet(ingest(config, root / "snapshots")[0] / DATA_FILE)


def refused(config: TrainingConfig, root: Path, kind: type[SerinusError]) -> str:
    """What is said; the password is nowhere in it, nor in what an exception drags along."""
    with pytest.raises(kind) as caught:
        ingest(config, root / "snapshots")
    assert not (root / "snapshots").exists()
    shown = "".join(traceback.format_exception(caught.value))
    assert PASSWORD not in shown
    assert quote(PASSWORD, safe="") not in shown
    return str(caught.value)


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Every statement that is sent to a database."""
    sent: list[str] = []

    def remember(_: object, __: object, statement: str, *___: object) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", remember)
    yield sent
    event.remove(Engine, "before_cursor_execute", remember)


def test_the_rows_of_a_query_are_those_of_the_table(
    server: Engine, config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    rows = rows_of(asking(config), tmp_path)
    pd.testing.assert_frame_equal(rows, trips, check_like=True, rtol=1e-6)


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("table", ["trips", "naive"])
def test_the_database_cuts_the_window_whatever_zone_it_speaks(
    table: str, config: TrainingConfig, tmp_path: Path, statements: list[str]
) -> None:
    one = asking(config, f"SELECT * FROM {table};", as_of=datetime(2024, 1, 5, tzinfo=UTC), window=timedelta(days=1))
    assert sorted(rows_of(one, tmp_path)["trip"]) == list(range(120, 160))
    assert "BETWEEN" in statements[-1]
    latest = one.model_copy(update={"as_of": None})
    assert sorted(rows_of(latest, tmp_path)["trip"]) == list(range(360, 400))
    assert any("max(" in statement for statement in statements)


def test_only_the_columns_of_the_file_are_selected(
    server: Engine, config: TrainingConfig, tmp_path: Path, statements: list[str]
) -> None:
    assert list(rows_of(asking(config), tmp_path)) == config.columns
    assert "serinus_rows.distance" in statements[-1]
    assert "serinus_rows.note" not in statements[-1]


def test_rows_come_by_a_cursor_of_the_server_in_batches(
    server: Engine, config: TrainingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ingest(asking(config), tmp_path / "snapshots")[1].digest
    named: list[bool] = []

    def remember(_: object, cursor: object, *__: object) -> None:
        named.append(type(cursor).__name__ == "ServerCursor")

    event.listen(Engine, "after_cursor_execute", remember)
    monkeypatch.setattr(sql_reader, "BATCH_ROWS", 7)
    assert ingest(asking(config), tmp_path / "snapshots")[1].digest == whole
    event.remove(Engine, "after_cursor_execute", remember)
    assert named[-1]


def test_the_card_names_the_database_and_the_query_without_the_password(
    server: Engine, config: TrainingConfig, tmp_path: Path
) -> None:
    folder, card = ingest(asking(config), tmp_path)
    assert card.source == "postgresql+psycopg:///postgres"
    assert card.query.startswith(f"({QUERY}) at, trip, distance")
    assert PASSWORD not in (folder / CARD_FILE).read_text()
    assert json.loads((folder / CARD_FILE).read_text())["rows"] == 400


def test_a_row_without_a_time_is_told_although_the_database_cuts(
    server: Engine, config: TrainingConfig, tmp_path: Path
) -> None:
    query = "SELECT * FROM trips UNION ALL SELECT NULL, 1, 1, 1, 1, 'AA', true, 1"
    for as_of in (None, datetime(2024, 1, 5, tzinfo=UTC)):
        said = refused(asking(config, query, as_of=as_of), tmp_path, DataInvalid)
        assert '"at" is not a time in 1 of' in said
        assert "as in an empty value" in said


def test_a_renamed_column_reaches_validate_and_a_renamed_time_does_not(
    server: Engine, config: TrainingConfig, tmp_path: Path
) -> None:
    one = asking(config, "SELECT at, trip, distance, wind AS gust, stops, carrier, rainy, late FROM trips")
    assert [(v.column, v.rule) for v in violations(rows_of(one, tmp_path / "a"), one)] == [("wind", "missing column")]
    said = refused(asking(config, "SELECT at AS moment, trip FROM trips"), tmp_path, DataInvalid)
    assert 'time column "at" is missing; postgresql+psycopg:///postgres has moment, trip' in said


def test_a_time_without_end_is_told(server: Engine, config: TrainingConfig, tmp_path: Path) -> None:
    query = "SELECT '9999-12-31'::timestamp AS at, 1 AS trip"
    said = refused(asking(config, query), tmp_path, DataInvalid)
    assert "is not a time in 1 of 1 rows, as in '9999-12-31T00:00:00'" in said


def test_an_empty_answer_is_an_empty_snapshot(server: Engine, config: TrainingConfig, tmp_path: Path) -> None:
    for as_of in (None, datetime(2024, 1, 5, tzinfo=UTC)):
        one = asking(config, "SELECT * FROM trips WHERE false", as_of=as_of)
        assert [found.rule for found in violations(rows_of(one, tmp_path), one)] == ["empty window"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT * FROM journeys", 'refuses source.query (relation "journeys" does not exist'),
        ("SELEC 1", 'refuses source.query (syntax error at or near "1"'),
        ("DELETE FROM trips RETURNING *", "refuses source.query ("),
    ],
)
def test_a_query_that_the_database_refuses_is_told(
    query: str, said: str, server: Engine, config: TrainingConfig, tmp_path: Path
) -> None:
    assert said in refused(asking(config, query), tmp_path, DataInvalid)
    with server.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM trips")).scalar() == 400


def test_a_wrong_password_is_told_and_not_repeated(
    server: Engine, config: TrainingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIPS_PASSWORD", "guess-me")
    said = refused(asking(config), tmp_path, TrainingFailed)
    assert 'password authentication failed for user "reader"' in said
    assert "guess-me" not in said


def test_a_database_that_is_not_there_is_told(config: TrainingConfig, tmp_path: Path) -> None:
    url = "postgresql+psycopg://reader:${TRIPS_PASSWORD}@127.0.0.1:1/trips"
    said = refused(asking(config, url=url), tmp_path, TrainingFailed)
    assert "database postgresql+psycopg://127.0.0.1:1/trips cannot be asked (" in said
    assert "refused" in said
    assert "run again when it answers" in said


def test_a_variable_that_is_not_set_is_named(
    config: TrainingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRIPS_PASSWORD")
    monkeypatch.setenv("TRIPS_HOST", "here")
    said = refused(asking(config), tmp_path, TrainingFailed)
    assert (
        said
        == "source.url names TRIPS_PASSWORD, which the environment does not have; set it, in a cluster from a secret"
    )


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("trips", "source.url is not an SQLAlchemy URL"),
        ("postgresql://u:${TRIPS_PASSWORD}@host:port/db", "source.url is not an SQLAlchemy URL"),
        ("oraculum://u:${TRIPS_PASSWORD}@host/db", "oraculum"),
    ],
)
def test_an_url_that_names_no_database_is_refused(url: str, said: str, config: TrainingConfig, tmp_path: Path) -> None:
    assert said in refused(asking(config, url=url), tmp_path, SerinusError)


def test_a_driver_that_is_not_installed_is_named(
    config: TrainingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "MySQLdb", None)
    assert "MySQLdb" in refused(asking(config, url="mysql://u@127.0.0.1/db"), tmp_path, TrainingFailed)


def test_times_that_the_database_keeps_as_text_are_cut_here(
    config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path, statements: list[str]
) -> None:
    trips["at"] = [
        f"{at.tz_convert('Asia/Tokyo').isoformat()}" if row % 2 else at.isoformat()
        for row, at in enumerate(trips["at"])
    ]
    with sqlite3.connect(tmp_path / "trips.db") as connection:
        trips.to_sql("trips", connection, index=False)
    one = asking(config, "SELECT * FROM trips", f"sqlite:///{tmp_path}/trips.db", window=timedelta(days=1))
    assert sorted(rows_of(one, tmp_path)["trip"]) == list(range(360, 400))
    assert not any("BETWEEN" in statement or "max(" in statement for statement in statements)


def test_values_of_several_types_reach_validate(config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path) -> None:
    mixed = trips.astype({"distance": object, "rainy": bool})
    mixed.loc[3, "distance"] = "far"
    with sqlite3.connect(tmp_path / "trips.db") as connection:
        mixed.to_sql("trips", connection, index=False)
    one = asking(config, "SELECT * FROM trips", f"sqlite:///{tmp_path}/trips.db")
    found = [(v.column, v.rule, v.rows) for v in violations(rows_of(one, tmp_path), one)]
    assert ("distance", "wrong type", 1) in found
