"""What recording rules cost beside PSI in one expression, and what reading many deployments costs in one query or one each.

    python tests/benchmarks/prometheus.py [--rounds 5] [--deployments 1000] [--only-reading]

A real Prometheus of Serinus's test cluster (built on the first run), one hour of samples every 30 s: 50 features of 12 bins on
5 pods of 2 versions. Medians over the rounds, in turn; everything runs on this machine, so the ratios are what counts.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import yaml

from serinus.adapters.prometheus_api import PrometheusApi
from serinus.adapters.prometheus_bins import PrometheusBins
from serinus.adapters.prometheus_metrics import PrometheusMetrics
from serinus.adapters.system_clock import SystemClock
from serinus.ports import Key
from tests.charts.rendered import ROOT
from tests.cluster.monitoring.server import Prometheus, running

RULES = ROOT / "manifests" / "prometheus" / "recording-rules.yaml"
FEATURES, BINS, PODS, VERSIONS = 50, 12, 5, 2
SECONDS, STEP = 3600, 30
CODES = ("200", "500")
EDGES = ("0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "+Inf")
PER = "deployment, revision, feature"
MEASURED = ("serinus:feature_psi:1h", "serinus:feature_tvd:1h")


def one_expression() -> str:
    """PSI from the raw counters, as somebody would write it who has no recording rules."""
    rows = f"sum by ({PER}, bin) (increase(serinus_feature_bin_total[1h]))"
    reference = f"max by ({PER}, bin) (serinus_reference_rows)"

    def share(counted: str) -> str:
        return f"({counted} + 0.5) / on ({PER}) group_left () (sum by ({PER}) ({counted}) + 0.5 * {BINS})"

    return f"sum by ({PER}) ((({share(rows)}) - ({share(reference)})) * ln(({share(rows)}) / ({share(reference)})))"


def rules() -> list[tuple[str, str]]:
    """(name, expression) of what is recorded of features in an hour, in order."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    recorded = [(rule["record"], rule["expr"]) for group in groups for rule in group["rules"]]
    wanted = ("serinus:feature", "serinus:reference_rows", "serinus:reference_share")
    return [(name, expr) for name, expr in recorded if name.startswith(wanted) and "24h" not in name]


def bins(now: float) -> Iterator[str]:
    """Every pod's counters and reference as OpenMetrics, grouped by metric."""
    moments = [now - SECONDS + at for at in range(0, SECONDS + 1, STEP)]
    for metric, grows in (("serinus_feature_bin_total", True), ("serinus_reference_rows", False)):
        for labels in pods():
            for feature in range(FEATURES):
                for place in range(BINS):
                    series = f'{metric}{{{labels},feature="f{feature}",bin="{place}"}}'
                    rate = 1 + (feature + place) % 5
                    yield from (
                        f"{series} {rate * (at if grows else 100)} {moment}" for at, moment in enumerate(moments)
                    )


def marks(now: float) -> Iterator[str]:
    """By which the pods are found, as they began before the hour."""
    moments = [now - SECONDS + at for at in range(0, SECONDS + 1, STEP)]
    for labels in pods():
        yield from (f'serinus_requests_total{{{labels},code="200"}} {at} {moment}' for at, moment in enumerate(moments))
    for labels in pods():
        yield from (f"process_start_time_seconds{{{labels}}} {now - 2 * SECONDS} {moment}" for moment in moments)


def pods() -> Iterator[str]:
    for version in range(VERSIONS):
        for pod in range(PODS):
            yield f'deployment="ml/d",revision="r{version}",job="pods",instance="10.0.{version}.{pod}:8080"'


def requests(now: float, deployments: int) -> Iterator[str]:
    """The newest sample of the counters of many deployments: two revisions of one pod each."""
    targets = [
        f'deployment="ml/d{number}",revision="{revision}",job="pods",instance="d{number}-{revision}:8080"'
        for number in range(deployments)
        for revision in ("a", "b")
    ]
    yield from (f'serinus_requests_total{{{one},code="{code}"}} 100 {now - 5}' for one in targets for code in CODES)
    yield from (
        f'serinus_request_seconds_bucket{{{one},le="{edge}"}} 50 {now - 5}' for one in targets for edge in EDGES
    )
    yield from (f"process_start_time_seconds{{{one}}} {now - SECONDS} {now - 5}" for one in targets)


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def write(file: Path, recorded: Sequence[tuple[str, str]]) -> None:
    """A rule file that is evaluated once a second."""
    found = [{"record": name, "expr": expr} for name, expr in recorded]
    file.write_text(yaml.safe_dump({"groups": [{"name": "bench", "interval": "1s", "rules": found}]}))


