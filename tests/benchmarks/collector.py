"""The collector: events a second on one core, memory under overload, and how long questions about many rows take.

The collector with SQLite and with PostgreSQL, a server that parses the same bodies and drops them, a bare PostgreSQL that takes the
rows by COPY, and one INSERT and commit per event take turns in each round. Servers run on a core of their own, PostgreSQL and the
client wherever there is room; what is given per second is per second of the servers' processor time too, which other work on the
machine disturbs less.
"""

import argparse
import asyncio
import os
import re
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import psycopg

from serinus.collector.answering import Answering
from serinus.collector.comparisons import LiveComparisons
from serinus.collector.database import Database
from serinus.collector.messages import parse_labels, parse_predictions
from serinus.collector.settings import CollectorSettings
from serinus.collector.store import Store
from serinus.core.quality import CompareQuestion, Party
from tests.components.postgres import postgres

ROOT = Path(__file__).parents[2]
BATCH, IN_FLIGHT, CORE = 200, 8, 0
NAME = "ml/flights"
BARE = """
import sys, orjson, uvicorn
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    orjson.loads(body)
    await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})
uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False)
"""


def body_of(first: int, rows: int = BATCH, revision: str = "aaaa", at: datetime | None = None) -> bytes:
    """Rows with eight numbers and a category."""
    when = (at or datetime.now(UTC)).isoformat()
    events = [
        {
            "requestId": f"7f9c24e8-3b12-4fd2-{i:016d}",
            "time": when,
            "prediction": (i % 1000) / 1000,
            "features": {f"feature_{j}": i * 0.125 + j for j in range(8)} | {"carrier": "AA"},
        }
        for i in range(first, first + rows)
    ]
    return orjson.dumps(
        {"deployment": NAME, "model": "flights", "revision": revision, "version": "7", "events": events}
    )


def labels_of(first: int, rows: int = BATCH) -> bytes:
    labels = [{"requestId": f"7f9c24e8-3b12-4fd2-{i:016d}", "label": i % 2} for i in range(first, first + rows)]
    return orjson.dumps({"deployment": NAME, "labels": labels})


class Server:
    """A process on one core."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process, self.url = process, url

    @property
    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def peak_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


@contextmanager
def server(command: list[str], folder: Path, url: str = "") -> Iterator[Server]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "operator" / "src"), str(ROOT)])}
    process = subprocess.Popen(
        ["taskset", "-c", str(CORE), sys.executable, *command],
        cwd=folder,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        if not url:
            line = next(line for line in process.stderr or () if "ready: " in line)
            url = line.split("ready: ")[1].split(",")[0]
        while True:
            try:
                httpx.get(f"{url}/healthz")
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield Server(process, url)
    finally:
        process.terminate()
        process.wait(60)


def collector(folder: Path, *flags: str) -> Any:
    return server(["-m", "serinus.collector", "--port=0", *flags], folder)


async def send(url: str, path: str, bodies: list[bytes], in_flight: int) -> Counter[int]:
    """Post all of them, so many at a time; the answers by status code."""
    codes: Counter[int] = Counter()
    waiting = list(reversed(bodies))

    async def one(client: httpx.AsyncClient) -> None:
        while waiting:
            codes[(await client.post(path, content=waiting.pop())).status_code] += 1

    limits = httpx.Limits(max_connections=in_flight)
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as client:
        await asyncio.gather(*(one(client) for _ in range(in_flight)))
    return codes


def rate(running: Server, path: str, bodies: list[bytes], good: int) -> tuple[float, float]:
    """(items a second, items a second of the server's processor)."""
    cpu, start = running.cpu_seconds, time.perf_counter()
    codes = asyncio.run(send(running.url, path, bodies, IN_FLIGHT))
    wall, cpu = time.perf_counter() - start, running.cpu_seconds - cpu
    assert set(codes) == {good}, codes
    return len(bodies) * BATCH / wall, len(bodies) * BATCH / cpu


def one_by_one(folder: Path, events: int) -> float:
    """Events a second, each in a transaction of its own, as safe as the collector's."""
    with sqlite3.connect(folder / "one.db", isolation_level=None) as connection:
        connection.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (id TEXT PRIMARY KEY, b TEXT)"
        )
        start = time.perf_counter()
        for event in orjson.loads(body_of(0, events))["events"]:
            connection.execute("INSERT INTO t VALUES (?, ?)", (event["requestId"], orjson.dumps(event).decode()))
        return events / (time.perf_counter() - start)


