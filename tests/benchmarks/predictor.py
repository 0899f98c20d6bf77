"""The predictor's cost: with and without monitoring, beside a plain KServe server of the same scikit-learn model.

    python tests/benchmarks/predictor.py [--seconds 2] [--rounds 5] [--before ../earlier/operator/src]

Server processes, asked in turn within each round by a client process of its own over loopback; one row a request,
V1. Ratios are medians (and ranges) of the ratios within a round, so that a noisy neighbour hits both sides; where other
work shares the cores, compare the CPU time of the server process per request. The control is a second
unmonitored server: a difference no larger than its own from the first is noise. `logged` is the monitored one that tells a
collector of every answer with all inputs; what stands for the collector reads the batches and drops them, in a process of its own.
`before` is the monitored one of an earlier checkout. Takes about five minutes.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import psutil

SERVERS = ("monitored", "unmonitored", "control", "plain", "logged")
BEFORE = "before"
CONCURRENCY = (1, 8)


def serve(kind: str, directory: Path, port: int) -> None:
    """Run one server of the comparison in this process until it is terminated."""
    if kind == "collector":
        serve_collector(port)
    if kind in {"monitored", "logged", BEFORE}:
        from serinus.artifact import directory_digest
        from serinus.predictor.main import main

        told = ["--collector-url", f"http://127.0.0.1:{port + 1}", "--log-features"] if kind == "logged" else []
        main([*options(directory, port), "--digest", directory_digest(directory), "--slo-ms", "100", *told])
    from serinus.predictor import main as wiring

    wiring._quiet_logs()
    wiring.logger.setLevel("WARNING")
    del sys.argv[1:]
    (serve_plain if kind == "plain" else serve_unmonitored)(directory, port)


def options(directory: Path, port: int) -> list[str]:
    """What every predictor is told."""
    name = ["--model-name", "m", "--deployment", "ml/m", "--revision", "r"]
    return [*name, "--model-dir", str(directory), "--port", str(port)]


def serve_collector(port: int) -> None:
    """Take every batch and keep nothing."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Taking(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(202)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    ThreadingHTTPServer(("127.0.0.1", port), Taking).serve_forever()


def serve_unmonitored(directory: Path, port: int) -> None:
    """The predictor composed without bins and without the request counter; everything else as in production."""
    from serinus.predictor.bins import BinCounter
    from serinus.predictor.bodies import LimitBody
    from serinus.predictor.loading import load_model
    from serinus.predictor.main import THREADS, bind
    from serinus.predictor.model import SklearnModel
    from serinus.predictor.rest import PredictorServer
    from serinus.predictor.settings import parse

    model = SklearnModel("m", "r", load_model(directory), BinCounter(None), ThreadPoolExecutor(THREADS))
    settings, limit = parse(options(directory, port)), partial(LimitBody, max_bytes=1 << 20)
    listener = bind("127.0.0.1", port)
    listener.listen(2048)
    PredictorServer(model, settings, [limit]).run(sockets=[listener])


def serve_plain(directory: Path, port: int) -> None:
    """What one writes first with KServe: predict in the event loop, no validation, no counters, quiet logs."""
    import kserve
    import mlflow.sklearn
    import numpy as np
    import pandas as pd

    estimator = mlflow.sklearn.load_model(str(directory))
    read = pd.DataFrame if hasattr(estimator, "feature_names_in_") else np.asarray

    class Plain(kserve.Model):  # type: ignore[misc]
        def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:
            return {"predictions": estimator.predict_proba(read(payload["instances"]))[:, 1].tolist()}

    model = Plain("m")
    model.load()
    kserve.ModelServer(http_port=port, enable_grpc=False, enable_latency_logging=False).start([model])


