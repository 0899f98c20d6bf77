"""PostgreSQL: what a batch costs there, and what becomes of a collector whose server dies."""

import os
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from serinus.collector.database import Database, DatabaseUnavailable
from serinus.collector.store import Store
from tests.collector.support import DEPLOYMENT, event, labels, labels_body, predictions, predictions_body, settings_for
from tests.collector.test_process import acknowledged_until_it_is_gone, collector
from tests.components.postgres import postgres_server, socket_folder, superuser

pytestmark = [pytest.mark.xdist_group("postgres"), pytest.mark.timeout(180)]


@pytest.fixture
def mortal() -> Iterator[Any]:
    """A PostgreSQL of this test's own."""
    with postgres_server() as server:
        yield server


def address(server: Any) -> str:
    return f"postgresql+psycopg://postgres@/postgres?host={socket_folder(server)}"


def kill(server: Any) -> None:
    """The whole server, as when its machine goes: nothing is written down before."""
    postmaster = server.get_postmaster_info().process
    everybody = [postmaster, *postmaster.children()]
    os.kill(server.get_pid(), signal.SIGKILL)
    for one in everybody[1:]:
        one.kill()
    for one in everybody:
        one.wait(30)


def labelled_rows(server: Any) -> set[str]:
    """Ids of the rows that have an answer and their label."""
    engine = superuser(socket_folder(server))
    with engine.connect() as connection:
        question = "SELECT request_id FROM serinus_row JOIN serinus_prediction ON row_id = id WHERE label = 1"
        found = list(connection.scalars(text(question)))
    engine.dispose()
    assert len(found) == len(set(found))
    return set(found)


def rows_read(store: Store) -> int:
    """By all statements so far."""
    with store.database.writing() as connection:  # the session that has done it
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
    with store.database.reading() as connection:
        question = "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables"
        return int(connection.scalar(text(question)))


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_a_batch_looks_at_no_rows_but_its_own(store: Store) -> None:
    """Before PostgreSQL has statistics, it took an index that leads to all rows of a deployment."""
    store.write([predictions(*(event(f"old{number}") for number in range(10_000)))])
    before = rows_read(store)
    for first in range(0, 200, 20):
        names = [f"r{number}" for number in range(first, first + 20)]
        store.write([predictions(*(event(name) for name in names)), labels(dict.fromkeys(names, 1))])
        store.write([predictions(*(event(name) for name in names))])
    assert rows_read(store) - before < 20 * 200


def test_after_kill_9_of_the_collector_everything_that_was_acknowledged_is_there(tmp_path: Path, mortal: Any) -> None:
    enough, taken = threading.Event(), list[str]()
    with collector(tmp_path, f"--database={address(mortal)}") as running:

        def send(sender: int) -> None:
            taken.extend(acknowledged_until_it_is_gone(running.url, sender, 0, enough))

        threads = [threading.Thread(target=send, args=(one,)) for one in range(3)]
        for thread in threads:
            thread.start()
        assert enough.wait(60)
        running.end(signal.SIGKILL)
        for thread in threads:
            thread.join(30)
    assert len(taken) >= 200
    assert set(taken) <= labelled_rows(mortal)
    with collector(tmp_path, f"--database={address(mortal)}") as again:
        question = {"since": "2026-01-01T00:00:00Z", "cohortSeconds": 86400, "revision": "aaaa"}
        answer = httpx.post(f"{again.url}/v1/deployments/{DEPLOYMENT}/quality", json=question)
        assert sum(one["labelled"] for one in answer.json()["cohorts"]) >= len(taken)


def send_through(url: str, sender: int, refused: threading.Event, enough: int) -> list[str]:
    """Send batches of 20 until `enough` were acknowledged after some was refused; the ids of those acknowledged."""
    taken: list[str] = []
    after = 0
    with httpx.Client(base_url=url, timeout=60) as client:
        while after < enough:
            names = [f"{sender}-{len(taken) + i}" for i in range(20)]
            now = datetime.now(UTC)
            body = predictions_body(*(event(name, at=now, features={"x": 1.5}) for name in names))
            codes = {
                client.post("/v1/predictions", content=body).status_code,
                client.post("/v1/labels", content=labels_body(dict.fromkeys(names, 1))).status_code,
            }
            assert codes <= {202, 200, 429, 503}
            if codes & {429, 503}:
                refused.set()
                continue  # nothing of it, or the same again
            taken += names
            after += 20 if refused.is_set() else 0
    return taken


def test_after_kill_9_of_postgresql_it_recovers_and_everything_that_was_acknowledged_is_there(
    tmp_path: Path, mortal: Any
) -> None:
    refused, taken = threading.Event(), list[str]()
    with collector(tmp_path, f"--database={address(mortal)}") as running:
        threads = [
            threading.Thread(target=lambda one=one: taken.extend(send_through(running.url, one, refused, 200)))
            for one in range(3)
        ]
        for thread in threads:
            thread.start()
        with httpx.Client(base_url=running.url) as client:
            while 'outcome="joined"' not in client.get("/metrics").text:
                assert all(thread.is_alive() for thread in threads)
        kill(mortal)
        assert refused.wait(60)
        mortal.ensure_postgres_running()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
        with pytest.raises(Exception, match="another collector works on database"):
            Database(address(mortal)).open()
        assert running.end(signal.SIGTERM) == 0
    assert len(taken) >= 600
    assert set(taken) <= labelled_rows(mortal)


def test_a_collector_whose_connection_broke_writes_nothing_while_another_has_the_database(
    tmp_path: Path, mortal: Any
) -> None:
    url = address(mortal)
    first, second = Database(url), Database(url)
    first.open()
    store = Store(first, settings_for(tmp_path, url))
    now = datetime.now(UTC)
    store.write([predictions(event("a", at=now))])
    engine = superuser(socket_folder(mortal))
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"))
    engine.dispose()
    second.open(wait_seconds=10)
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable):
            store.write([predictions(event("b", at=now))])
    Store(second, settings_for(tmp_path, url)).write([predictions(event("c", at=now))])
    with pytest.raises(DatabaseUnavailable, match="another collector works on database"):
        store.write([predictions(event("b", at=now))])
    second.close()
    [written] = store.write([predictions(event("b", at=now), event("c", at=now))])
    assert sorted((outcome.value, number) for outcome, number in written.counts.items() if number) == [
        ("duplicate", 1),
        ("stored", 1),
    ]
    first.close()
