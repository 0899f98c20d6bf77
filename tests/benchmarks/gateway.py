"""The whole path through the gateway: its cost, and what clients notice of weight changes and promotions.

    python tests/benchmarks/gateway.py [--seconds 3] [--rounds 3] [--changes 200] [--promotions 20]

Real predictors of a small scikit-learn model behind the real gateway, and a trivial server (asyncio, no model) in their
place to show the gateway's own limit; clients in a process of their own over kept-alive loopback connections. Direct and
through the gateway are asked in turn within each round; medians over the rounds. Takes about eight minutes.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serinus.artifact import directory_digest
from serinus.core.plan import ServingPlan
from serinus.core.revision import Artifact, Revision
from serinus.local.compose import predictor_command
from serinus.local.gateway import Gateway
from serinus.local.records import ServingRecord
from serinus.local.revisions import Launch
from serinus.local.serving import LocalServing
from serinus.local.sockets import free_port
from tests.benchmarks.predictor import build
from tests.local.harness import KEY, plan, stub_command
from tests.local.load import Load

CONCURRENCY = (1, 8)
DEADLINE_SECONDS = 120.0
STUB = "trivial server"
PREDICTOR = "predictor"


@dataclass(frozen=True)
class Bench:
    """What is served: how its processes start, of which artifact, and what clients post."""

    name: str
    command: Callable[[Launch], Sequence[str]]
    artifact: Artifact
    body: bytes

    def revision(self, number: int) -> Revision:
        return Revision(id=f"{number:010x}", artifact=self.artifact, template={})


async def client_process(url: str, clients: int, body: str) -> None:
    """Send until standard input ends, then print what came back."""
    async with Load(url, clients, body.encode()) as load:
        print("sending", flush=True)
        begun = time.perf_counter()
        await asyncio.to_thread(sys.stdin.read)
        seconds = time.perf_counter() - begun
    times = sorted(load.answers.seconds)
    print(
        json.dumps(
            {
                "requests": load.answers.total,
                "failed": load.answers.failed,
                "statuses": load.answers.statuses,
                "rate": load.answers.total / seconds,
                "p50": 1000 * times[len(times) // 2],
                "p99": 1000 * times[int(len(times) * 0.99)],
            }
        )
    )


@asynccontextmanager
async def load_on(url: str, clients: int, body: bytes) -> AsyncIterator[dict[str, Any]]:
    """Clients at work during the block; afterwards the yielded dict has what they saw."""
    command = [sys.executable, __file__, "--client", url, str(clients), body.decode()]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    seen: dict[str, Any] = {}
    assert process.stdout
    await process.stdout.readline()
    try:
        yield seen
    finally:
        output, _ = await process.communicate(b"")
    seen.update(json.loads(output))


async def in_effect(serving: LocalServing, wanted: ServingPlan) -> str:
    """Apply a plan and wait until it is accepted and ready. Returns the URL."""
    await serving.apply(KEY, wanted)
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            seen = await serving.observe(KEY)
            accepted = {name: weight for name, weight in seen.weights.items() if weight}
            served = {one.revision.id for one in wanted.served}
            same = seen.revisions.keys() == served and accepted == {name: w for name, w in wanted.weights if w}
            if same and all(seen.ready(name) for name in served):
                return seen.url
            await asyncio.sleep(0.02)


@asynccontextmanager
async def serving(bench: Bench) -> AsyncIterator[tuple[LocalServing, Path]]:
    """The backend, started."""
    with tempfile.TemporaryDirectory() as folder:
        backend = LocalServing(Path(folder), Gateway(Path(folder), port=free_port()), bench.command)
        await backend.start()
        try:
            yield backend, Path(folder)
        finally:
            await backend.close()


def direct_url(folder: Path, url: str) -> str:
    """The first replica's own address for the same path."""
    record = ServingRecord.model_validate_json((folder / "serving.json").read_text())
    port = record.deployments[0].revisions[0].replicas[0].port
    return f"http://127.0.0.1:{port}/{url.split('/', 3)[3]}"