def build(directory: Path, mixed: bool) -> bytes:
    """Save a model with its reference; returns the body of one request."""
    import mlflow.sklearn
    import numpy as np
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    random = np.random.default_rng(0)
    names = [f"f{index}" for index in range(8 if mixed else 20)]
    values = random.normal(size=(2000, len(names)))
    late = values[:, 0] + values[:, 1] > 0
    features: list[dict[str, Any]] = [
        {"name": n, "type": "double", "nullable": False, "edges": _deciles(values[:, i]), "counts": {}}
        for i, n in enumerate(names)
    ]
    if mixed:
        frame = pd.DataFrame(values, columns=names).assign(origin=random.choice(["JFK", "LGA", "EWR"], 2000))
        features.append(
            {"name": "origin", "type": "string", "nullable": False, "categories": ["JFK", "LGA"], "counts": {}}
        )
        encode = make_column_transformer((StandardScaler(), names), (OneHotEncoder(), ["origin"]))
        model = make_pipeline(encode, LogisticRegression()).fit(frame, late)
        row: Any = json.loads(frame.head(1).to_json(orient="records"))[0]
    else:
        model = make_pipeline(StandardScaler(), LogisticRegression()).fit(values, late)
        row = values[0].tolist()
    mlflow.sklearn.save_model(
        model, str(directory), pip_requirements=["scikit-learn"], skops_trusted_types=["numpy.dtype"]
    )
    prediction = {"method": "predict_proba", "edges": [index / 10 for index in range(1, 10)], "counts": {}}
    (directory / "serinus").mkdir()
    (directory / "serinus/reference.json").write_text(
        json.dumps({"target": "late", "rows": 2000, "features": features, "prediction": prediction})
    )
    return json.dumps({"instances": [row]}).encode()


def _deciles(values: Any) -> list[float]:
    import numpy as np

    deciles: list[float] = np.quantile(values, np.linspace(0.1, 0.9, 9)).tolist()
    return deciles


async def load(port: int, body: bytes, concurrency: int, seconds: float) -> dict[str, float]:
    """Closed loop over kept-alive connections: requests/s, and p50 and p99 in milliseconds."""
    head = f"POST /v1/models/m:predict HTTP/1.1\r\nhost: m\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    request = head.encode() + b"\r\n\r\n" + body
    started = time.perf_counter()
    streams = await asyncio.gather(*(_stream(port, request, started + seconds) for _ in range(concurrency)))
    elapsed = time.perf_counter() - started
    times = sorted(taken for stream in streams for taken in stream)
    at = [times[int(share * (len(times) - 1))] * 1000 for share in (0.5, 0.99)]
    cpu = sum(os.times()[:2]) / elapsed
    return {"requests": len(times), "rps": len(times) / elapsed, "p50": at[0], "p99": at[1], "client_cpu": cpu}


async def _stream(port: int, request: bytes, until: float) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    times = []
    while (sent := time.perf_counter()) < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"unexpected answer: {head!r}")
        length = head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
        await reader.readexactly(int(length))
        times.append(time.perf_counter() - sent)
    writer.close()
    return times


def _ask(port: int, body: Path, concurrency: int, seconds: float) -> dict[str, float]:
    """Run the client in its own process."""
    command = [sys.executable, __file__, "--client", str(port), "--body", str(body)]
    options = ["--concurrency", str(concurrency), "--seconds", str(seconds)]
    answer: dict[str, float] = json.loads(
        subprocess.run([*command, *options], check=True, stdout=-1, timeout=60).stdout
    )
    return answer


def _wait(port: int, process: psutil.Popen) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/models/m/ready", timeout=1)
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"the server on port {port} did not come up")


def _cpu_seconds(process: psutil.Popen) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def compare(
    directory: Path, body: Path, rounds: int, seconds: float, first_port: int, *, before: str
) -> dict[Any, list[dict[str, float]]]:
    """results[server, concurrency] = one measurement per round."""
    servers = (*SERVERS, BEFORE) if before else SERVERS
    # The collector's port comes after that of the one that tells it.
    ports = {kind: first_port + 2 * index for index, kind in enumerate(servers)}
    command = [sys.executable, __file__, "--dir", str(directory)]
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    earlier = {"PYTHONPATH": before} if before else {}
    processes = [
        psutil.Popen(
            [*command, "--serve", kind, "--port", str(port)],
            env=os.environ | single | (earlier if kind == BEFORE else {}),
        )
        for kind, port in (*ports.items(), ("collector", ports["logged"] + 1))
    ]
    results: dict[Any, list[dict[str, float]]] = {(kind, c): [] for kind in servers for c in CONCURRENCY}
    try:
        for process, port in zip(processes, ports.values(), strict=False):
            _wait(port, process)
            _ask(port, body, 8, 1)
        for turn in range(rounds):
            for concurrency in CONCURRENCY:
                for kind in servers[turn % len(servers) :] + servers[: turn % len(servers)]:
                    process = processes[servers.index(kind)]
                    before = _cpu_seconds(process)
                    run = _ask(ports[kind], body, concurrency, seconds)
                    cost = 1000 * (_cpu_seconds(process) - before) / run["requests"]
                    results[kind, concurrency].append(run | {"cpu_ms": cost})
    finally:
        for process in processes:
            process.terminate()
        for process in psutil.wait_procs(processes, 60)[1]:
            process.kill()
    return results


