"""The operator among many ModelDeployments, beside bare InferenceServices in the same cluster and the same run.

    .venv/bin/python tests/benchmarks/cluster.py [--deployments 1000] [--failing 50] [--idle 60] [--rounds 20] [--round-size 100]

A test cluster with the real KServe controller and gateway; pods are on fake nodes (told to run), requests come from a
generator that serves the gateway's metrics page in proportion to the weights of the real HTTPRoutes. First a plain client
creates and changes InferenceServices; then the operator does what ModelDeployments ask for: all created, all released
anew through a canary (20 %, 50 %), then once more while some candidates begin to fail. The operator runs in an environment of
its own, with what its image has and no more. Takes about 40 minutes.
"""

import argparse
import json
import platform
import statistics
import subprocess
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
from kubernetes import watch  # type: ignore[import-untyped]
from kubernetes.client import ApiException  # type: ignore[import-untyped]
from urllib3.exceptions import HTTPError

from serinus.adapters.kubernetes_objects import DEPLOYMENT_LABEL
from tests.cluster.control_plane import cluster as clusters
from tests.cluster.control_plane.kwok import FAKE_NAMESPACE_ANNOTATION
from tests.cluster.looking import Look, look_at
from tests.cluster.operating.process import Operator
from tests.cluster.operating.world import DEPLOYMENTS, ROUTES, SERVICES
from tests.cluster.standard.world import install_definition, stub_runtime

Json = dict[str, Any]

ROOT = Path(__file__).parents[2]
IMAGE_LOCK = Path("images/operator/requirements.lock")
IMAGE_ENVIRONMENT = Path(".cache/operator-venv")
WORKLOADS = ("apps", "v1", "deployments")
CLIENTS = 8
REQUESTS_PER_SECOND = 50.0
SHARE_FAILING = 0.5
INTERVAL_SECONDS = 5
DEADLINE_SECONDS = 3600.0
POLICY = {
    "interval": f"{INTERVAL_SECONDS}s",
    "readyDeadline": "55m",
    "signals": [{"name": "errors", "type": "Errors", "maxIncrease": 0.05}],
    "steps": [{"weight": weight, "hold": "5s", "minRequests": 20} for weight in (20, 50)],
}
DEMANDED_SECONDS = 10  # two holds of 5 s
SERIES = (
    'traefik_service_requests_total{{code="{code}",method="POST",protocol="http",'
    'service="httproute-{namespace}-m-gw-kserve-g-ep-web-0-00000000000000000000-svc-{namespace}-{service}-0'
    '@kubernetesgateway"}} {count}\n'
)


@dataclass
class Served:
    """Requests that a service was given so far. `rate`: requests per second now."""

    rate: float = 0.0
    since: float = 0.0
    good: float = 0.0
    bad: float = 0.0
    fails: bool = False

    def settle(self, now: float) -> None:
        """Count what was sent since the last change."""
        sent, failing = self.rate * (now - self.since), SHARE_FAILING if self.fails else 0.0
        self.good, self.bad, self.since = self.good + sent * (1 - failing), self.bad + sent * failing, now


class Followed:
    """The objects of a kind in a namespace as a watch tells of them: asking again and again would load what is measured."""

    def __init__(self, look: Look, namespace: str, kind: tuple[str, str, str], label: str = "") -> None:
        self._look, self._namespace, self._kind, self._label = look, namespace, kind, label
        self._ended = threading.Event()
        self.objects: dict[str, Json] = {}

    @contextmanager
    def running(self, seen: Callable[[Json, bool], None] = lambda manifest, gone: None) -> Iterator[dict[str, Json]]:
        """Follow while the block lasts; gives the objects by name. `seen` is told of each change."""
        thread = threading.Thread(target=self._follow, args=(seen,), daemon=True)
        thread.start()
        try:
            yield self.objects
        finally:
            self._ended.set()

    def _follow(self, seen: Callable[[Json, bool], None]) -> None:
        group, version, plural = self._kind
        while not self._ended.is_set():
            stream = watch.Watch().stream(
                self._look.custom.list_namespaced_custom_object, group, version, self._namespace, plural,
                label_selector=self._label, timeout_seconds=600,
            )  # fmt: skip
            with suppress(HTTPError, ApiException):  # a watch may be cut, or be too old, and is at the end
                for event in stream:
                    if self._ended.is_set():
                        return
                    self._take_in(event["object"], event["type"] == "DELETED", seen)

    def _take_in(self, manifest: Json, gone: bool, seen: Callable[[Json, bool], None]) -> None:
        name = manifest["metadata"]["name"]
        if gone:
            self.objects.pop(name, None)
        else:
            self.objects[name] = manifest
        seen(manifest, gone)


