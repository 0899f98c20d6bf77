"""`serinus labels import`, from every kind of table to a real collector's endpoints."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uvicorn
from typer.testing import CliRunner

from serinus.cli.app import app
from serinus.collector.app import build_app
from serinus.collector.compose import Parts
from serinus.collector.database import Database
from serinus.collector.main import _bound
from tests.collector.support import DEPLOYMENT, event, predictions_body, settings_for

CSV = "id,late,known\na,1,2026-11-20T13:00:00Z\nb,false,2026-11-20T14:00:00+01:00\nc,,\nz,0,\n"


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("collector")
    url = f"sqlite:///{folder}/collector.db"
    database = Database(url)
    database.open()
    listener = _bound("127.0.0.1", 0)
    listener.listen()
    server = uvicorn.Server(uvicorn.Config(build_app(Parts(settings_for(folder, url), database)), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(20)
    database.close()


@pytest.fixture
def deployment(collector: str, request: pytest.FixtureRequest) -> str:
    """A deployment of each test's own, which has answered a, b and c."""
    name = f"ml/t{abs(hash(request.node.name))}"
    now = datetime.now(UTC)
    body = predictions_body(*(event(one, at=now) for one in "abc"), deployment=name)
    assert httpx.post(f"{collector}/v1/predictions", content=body).status_code == 202
    return name


def run(*arguments: str, code: int = 0) -> tuple[dict[str, int], str]:
    """The outcomes and what was said on stderr."""
    done = CliRunner().invoke(app, ["labels", "import", "--json", *arguments])
    assert done.exit_code == code, done.output
    return (json.loads(done.stdout) if done.stdout else {}), done.stderr


def columns(*time: str) -> list[str]:
    return ["--request-id-column=id", "--label-column=late", *(f"--time-column={one}" for one in time)]


def test_a_csv_file_is_sent_and_again_it_is_all_duplicates(collector: str, deployment: str, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(CSV)
    arguments = [
        str(tmp_path / "labels.csv"),
        f"--collector={collector}",
        f"--deployment={deployment}",
        "--batch=2",
        *columns("known"),
    ]
    summary, _ = run(*arguments)
    assert summary == {"sent": 3, "skipped": 1, "outcomes": {"joined": 2, "unknown": 1}}
    assert run(*arguments)[0]["outcomes"] == {"duplicate": 3}


def test_a_parquet_file_is_sent(collector: str, deployment: str, tmp_path: Path) -> None:
    known = pa.array([datetime(2026, 11, 20, 13, tzinfo=UTC)] * 3)
    table = pa.table({"id": ["a", "b", "c"], "late": [1.0, 0.0, None], "known": known, "more": [1, 2, 3]})
    pq.write_table(table, tmp_path / "labels.parquet")
    summary, _ = run(
        str(tmp_path / "labels.parquet"), f"--collector={collector}", f"--deployment={deployment}", *columns("known")
    )
    assert summary == {"sent": 2, "skipped": 1, "outcomes": {"joined": 2}}


def test_the_answer_of_a_query_is_sent(
    collector: str, deployment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite3.connect(tmp_path / "results.db") as connection:
        connection.execute("CREATE TABLE landed (flight TEXT, late BOOLEAN)")
        connection.executemany("INSERT INTO landed VALUES (?, ?)", [("a", 1), ("b", 0), ("c", None)])
    monkeypatch.setenv("SERINUS_LABELS_SQL", f"sqlite:///{tmp_path}/results.db")
    query = "--query=SELECT flight AS id, late FROM landed"
    summary, _ = run(query, f"--collector={collector}", f"--deployment={deployment}", *columns())
    assert summary == {"sent": 2, "skipped": 1, "outcomes": {"joined": 2}}


def test_bad_rows_are_told_by_number_and_the_others_are_taken(collector: str, deployment: str, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("id,late,known\na,7,\nb,1,2026-11-20 13:00\nc,1,\nc,0,\n")
    arguments = [f"--collector={collector}", f"--deployment={deployment}", *columns("known")]
    summary, said = run(str(tmp_path / "labels.csv"), *arguments, code=1)
    assert summary["outcomes"] == {"invalid": 2, "joined": 1, "contradictory": 1}
    assert 'row 1, request "a": label 7.0 is not 0 or 1' in said
    assert 'row 2, request "b": time: Input should have timezone info' in said
    assert 'row 4, request "c": the label is 1 since' in said


def test_what_cannot_be_read_or_sent_is_a_sentence_and_an_exit_code(collector: str, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(CSV)
    (tmp_path / "labels.parquet").write_text("none")
    table, to = str(tmp_path / "labels.csv"), [f"--collector={collector}", f"--deployment={DEPLOYMENT}"]
    assert "has no column requestId, label, but id, late, known" in run(table, *to, code=3)[1]
    assert "cannot be read" in run(str(tmp_path / "labels.parquet"), *to, code=3)[1]
    assert "cannot be read" in run(str(tmp_path / "absent.csv"), *to, code=3)[1]
    assert "give a file, or --sql with --query" in run(table, "--sql=sqlite://", *to, code=2)[1]
    assert "give a file, or --sql with --query" in run(*to, code=2)[1]
    assert "is no SQLAlchemy URL" in run("--sql=x", "--query=y", *to, code=3)[1]
    assert "no such table: t" in run("--sql=sqlite://", "--query=SELECT * FROM t", *to, code=3)[1]
    assert (
        "write namespace/name" in run(table, f"--collector={collector}", "--deployment=flights", *columns(), code=1)[1]
    )
    away = run(
        table, "--collector=http://127.0.0.1:1", f"--deployment={DEPLOYMENT}", "--patience=0", *columns(), code=3
    )[1]
    assert "collector http://127.0.0.1:1 does not take labels" in away
    assert "what it has are duplicates then" in away


def test_without_an_address_they_go_to_the_collector_of_the_state_folder(
    collector: str, deployment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SERINUS_COLLECTOR", raising=False)
    monkeypatch.setattr("serinus.cli.labels.DEFAULT_COLLECTOR", "http://127.0.0.1:1")
    (tmp_path / "labels.csv").write_text(CSV)
    to_it = [str(tmp_path / "labels.csv"), f"--deployment={deployment}", "--patience=0", *columns("known")]
    record = tmp_path / "state" / "collector" / "collector.json"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({"port": int(collector.rsplit(":", 1)[1]), "url": collector}))
    assert run(*to_it, f"--state-dir={tmp_path / 'state'}")[0]["outcomes"] == {"joined": 2, "unknown": 1}
    monkeypatch.setenv("SERINUS_STATE_DIR", str(tmp_path / "state"))
    assert run(*to_it)[0]["outcomes"] == {"duplicate": 3}
    assert "collector http://127.0.0.1:2 does not take" in run(*to_it, "--collector=http://127.0.0.1:2", code=3)[1]
    record.write_text("{")
    assert "collector http://127.0.0.1:1 does not take" in run(*to_it, code=3)[1]


def test_help_is_there() -> None:
    shown = CliRunner().invoke(app, ["labels", "import", "--help"])
    assert shown.exit_code == 0
    assert "Exit codes: 0 done" in shown.stdout