async def measure_cost(bench: Bench, seconds: float, rounds: int) -> list[str]:
    """Rows: requests a second and latency, direct and through the gateway."""
    found: dict[tuple[int, str], list[dict[str, Any]]] = {}
    async with serving(bench) as (backend, folder):
        gateway = await in_effect(backend, plan(bench.revision(0), weights={bench.revision(0).id: 100}))
        ways = {"direct": direct_url(folder, gateway), "gateway": gateway}
        for _ in range(rounds):
            for clients in CONCURRENCY:
                for way, url in ways.items():
                    async with load_on(url, clients, bench.body) as seen:
                        await asyncio.sleep(seconds)
                    found.setdefault((clients, way), []).append(seen)
    return [_cost_row(bench.name, clients, way, runs) for (clients, way), runs in sorted(found.items())]


def _cost_row(name: str, clients: int, way: str, runs: list[dict[str, Any]]) -> str:
    rate, p50, p99 = (statistics.median(run[column] for run in runs) for column in ("rate", "p50", "p99"))
    failed = sum(run["failed"] for run in runs)
    return f"| {name} | {clients} | {way} | {rate:.0f} | {p50:.2f} | {p99:.2f} | {failed} |"


async def measure_changes(bench: Bench, changes: int) -> str:
    """Row: weight changes under load."""
    one, two = bench.revision(1), bench.revision(2)
    weights = (0, 10, 50, 100)

    async def change(backend: LocalServing) -> list[float]:
        return [await _timed(in_effect(backend, _split(one, two, weights[n % 4]))) for n in range(changes)]

    return await _under_load(bench, f"{changes} weight changes", _split(one, two, 100), change)


async def measure_promotions(bench: Bench, promotions: int) -> str:
    """Row: revisions replaced by new ones under load: started, shifted to in steps, the old one drained and ended."""

    async def promote(backend: LocalServing) -> list[float]:
        return [await _timed(_promotion(backend, bench, number)) for number in range(promotions)]

    first = bench.revision(0)
    return await _under_load(bench, f"{promotions} promotions", plan(first, weights={first.id: 100}), promote)


async def _promotion(backend: LocalServing, bench: Bench, number: int) -> None:
    old, new = bench.revision(number), bench.revision(number + 1)
    for weight in (0, 10, 50, 100):
        await in_effect(backend, _split(old, new, weight))
    await in_effect(backend, plan(new, weights={new.id: 100}))


def _split(one: Revision, two: Revision, weight: int) -> ServingPlan:
    return plan(one, two, weights={one.id: 100 - weight, two.id: weight})


async def _timed(step: Awaitable[object]) -> float:
    begun = time.perf_counter()
    await step
    return time.perf_counter() - begun


async def _under_load(
    bench: Bench, what: str, first: ServingPlan, work: Callable[[LocalServing], Awaitable[list[float]]]
) -> str:
    async with serving(bench) as (backend, _):
        url = await in_effect(backend, first)
        async with load_on(url, 4, bench.body) as seen:
            took = await work(backend)
    each = f"{statistics.median(took):.2f} | {max(took):.2f}"
    return f"| {bench.name} | {what} | {seen['requests']} | {seen['failed']} | {each} |"


async def main(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        body = build(model, False)
        digest = directory_digest(model)
        real = Bench(PREDICTOR, predictor_command, Artifact(model="flights", uri=str(model), digest=digest), body)
        trivial = Bench(STUB, stub_command, Artifact(model="flights", uri="none", digest="sha256:0"), body)
        print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
        print(f"`python tests/benchmarks/gateway.py {' '.join(sys.argv[1:])}`\n")
        print("| served | clients | way | requests/s | p50 ms | p99 ms | failed |\n|---|---|---|---|---|---|---|")
        for bench in (trivial, real):
            for row in await measure_cost(bench, options.seconds, options.rounds):
                print(row, flush=True)
        print("\n| served | under load of 4 clients | requests | failed | each, median s | each, max s |")
        print("|---|---|---|---|---|---|")
        for bench in (trivial, real):
            print(await measure_changes(bench, options.changes), flush=True)
            print(await measure_promotions(bench, options.promotions), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--client"]:
        asyncio.run(client_process(sys.argv[2], int(sys.argv[3]), sys.argv[4]))
    else:
        parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("--seconds", type=float, default=3.0)
        parser.add_argument("--rounds", type=int, default=3)
        parser.add_argument("--changes", type=int, default=200)
        parser.add_argument("--promotions", type=int, default=20)
        asyncio.run(main(parser.parse_args()))