class Generator:
    """Clients that are only counted: follows the HTTPRoutes of a namespace, and answers as the gateway's metrics page."""

    def __init__(self, look: Look, namespace: str) -> None:
        self._look, self._namespace = look, namespace
        self._lock = threading.Lock()
        self._served: dict[str, Served] = {}
        self._started = time.time()
        self.weights: dict[str, dict[str, int]] = {}
        self.on_change: Callable[[str, Mapping[str, int]], None] = lambda name, weights: None

    @contextmanager
    def running(self) -> Iterator[str]:
        """Serve and follow while the block lasts; gives the page's URL."""
        generator = self

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = generator.page().encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            with Followed(self._look, self._namespace, ROUTES, DEPLOYMENT_LABEL).running(self._seen):
                yield f"http://127.0.0.1:{server.server_port}/metrics"
        finally:
            server.shutdown()

    def fail(self, service: str) -> None:
        """From now on a share of its answers are errors."""
        with self._lock:
            served = self._served[service]
            served.settle(time.time())
            served.fails = True

    def page(self) -> str:
        """The page, in Traefik's schema."""
        lines = [f"process_start_time_seconds {self._started}\n"]
        with self._lock:
            for service, served in self._served.items():
                served.settle(time.time())
                for code, count in ((200, int(served.good)), (500, int(served.bad))):
                    lines.append(SERIES.format(code=code, namespace=self._namespace, service=service, count=count))
        return "".join(lines)

    def _seen(self, route: Json, gone: bool) -> None:
        name, now = route["metadata"]["name"], time.time()
        backends = [] if gone else route["spec"]["rules"][-1]["backendRefs"]
        weights = {one["name"]: int(one["weight"]) for one in backends}
        with self._lock:
            for service in self.weights.get(name, {}).keys() - weights.keys():
                self._served.pop(service, None)  # Traefik forgets what it no longer routes to
            for service, weight in weights.items():
                served = self._served.setdefault(service, Served(since=now))
                served.settle(now)
                served.rate = REQUESTS_PER_SECOND * weight / 100
            self.weights[name] = weights
        self.on_change(name, weights)


class Failing:
    """Makes chosen candidates fail some seconds after their first traffic, and notes when that was taken from them."""

    def __init__(self, generator: Generator, names: set[str]) -> None:
        self._generator, self._names = generator, names
        self._began: dict[str, tuple[float, str]] = {}
        self.seconds: dict[str, float] = {}
        generator.on_change = self._changed

    def _changed(self, name: str, weights: Mapping[str, int]) -> None:
        if name in self.seconds or name not in self._names:
            return
        if name in self._began:
            began, candidate = self._began[name]
            if weights.get(candidate, 0) == 0:
                self.seconds[name] = time.time() - began
        elif len(weights) > 1 and min(weights.values()) > 0:
            candidate = min(weights, key=lambda service: weights[service])
            self._generator.fail(candidate)
            self._began[name] = time.time(), candidate