def compare_rules(folder: Path, rounds: int) -> None:
    """Seconds that Prometheus itself says an evaluation of the group takes."""
    now = time.time()
    history = "\n".join([*bins(now), *marks(now)]) + "\n"
    seconds: dict[str, float] = {}
    for name, recorded in (("recorded", rules()), ("one expression", [("one:psi", one_expression())])):
        write(folder / "rules.yml", recorded)
        with running(folder / name, rules=[folder / "rules.yml"], history=history, interval="1s") as prometheus:
            seconds[name] = evaluation(prometheus, rounds)
            if name == "recorded":
                found = {one: len(prometheus.query(one)) for one in MEASURED}
                window = statistics.median(timed(lambda: read_window(prometheus)) for _ in range(rounds))
    print(f"rules: everything recorded {seconds['recorded']:.3f} s ({len(rules())} rules, {found})")
    print(f"       PSI alone in one expression {seconds['one expression']:.3f} s")
    print(f"       one expression / recorded {seconds['one expression'] / seconds['recorded']:.2f}")
    print(f"a window of one version by PrometheusBins: {window:.3f} s")


def evaluation(prometheus: Prometheus, rounds: int) -> float:
    """The median of the last evaluations of the only group."""
    found: list[float] = []
    last = ""
    while len(found) < rounds + 1:
        group = rule_group(prometheus)
        if group["lastEvaluation"] != last and group["evaluationTime"]:
            last = group["lastEvaluation"]
            found.append(group["evaluationTime"])
        time.sleep(0.1)
    return statistics.median(found[1:])


def rule_group(prometheus: Prometheus) -> dict[str, Any]:
    answer = httpx.get(f"{prometheus.url}/api/v1/rules", trust_env=False, timeout=60).json()
    (group,) = answer["data"]["groups"]
    return dict(group)


def read_window(prometheus: Prometheus) -> None:
    async def read() -> None:
        api = PrometheusApi(prometheus.url, timeout_seconds=60)
        since = datetime.now(UTC) - timedelta(minutes=50)
        window = await PrometheusBins(api, SystemClock()).window(Key("ml", "d"), "r0", since)
        await api.close()
        assert len(window.features) == FEATURES

    asyncio.run(read())


def compare_reading(folder: Path, deployments: int, rounds: int) -> None:
    """Seconds until every deployment is read: so many in a query, one query after the other, without a wait for more."""
    history = "\n".join(requests(time.time(), deployments)) + "\n"
    keys = [Key("ml", f"d{number}") for number in range(deployments)]
    with running(folder / "reading", history=history, interval="1s") as prometheus:

        async def read(together: int) -> None:
            api = PrometheusApi(prometheus.url, timeout_seconds=60)
            metrics = PrometheusMetrics(api, SystemClock(), stale_after=timedelta(minutes=5), wait_seconds=0)
            for begin in range(0, deployments, together):
                found = await asyncio.gather(*(metrics.read(key) for key in keys[begin : begin + together]))
                assert all(len(one.samples) == 2 for one in found)
            await metrics.close()

        sizes = (deployments, 32, 1)
        seconds: dict[int, list[float]] = {size: [] for size in sizes}
        for _ in range(rounds):
            for size in sizes:
                seconds[size].append(timed(lambda size=size: asyncio.run(read(size))))
    medians = {size: statistics.median(found) for size, found in seconds.items()}
    for size, median in medians.items():
        faster = f"{medians[1] / median:.1f} times faster than one each"
        print(f"reading {deployments} deployments, {size} in a query: {median:.2f} s, {faster}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--deployments", type=int, default=1000)
    parser.add_argument("--only-reading", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if not options.only_reading:
            compare_rules(Path(folder), options.rounds)
        compare_reading(Path(folder), options.deployments, min(options.rounds, 3))


if __name__ == "__main__":
    sys.exit(main())