def table(title: str, results: dict[Any, list[dict[str, float]]]) -> list[str]:
    """Markdown rows."""
    servers = list(dict.fromkeys(kind for kind, _ in results))
    base = BEFORE if BEFORE in servers else "monitored"
    head = "| server | in flight | p50 ms | p99 ms | requests/s | of plain | of unmonitored "
    head += f"| server CPU ms/request | of unmonitored | of {base} | client CPU |"
    lines = [f"\n{title}\n", head, "|" + "---|" * 11]
    for concurrency in CONCURRENCY:
        for kind in servers:
            runs = results[kind, concurrency]
            middle = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
            share = [_ratio(runs, results[other, concurrency], "rps") for other in ("plain", "unmonitored")]
            cost = [_ratio(runs, results[other, concurrency], "cpu_ms") for other in ("unmonitored", base)]
            lines.append(
                f"| {kind} | {concurrency} | {middle['p50']:.2f} | {middle['p99']:.2f} | {middle['rps']:.0f} "
                f"| {share[0]} | {share[1]} | {middle['cpu_ms']:.3f} | {cost[0]} | {cost[1]} | {middle['client_cpu']:.2f} |"
            )
    return lines


def _ratio(runs: Sequence[dict[str, float]], base: Sequence[dict[str, float]], name: str) -> str:
    ratios = [run[name] / other[name] for run, other in zip(runs, base, strict=True)]
    return f"{statistics.median(ratios):.3f} ({min(ratios):.2f}-{max(ratios):.2f})"


def benchmark(rounds: int, seconds: float, before: str) -> None:
    """Print the machine, the command and one table per model."""
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}; client on the same cores")
    print(f"`python {' '.join([os.path.relpath(__file__), *sys.argv[1:]])}`: {rounds} rounds of {seconds:g} s")
    models = [("20 numbers, fitted on an array", False), ("8 numbers and a category, fitted on a DataFrame", True)]
    for index, (title, mixed) in enumerate(models):
        with tempfile.TemporaryDirectory() as temporary:
            body = Path(temporary) / "body.json"
            body.write_bytes(build(Path(temporary) / "model", mixed))
            results = compare(Path(temporary) / "model", body, rounds, seconds, 18850 + 20 * index, before=before)
        print("\n".join(table(title, results)), flush=True)


def inside(repeats: int = 100_000) -> None:
    """Print the microseconds that ids and events take of one request with one row of 20 numbers."""
    from timeit import timeit

    import numpy as np
    import orjson

    from serinus.predictor.decoding import Decoder
    from serinus.predictor.event_settings import EventSettings
    from serinus.predictor.events import EventWriter
    from serinus.predictor.identity import identity_of
    from serinus.predictor.outbox import Outbox
    from serinus.predictor.prediction_log import PredictionLog
    from serinus.predictor.schema import Column

    columns = [Column(f"f{index}", "double", nullable=False) for index in range(20)]
    batch, answer = Decoder(columns).rows([[0.1] * 20]), np.array([0.5])
    unnamed = {"host": "m", "content-type": "application/json", "content-length": "200"}
    named = unnamed | {"x-request-id": "a-1"}
    identity, outbox = identity_of(named), Outbox(max_bytes=1 << 40)
    log, writer = PredictionLog(outbox, 1.0), EventWriter(columns, EventSettings("http://collector", features=True))

    def write() -> None:
        orjson.dumps([event for one in waiting for event in writer.events(one)])

    for what, work in {
        "an id that is given": lambda: identity_of(named),
        "an id that is made": lambda: identity_of(unnamed),
        "an answer that is to be told": lambda: log.add(identity, batch, answer),
    }.items():
        print(f"{what}: {timeit(work, number=repeats) / repeats * 1e6:.1f} us")
    waiting = outbox.take(500)
    print(f"an event that is written: {timeit(write, number=100) / 100 / len(waiting) * 1e6:.1f} us")


def main() -> None:
    """Benchmark, or be one of its processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--inside", action="store_true", help="only what ids and events cost inside the process")
    parser.add_argument("--before", default="", help="operator/src of an earlier checkout, for one more server")
    for name, kind in {"serve": str, "dir": Path, "port": int, "client": int, "body": Path, "concurrency": int}.items():
        parser.add_argument(f"--{name}", type=kind, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.dir, given.port)
    elif given.inside:
        inside()
    elif given.client:
        print(json.dumps(asyncio.run(load(given.client, given.body.read_bytes(), given.concurrency, given.seconds))))
    else:
        benchmark(given.rounds, given.seconds, given.before)


if __name__ == "__main__":
    main()