@dataclass
class Bench:
    """One namespace on fake nodes."""

    look: Look
    namespace: str
    facts: Json = field(default_factory=dict)

    def make_namespace(self) -> None:
        metadata = {"name": self.namespace, "annotations": FAKE_NAMESPACE_ANNOTATION}
        self.look.core.create_namespace({"metadata": metadata})
        runtimes = ("serving.kserve.io", "v1alpha1", self.namespace, "servingruntimes")
        self.look.custom.create_namespaced_custom_object(*runtimes, stub_runtime())

    def following(self, kind: tuple[str, str, str]) -> AbstractContextManager[dict[str, Json]]:
        """The objects of a kind by name, kept up to date while the block lasts."""
        return Followed(self.look, self.namespace, kind).running()

    def each(self, count: int, act: Callable[[int], object]) -> float:
        """Do it for every number, a few at a time; the seconds it took."""
        begun = time.perf_counter()
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(act, range(count)))
        return time.perf_counter() - begun

    def create(self, kind: tuple[str, str, str], body: Json) -> None:
        self.look.custom.create_namespaced_custom_object(kind[0], kind[1], self.namespace, kind[2], body)

    def patch(self, kind: tuple[str, str, str], name: str, body: Json) -> None:
        self.look.custom.patch_namespaced_custom_object(kind[0], kind[1], self.namespace, kind[2], name, body)


def image_python() -> Path:
    """The interpreter of an environment with what the operator's image has; made anew whenever that changes."""
    locked, made_with = (ROOT / IMAGE_LOCK).read_bytes(), ROOT / IMAGE_ENVIRONMENT / IMAGE_LOCK.name
    if not made_with.exists() or made_with.read_bytes() != locked:
        subprocess.run(["scripts/setup.sh", str(IMAGE_ENVIRONMENT), str(IMAGE_LOCK)], cwd=ROOT, check=True)
        made_with.write_bytes(locked)
    return ROOT / IMAGE_ENVIRONMENT / "bin" / "python"


def count_of(objects: dict[str, Json], is_so: Callable[[Json], bool]) -> int:
    """How many of the objects, which change meanwhile, are so."""
    return sum(map(is_so, list(objects.values())))


def until(condition: Callable[[], bool], what: str) -> float:
    """The seconds until it is true."""
    begun = time.perf_counter()
    while not condition():
        if time.perf_counter() - begun > DEADLINE_SECONDS:
            raise SystemExit(f"not within {DEADLINE_SECONDS:.0f} s: {what}")
        time.sleep(1)
    return time.perf_counter() - begun


# ---- bare InferenceServices


def bare(bench: Bench, count: int) -> dict[str, float]:
    """Seconds until all are ready after they were created, and after all were changed."""
    predictor = lambda version: {"model": {"modelFormat": {"name": "serinus"}, "storageUri": f"s3://models/{version}"}}  # noqa: E731

    def body(number: int) -> Json:
        return {
            "apiVersion": "serving.kserve.io/v1beta1",
            "kind": "InferenceService",
            "metadata": {"name": f"b{number}", "annotations": {"serving.kserve.io/deploymentMode": "Standard"}},
            "spec": {"predictor": predictor("v1")},
        }

    with bench.following(SERVICES) as services, bench.following(WORKLOADS) as workloads:
        begun = time.perf_counter()
        bench.each(count, lambda number: bench.create(SERVICES, body(number)))
        until(lambda: count_of(services, _ready) == count, "all InferenceServices are ready")
        created = time.perf_counter() - begun
        begun = time.perf_counter()
        bench.each(count, lambda n: bench.patch(SERVICES, f"b{n}", {"spec": {"predictor": predictor("v2")}}))
        until(lambda: count_of(workloads, _has_rolled_out) == count, "all Deployments have rolled out")
        changed = time.perf_counter() - begun
    bench.look.core.delete_namespace(bench.namespace)
    gone = lambda: bench.namespace not in {one.metadata.name for one in bench.look.core.list_namespace().items}  # noqa: E731
    until(gone, "the namespace is gone")
    return {"created": created, "changed": changed}


def _ready(service: Json) -> bool:
    conditions = service.get("status", {}).get("conditions", [])
    return any((one["type"], one["status"]) == ("Ready", "True") for one in conditions)