def copied(host: str, batches: int) -> float:
    """Events a second by COPY into one table of a bare PostgreSQL, as many to a transaction as the collector has in flight."""
    with psycopg.connect(f"host={host} user=postgres dbname=postgres", autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS bare")
        connection.execute("CREATE TABLE bare (id text PRIMARY KEY, body text)")
        groups = [orjson.loads(body_of(i * IN_FLIGHT * BATCH, IN_FLIGHT * BATCH)) for i in range(batches // IN_FLIGHT)]
        start = time.perf_counter()
        for group in groups:
            with connection.cursor().copy("COPY bare (id, body) FROM STDIN") as copy:
                for event in group["events"]:
                    copy.write_row((event["requestId"], orjson.dumps(event).decode()))
        return len(groups) * IN_FLIGHT * BATCH / (time.perf_counter() - start)


def throughput(rounds: int, batches: int) -> None:
    found: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name, socket_port() as port, postgres() as host:
        folder = Path(name)
        (folder / "bare.py").write_text(BARE)
        database = f"--database=postgresql+psycopg://postgres@/postgres?host={host}"
        with (
            collector(folder) as ours,
            collector(folder, database) as theirs,
            server(["bare.py", str(port)], folder, f"http://127.0.0.1:{port}") as bare,
        ):
            for number in range(rounds):
                starts = [(number * batches + i) * BATCH for i in range(batches)]
                bodies = [body_of(start) for start in starts]
                found.setdefault("events", []).append(rate(ours, "/v1/predictions", bodies, 202))
                found.setdefault("dropped by the bare server", []).append(rate(bare, "/", bodies, 202))
                found.setdefault("events, PostgreSQL", []).append(rate(theirs, "/v1/predictions", bodies, 202))
                labels = [labels_of(start) for start in starts]
                for where, running in (("", ours), (", PostgreSQL", theirs)):
                    found.setdefault(f"labels{where}", []).append(rate(running, "/v1/labels", labels, 200))
                    found.setdefault(f"the same labels again{where}", []).append(
                        rate(running, "/v1/labels", labels, 200)
                    )
                bare_copy = copied(host, batches)
                found.setdefault("COPY into a bare PostgreSQL", []).append((bare_copy, bare_copy))
                alone = one_by_one(Path(tempfile.mkdtemp(dir=folder)), 1000)
                found.setdefault("one INSERT and commit each", []).append((alone, alone))
            print(f"peak memory {ours.peak_mb:.0f} MB, with PostgreSQL {theirs.peak_mb:.0f} MB")
    for what, rates in found.items():
        seconds, cpu = zip(*rates, strict=True)
        print(
            f"{what}: {statistics.median(seconds):,.0f}/s ({min(seconds):,.0f}-{max(seconds):,.0f}), "
            f"{statistics.median(cpu):,.0f} per second of processor ({min(cpu):,.0f}-{max(cpu):,.0f})"
        )
    for ours, other, place in (
        ("events", "one INSERT and commit each", 0),
        ("events", "dropped by the bare server", 1),
        ("events, PostgreSQL", "events", 0),
        ("labels, PostgreSQL", "labels", 0),
        ("events, PostgreSQL", "COPY into a bare PostgreSQL", 0),
    ):
        ratios = [one[place] / two[place] for one, two in zip(found[ours], found[other], strict=True)]
        print(f"{ours} against {other}: {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})")


@contextmanager
def socket_port() -> Iterator[int]:
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    yield port


def overload(batches: int) -> None:
    """Far more at a time than the queue takes."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name, collector(Path(name), "--queue-events=5000") as ours:
        for turn in range(4):
            bodies = [body_of((turn * batches + i) * BATCH) for i in range(batches)]
            codes = asyncio.run(send(ours.url, "/v1/predictions", bodies, 128))
            print(f"overload, 128 batches in flight: {dict(codes)}; peak so far {ours.peak_mb:.0f} MB")


def stored_mb(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.glob("collector.db*")) / 1e6


def duplicates(labels: int) -> None:
    """The same labels again and again."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name, collector(Path(name)) as ours:
        asyncio.run(send(ours.url, "/v1/predictions", [body_of(0)], 1))
        first, size = ours.peak_mb, stored_mb(Path(name))
        body = labels_of(0)
        start = time.perf_counter()
        asyncio.run(send(ours.url, "/v1/labels", [body] * (labels // BATCH), IN_FLIGHT))
        wall = time.perf_counter() - start
        print(
            f"{labels:,} duplicates: {labels / wall:,.0f}/s, memory {first:.0f} -> {ours.peak_mb:.0f} MB, "
            f"database {size:.1f} -> {stored_mb(Path(name)):.1f} MB"
        )


def questions(rows: int) -> None:
    """A comparison over `rows` pairs: asked for the first time, and again after 1,000 more labels."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        url, now = f"sqlite:///{name}/c.db", datetime.now(UTC)
        since = now - timedelta(hours=24)
        database = Database(url)
        database.open()
        store = Store(database, CollectorSettings(_cli_parse_args=[], database=url))
        for start in range(0, rows, 5000):
            at = since + timedelta(hours=23) * (start / rows)
            store.write([parse_predictions(body_of(start, 5000, revision, at)) for revision in ("aaaa", "bbbb")])
            store.write([parse_labels(labels_of(start, 4000))])
        answering = Answering(store, LiveComparisons(60, time.monotonic))
        party = {one: Party(revision=one, address="http://127.0.0.1:1") for one in ("aaaa", "bbbb")}
        question = CompareQuestion(
            model="flights", candidate=party["bbbb"], stable=party["aaaa"], since=since, cohort_seconds=600
        )
        for what in ("first", "again", "after 1,000 labels"):
            if what.startswith("after"):
                store.write([parse_labels(labels_of(rows - 1000, 1000))])
            start_time = time.perf_counter()
            answer = answering.compare(NAME, question)
            seconds = time.perf_counter() - start_time
            print(
                f"comparison of {sum(one.rows for one in answer.cohorts):,} rows in {len(answer.cohorts)} cohorts, "
                f"{what}: {seconds:.3f} s"
            )
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
        database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, default=100, help=f"of {BATCH} events, in each round")
    parser.add_argument("--rows", type=int, default=1_000_000)
    given = parser.parse_args()
    throughput(given.rounds, given.batches)
    overload(3 * given.batches)
    duplicates(given.rows)
    questions(given.rows)


if __name__ == "__main__":
    main()
