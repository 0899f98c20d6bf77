"""The collector as a process: killed at any moment it has lost nothing that it acknowledged."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from serinus.collector.database import Database, DatabaseUnusable
from serinus.collector.main import main
from serinus.core.errors import SerinusError
from tests.collector.support import DEPLOYMENT, event, labels_body, predictions_body

ROOT = Path(__file__).parents[2]
READY_LINE = "ready: http://127.0.0.1:"


class Collector:
    """A running `python -m serinus.collector` on a port of its own."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "serinus.collector", "--port=0", *flags],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "operator" / "src"), str(ROOT)])},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        self.said = next((line for line in self.process.stderr if READY_LINE in line), "")
        assert self.said, f"it ended with {self.process.wait(30)}"
        self.url = "http://127.0.0.1:" + self.said.split(READY_LINE)[1].split(",")[0]

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        code = self.process.wait(30)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code


@contextmanager
def collector(folder: Path, *flags: str) -> Iterator[Collector]:
    running = Collector(folder, *flags)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.end(signal.SIGKILL)


def acknowledged_until_it_is_gone(url: str, sender: int, start: int, enough: threading.Event) -> list[str]:
    """Send batches of 20 one after the other until the collector is gone; the ids of those that it acknowledged."""
    taken: list[str] = []
    with httpx.Client(base_url=url, timeout=20) as client:
        while True:
            names = [f"{sender}-{start}-{len(taken) + i}" for i in range(20)]
            now = datetime.now(UTC)
            try:
                body = predictions_body(*(event(name, at=now, features={"x": 1.5}) for name in names))
                sent = client.post("/v1/predictions", content=body)
                labelled = client.post("/v1/labels", content=labels_body(dict.fromkeys(names, 1)))
            except httpx.TransportError:
                return taken
            assert (sent.status_code, labelled.status_code) == (202, 200)
            taken += names
            if len(taken) >= 200:
                enough.set()


def crash(folder: Path, round_: int, senders: int = 3) -> list[str]:
    """Kill a collector that is being sent to; what it had acknowledged."""
    enough, taken = threading.Event(), list[str]()
    with collector(folder) as running:

        def send(sender: int) -> None:
            taken.extend(acknowledged_until_it_is_gone(running.url, sender, round_, enough))

        threads = [threading.Thread(target=send, args=(one,)) for one in range(senders)]
        for thread in threads:
            thread.start()
        assert enough.wait(60)
        running.end(signal.SIGKILL)
        for thread in threads:
            thread.join(30)
    return taken


def labelled_rows(folder: Path) -> set[str]:
    with sqlite3.connect(folder / "collector.db") as connection:
        rows = connection.execute(
            "SELECT request_id FROM serinus_row JOIN serinus_prediction ON row_id = id WHERE label = 1"
        ).fetchall()
    assert len(rows) == len(set(rows))
    return {name for (name,) in rows}


def test_after_kill_9_everything_that_was_acknowledged_is_there(tmp_path: Path) -> None:
    taken = crash(tmp_path, 0)
    assert len(taken) >= 200
    assert set(taken) <= labelled_rows(tmp_path)
    with collector(tmp_path, "--log-seconds=0.1") as again:
        now = datetime.now(UTC)
        sent = httpx.post(f"{again.url}/v1/predictions", content=predictions_body(event("after", at=now)))
        assert sent.status_code == 202
        assert httpx.get(f"{again.url}/readyz").text == "ok\n"
        question = {"since": "2026-01-01T00:00:00Z", "cohortSeconds": 86400}
        answer = httpx.post(f"{again.url}/v1/deployments/{DEPLOYMENT}/quality", json=question | {"revision": "aaaa"})
        assert sum(one["labelled"] for one in answer.json()["cohorts"]) >= len(taken)
        assert again.end(signal.SIGTERM) == 0


@pytest.mark.long
@pytest.mark.timeout(900)
def test_killed_again_and_again_it_never_loses_what_it_acknowledged(tmp_path: Path) -> None:
    taken = [name for round_ in range(12) for name in crash(tmp_path, round_)]
    assert set(taken) <= labelled_rows(tmp_path)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--port=nine"], "port: "),
        (["--hash-columns=name"], "hash_columns needs hash_key"),
        (["--losses={}x"], "losses"),
        (['--losses={"ml/x": ["hinge"]}'], "'brier'"),
        (['--losses={"flights": ["brier"]}'], "is not a ModelDeployment; write namespace/name"),
        (["--retention=forever"], "is not a duration"),
    ],
)
def test_a_wrong_setting_is_a_sentence_and_exit_code_2(
    flags: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(flags)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_database_that_cannot_be_used_is_a_sentence_and_exit_code_3(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "serinus.collector", "--port=0", "--database=postgresql://u:secret@127.0.0.1:1/d"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "operator" / "src"), str(ROOT)])},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 3
    assert "database postgresql+psycopg://u:***@127.0.0.1:1/d cannot be asked (" in done.stderr
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://u:secret@h/d", "write sqlite:///FILE or postgresql"),
        ("nonsense", "write sqlite:///FILE or postgresql"),
        ("sqlite://", "is in memory, where nothing lasts"),
        ("sqlite:////proc/collector.db", "cannot be opened"),
    ],
)
def test_a_database_that_is_none_is_told(url: str, said: str) -> None:
    with pytest.raises(SerinusError, match=re.escape(said)) as told:
        Database(url).open()
    assert "secret" not in str(told.value)


def test_a_database_of_another_schema_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/collector.db"
    database = Database(url)
    database.open()
    database.close()
    with sqlite3.connect(tmp_path / "collector.db") as connection:
        connection.execute("UPDATE serinus_meta SET version = 99")
    with pytest.raises(DatabaseUnusable, match="has schema version 99, and this collector knows 1"):
        Database(url).open()