def _has_rolled_out(workload: Json) -> bool:
    status = workload.get("status", {})
    numbers = [status.get(name) for name in ("updatedReplicas", "readyReplicas", "replicas")]
    seen = status.get("observedGeneration") == workload["metadata"]["generation"]
    return seen and numbers == [1, 1, 1] and "s3://models/v2" in json.dumps(workload["spec"]["template"])


# ---- ModelDeployments


class Watched:
    """An operator's use of processor, memory and API."""

    def __init__(self, operator: Operator) -> None:
        self.operator, self._process = operator, psutil.Process(operator.pid)
        self.peak_mib = 0.0

    def cpu(self) -> float:
        """Seconds of processor time."""
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def mib(self) -> float:
        """Resident memory now."""
        now = float(self._process.memory_info().rss) / 2**20
        self.peak_mib = max(self.peak_mib, now)
        return now

    def requests(self) -> Counter[tuple[str, str]]:
        """Answers of the API server so far, by verb and kind."""
        found: Counter[tuple[str, str]] = Counter()
        for line in self.operator.ask("/metrics")[1].splitlines():
            if line.startswith("serinus_api_requests_total{"):
                labels, _, value = line.removeprefix("serinus_api_requests_total{").partition("} ")
                named = dict(one.split("=") for one in labels.split(","))
                found[named["verb"].strip('"'), named["kind"].strip('"')] += int(float(value))
        return found


def spec(version: str, **rollout: Any) -> Json:
    """What all deployments ask for."""
    model = {"name": "m", "uri": f"s3://models/{version}"}
    return {
        "spec": {
            "model": model,
            "serving": {"keepWarm": "1s", "diagnosticsTTL": "1s"},
            "rollout": {**POLICY, **rollout},
        }
    }


def serve(deployment: Json, version: str) -> bool:
    """Whether it rests with that version as stable."""
    status = deployment.get("status", {})
    uri = str(status.get("stable", {}).get("artifact", {}).get("uri", ""))
    return status.get("phase") == "Stable" and uri.endswith(f"/{version}")


def measured(
    bench: Bench, watched: Watched, count: int, act: Callable[[int], object], done: Callable[[Json], bool]
) -> Json:
    """Seconds, processor time, memory and API requests until every deployment is done."""
    cpu, before, begun = watched.cpu(), watched.requests(), time.perf_counter()
    applied = bench.each(count, act)

    with bench.following(DEPLOYMENTS) as deployments:

        def all_done() -> bool:
            watched.mib()
            return count_of(deployments, done) == count

        until(all_done, "all ModelDeployments are done")
    seconds = time.perf_counter() - begun
    requests = watched.requests() - before
    return {
        "applied": applied,
        "seconds": seconds,
        "cpu": watched.cpu() - cpu,
        "peak_mib": watched.peak_mib,
        "requests": sum(requests.values()) / count,
        "by_kind": {f"{verb} {kind}": round(number / count, 2) for (verb, kind), number in requests.most_common(8)},
    }


def create_deployment(bench: Bench, name: str, version: str, **rollout: Any) -> None:
    head = {"apiVersion": "serinus.dev/v1alpha1", "kind": "ModelDeployment", "metadata": {"name": name}}
    bench.create(DEPLOYMENTS, head | spec(version, **rollout))


def told(title: str, row: Json, base: float | None = None, demanded: float = 0.0) -> None:
    """One line for people."""
    own = f", {row['seconds'] - base - demanded:.0f} s more than bare" if base is not None else ""
    waits = f" ({demanded:.0f} s of it holds)" if demanded else ""
    print(
        f"{title}: {row['seconds']:.0f} s{waits}{own}; operator {row['cpu']:.1f} CPU s, peak {row['peak_mib']:.0f} MiB; "
        f"{row['requests']:.2f} API requests each: {row['by_kind']}",
        flush=True,
    )


