"""A real Prometheus on a free port of the loopback address, with targets, rules and a past of a test's own."""

import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.cluster.control_plane import builds
from tests.cluster.control_plane.processes import last_lines
from tests.cluster.control_plane.waiting import wait_until
from tests.cluster.monitoring import promtool

INTERVAL = "500ms"  # and so long may a scrape take, on a busy machine
LISTENING = re.compile(r'msg="Listening on".*address=(\S+)')


@dataclass(frozen=True)
class Target:
    """A metrics page, `host:port`, and the labels that a cluster's service discovery would give it.

    `honor_labels`: those of the page win, as the chart's ServiceMonitors ask for.
    """

    address: str
    labels: Mapping[str, str] = field(default_factory=dict)
    path: str = "/metrics"
    honor_labels: bool = False


@dataclass(frozen=True)
class Inside:
    """Where it runs: by a command that runs another one with the same pid, and what it is reached by from here."""

    prefix: Sequence[str] = ()
    listen: str = "127.0.0.1:0"
    seen_at: str = ""


@dataclass(frozen=True)
class Prometheus:
    """One that runs. Stopping it is its starter's part."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def query(self, promql: str, at: float | None = None) -> list[dict[str, Any]]:
        """The vector that an expression is now or at a time: [{"metric": {...}, "value": [seconds, text]}]."""
        moment = {} if at is None else {"time": str(at)}
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": promql, **moment}, trust_env=False)
        said = answer.json()
        assert said["status"] == "success", f"{promql}: {said}"
        result: list[dict[str, Any]] = said["data"]["result"]
        return result

    def value(self, promql: str, at: float | None = None) -> float:
        """The only value that an expression is."""
        found = self.query(promql, at)
        assert len(found) == 1, f"{promql} is {len(found)} series: {found}"
        return float(found[0]["value"][1])

    def wait_for(self, promql: str, seconds: float = 15) -> None:
        """Wait until an expression has a value at all, as `up == 1` has."""
        assert wait_until(lambda: bool(self.query(promql)), seconds), f"never true: {promql}"


@contextmanager
def running(
    folder: Path,
    targets: Sequence[Target] = (),
    *,
    rules: Sequence[Path] = (),
    history: str = "",
    interval: str = INTERVAL,
    arguments: Sequence[str] = (),
    discovered: Sequence[Mapping[str, Any]] = (),
    inside: Inside | None = None,
) -> Iterator[Prometheus]:
    """Start one in `folder`, and end it. `rules`: rule files. `history`: OpenMetrics text with timestamps, as its past.

    `discovered`: further scrape configurations.
    """
    builds.build((builds.PROMETHEUS,))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(_configuration(targets, rules, interval, discovered)))
    if history:
        promtool.write_blocks(history, folder / "data")
    where = inside or Inside()
    started = _start(folder, arguments, where)
    try:
        yield Prometheus(_url(started, folder / "log", where.seen_at), started, folder / "log")
    finally:
        started.terminate()
        try:
            started.wait(10)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def _configuration(
    targets: Sequence[Target], rules: Sequence[Path], interval: str, discovered: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    timing = {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval}
    return {
        "global": timing,
        "rule_files": [str(one.resolve()) for one in rules],
        "scrape_configs": [*(_scraped(f"target-{place}", one) for place, one in enumerate(targets)), *discovered],
    }


def _scraped(name: str, target: Target) -> dict[str, Any]:
    found = {"targets": [target.address], "labels": dict(target.labels)}
    how = {"metrics_path": target.path, "honor_labels": target.honor_labels}
    return {"job_name": name, "static_configs": [found], **how}


def _start(folder: Path, arguments: Sequence[str], where: Inside) -> subprocess.Popen[bytes]:
    # A block of the past may end in this very moment; Prometheus would compact it away under the test.
    kept = ["--storage.tsdb.path=data", "--storage.tsdb.retention.time=10y"]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [
                *where.prefix,
                builds.PROMETHEUS.path,
                "--config.file=prometheus.yml",
                f"--web.listen-address={where.listen}",
                *kept,
                *arguments,
            ],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "GOMAXPROCS": "1"},
        )


def _url(process: subprocess.Popen[bytes], log: Path, seen_at: str) -> str:
    """Where it answers, once it is ready."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        if (found := LISTENING.search(log.read_text())) and _is_ready(url := seen_at or f"http://{found[1]}"):
            return url
        time.sleep(0.05)
    raise AssertionError(f"Prometheus is not ready; the end of {log}:\n{last_lines(log)}")


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", trust_env=False).is_success
    except httpx.HTTPError:
        return False