def memory(bench: Bench, watched: Watched, rounds: int, size: int) -> list[float]:
    """Resident MiB after each round in which `size` deployments are replaced at once."""
    found = []
    for number in range(rounds):
        version = f"r{number}"
        change = spec(version, strategy="Immediate")
        measured(
            bench, watched, size, lambda n, change=change: bench.patch(DEPLOYMENTS, f"r{n}", change),
            lambda one, version=version: serve(one, version),
        )  # fmt: skip
        found.append(watched.mib())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deployments", type=int, default=1000)
    parser.add_argument("--failing", type=int, default=50, help="candidates that begin to fail in the last release")
    parser.add_argument("--idle", type=float, default=60.0, help="seconds over which an idle operator is watched")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--round-size", type=int, default=100)
    options = parser.parse_args()
    name = f"bench-{uuid.uuid4().hex[:6]}"
    print(f"{platform.machine()}, {psutil.cpu_count()} cores, {options.deployments} deployments", flush=True)
    try:
        cluster = clusters.up(name)
        look = look_at(cluster)
        install_definition(look)
        with tempfile.TemporaryDirectory() as folder:
            run(options, Bench(look, f"{name}-bare"), Bench(look, f"{name}-serinus"), cluster, Path(folder))
    finally:
        clusters.down(name)


def run(options: argparse.Namespace, plain: Bench, bench: Bench, cluster: clusters.Cluster, folder: Path) -> None:
    """All of it, on a cluster of its own."""
    count, python = options.deployments, image_python()
    plain.make_namespace()
    base = bare(plain, count)
    print(f"bare InferenceServices: created {base['created']:.0f} s, changed {base['changed']:.0f} s", flush=True)
    bench.make_namespace()
    generator = Generator(bench.look, bench.namespace)
    with generator.running() as url:
        operator = Operator(
            cluster, bench.namespace, folder, "bench", lease=False, python=python, gateway_metrics_url=url
        )
        try:
            watched = Watched(operator.until_works())
            release(options, bench, watched, generator, base)
            cpu, before = watched.cpu(), watched.requests()
            time.sleep(options.idle)
            asked = sum((watched.requests() - before).values())
            share = (watched.cpu() - cpu) / options.idle
            print(f"idle: {share:.1%} of a core, {asked} API requests in {options.idle:.0f} s", flush=True)
            for number in range(options.round_size):
                create_deployment(bench, f"r{number}", "v1", strategy="Immediate")
            sizes = memory(bench, watched, options.rounds, options.round_size)
            print(f"MiB after each of {options.rounds} rounds: {' '.join(f'{one:.0f}' for one in sizes)}", flush=True)
        finally:
            operator.stop()


def release(
    options: argparse.Namespace, bench: Bench, watched: Watched, generator: Generator, base: Mapping[str, float]
) -> None:
    """All created, all released anew, and once more with failing candidates among them."""
    count = options.deployments
    row = measured(
        bench, watched, count, lambda n: create_deployment(bench, f"m{n}", "v1"), lambda one: serve(one, "v1")
    )
    told("created", row, base["created"])
    row = measured(
        bench, watched, count, lambda n: bench.patch(DEPLOYMENTS, f"m{n}", spec("v2")), lambda one: serve(one, "v2")
    )
    told("released", row, base["changed"], DEMANDED_SECONDS)
    failing = Failing(generator, {f"m{number * count // options.failing}" for number in range(options.failing)})
    row = measured(
        bench, watched, count, lambda n: bench.patch(DEPLOYMENTS, f"m{n}", spec("v3")),
        lambda one: serve(one, "v3") or one["status"].get("phase") == "RolledBack",
    )  # fmt: skip
    told("released with failures", row)
    seconds = sorted(failing.seconds.values())
    print(
        f"from the first bad answer to weight 0: {len(seconds)} candidates, median {statistics.median(seconds):.1f} s, "
        f"longest {seconds[-1]:.1f} s (interval {INTERVAL_SECONDS} s)",
        flush=True,
    )


if __name__ == "__main__":
    main()
