"""Each template finds the requests of a revision on a real Prometheus, in pages as runtimes and gateways make them."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Set
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from serinus.adapters.prometheus_api import PrometheusApi
from serinus.adapters.prometheus_metrics import PrometheusMetrics
from serinus.adapters.prometheus_templates import TEMPLATES
from serinus.adapters.system_clock import SystemClock
from serinus.core.observation import CounterSample, MetricsSnapshot
from serinus.local.sockets import free_port
from serinus.ports import Key
from tests.adapters.standard.exporters import GatewayExporter, series
from tests.cluster.control_plane import builds
from tests.cluster.control_plane.waiting import wait_until
from tests.cluster.monitoring.conftest import Start
from tests.cluster.monitoring.pages import page
from tests.cluster.monitoring.server import Prometheus, Target
from tests.local.harness import eventually

pytestmark = pytest.mark.anyio

KEY = Key("ml", "flights")
BACKENDS = {"flights-aaa-predictor": "aaa", "flights-bbb-predictor": "bbb"}
BOTH = frozenset(BACKENDS.values())
POD = {"namespace": "ml", "serinus_dev_deployment": "flights"}
QUEUE = next(binary for binary in builds.KNATIVE if binary.name == "knative-queue")

Labels = Mapping[str, str]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def lines(metric: str, labels: Labels, value: float) -> str:
    told = ",".join(f'{name}="{one}"' for name, one in labels.items())
    return f"{metric}{{{told}}} {value}\n"


def buckets(metric: str, labels: Labels, counts: Mapping[str, int]) -> str:
    return "".join(lines(metric, {**labels, "le": edge}, count) for edge, count in counts.items())


def traefik() -> str:
    exporter = GatewayExporter()
    for revision, code, count in (("aaa", 200, 90), ("bbb", 200, 8), ("bbb", 500, 2)):
        exporter.counts[series("ml", "flights", f"flights-{revision}-predictor"), code] = count
    exporter.counts[series("ml", "flights-aaa", "flights-aaa-predictor-other"), 200] = 1000
    return exporter.page()


def istio() -> str:
    made = ""
    for revision, code, count in (("aaa", "200", 90), ("bbb", "200", 8), ("bbb", "0", 2)):
        labels = {
            "reporter": "source",
            "source_workload": "istio-ingressgateway",
            "destination_service": f"flights-{revision}-predictor.ml.svc.cluster.local",
            "destination_service_name": f"flights-{revision}-predictor",
            "destination_service_namespace": "ml",
            "request_protocol": "http",
            "response_code": code,
        }
        made += lines("istio_requests_total", labels, count)
        made += lines("istio_requests_total", {**labels, "reporter": "destination"}, count)
        made += buckets("istio_request_duration_milliseconds_bucket", labels, {"50": count - 1, "+Inf": count})
    return made


def kserve(revision: str) -> str:
    """What KServe's own library makes of two predictions."""
    from kserve.metrics import PREDICT_HIST_TIME

    registry = CollectorRegistry()
    PREDICT_HIST_TIME.labels(model_name="flights").observe(0.02)
    PREDICT_HIST_TIME.labels(model_name="flights").observe(30)
    registry.register(PREDICT_HIST_TIME)
    return generate_latest(registry).decode()


def knative_before(revision: str) -> str:
    made = ""
    for code, count in (("200", 8), ("500", 2)):
        labels = {"response_code": code, "response_code_class": f"{code[0]}xx", "revision_name": f"flights-{revision}"}
        made += lines("revision_app_request_count", labels, count)
        made += buckets("revision_app_request_latencies_bucket", labels, {"50": count - 1, "+Inf": count})
    return made


def of(snapshot: MetricsSnapshot, revision: str) -> CounterSample:
    return next(one for one in snapshot.samples if one.revision == revision)


async def read(prometheus: Prometheus, template: str, revisions: Set[str] = BOTH) -> MetricsSnapshot:
    """As the adapter reads it, once Prometheus has scraped everything: on a busy machine a scrape may fail."""
    api = PrometheusApi(prometheus.url)
    metrics = PrometheusMetrics(api, SystemClock(), TEMPLATES[template], lambda key: BACKENDS if key == KEY else {})
    seen: list[MetricsSnapshot] = []

    async def complete() -> bool:
        seen.append(await metrics.read(KEY))
        return {one.revision for one in seen[-1].samples} >= revisions

    await eventually(complete, f"{template} has counted for {revisions}")
    assert (await metrics.read(Key("ml", "flight"))).samples == ()
    await api.close()
    return seen[-1]


@pytest.mark.parametrize(
    ("template", "text", "failed"), [("traefik", traefik(), {200: 8, 500: 2}), ("istio", istio(), {200: 8, 0: 2})]
)
async def test_a_gateway_counts_by_backend(start_prometheus: Start, template: str, text: str, failed: Any) -> None:
    with page(text) as gateway:
        snapshot = await read(start_prometheus(Target(gateway.address)), template)
    assert of(snapshot, "aaa").codes == {200: 90}
    assert of(snapshot, "bbb").codes == failed
    assert of(snapshot, "bbb").latency_buckets[float("inf")] == 10
    assert snapshot.instances[0].instance == gateway.address


async def test_milliseconds_become_seconds(start_prometheus: Start) -> None:
    with page(istio()) as gateway:
        snapshot = await read(start_prometheus(Target(gateway.address)), "istio")
    assert of(snapshot, "aaa").latency_buckets == {0.05: 89, float("inf"): 90}


@pytest.mark.parametrize("template", ["knative-1.18", "kserve"])
async def test_pods_are_told_apart_by_the_labels_that_the_pod_monitor_gives_them(
    start_prometheus: Start, template: str
) -> None:
    make: Callable[[str], str] = {"knative-1.18": knative_before, "kserve": kserve}[template]
    with ExitStack() as stack:
        pods = {revision: stack.enter_context(page(make(revision))) for revision in ("aaa", "bbb")}
        targets = [Target(one.address, {**POD, "serinus_dev_revision": name}) for name, one in pods.items()]
        snapshot = await read(start_prometheus(*targets), template)
    assert {one.revision for one in snapshot.samples} == {"aaa", "bbb"}
    if template == "kserve":
        assert of(snapshot, "bbb").codes == {}, "it counts no errors, so nothing may look as if there were none"
        assert of(snapshot, "bbb").latency_buckets[float("inf")] >= 2
    else:
        assert of(snapshot, "bbb").codes == {200: 8, 500: 2}
        assert of(snapshot, "bbb").latency_buckets == {0.05: 8, float("inf"): 10}


@pytest.fixture
async def model() -> AsyncIterator[int]:
    """A server that answers 200, and 500 to /broken. Returns its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # a connection that was opened and not needed
        code = 500 if b"/broken" in head.split(b"\r\n")[0] else 200
        writer.write(f"HTTP/1.1 {code} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def sent(url: str) -> None:
    """Eight requests that are answered, and two that fail."""
    async with httpx.AsyncClient(trust_env=False) as client:
        for path in ["/"] * 8 + ["/broken"] * 2:
            await client.get(f"{url}{path}")


async def test_knatives_real_queue_proxy_is_understood(start_prometheus: Start, model: int, tmp_path: Path) -> None:
    builds.build((QUEUE,))
    serving, metrics = free_port(), free_port()
    with started([str(QUEUE.path)], tmp_path / "log", queue_environment(serving, metrics, model)):
        await up(f"http://127.0.0.1:{metrics}/metrics")
        await up(f"http://127.0.0.1:{serving}/")  # counts as well
        await sent(f"http://127.0.0.1:{serving}")
        labels = {**POD, "serinus_dev_revision": "bbb"}
        snapshot = await read(start_prometheus(Target(f"127.0.0.1:{metrics}", labels)), "knative", {"bbb"})
    codes = of(snapshot, "bbb").codes
    assert codes[500] == 2
    assert codes[200] >= 8
    assert of(snapshot, "bbb").latency_buckets[float("inf")] == sum(codes.values())
    assert of(snapshot, "bbb").started_at.timestamp() > 0


async def test_a_real_envoy_is_understood(start_prometheus: Start, model: int, tmp_path: Path) -> None:
    listener, admin = free_port(), free_port()
    (tmp_path / "envoy.json").write_text(json.dumps(envoy_configuration(listener, admin, model)))
    envoy = Path(sys.executable).with_name("envoy")
    arguments = ["-c", str(tmp_path / "envoy.json"), "--concurrency", "1", "--disable-hot-restart", "-l", "error"]
    with started([str(envoy), *arguments], tmp_path / "log", {}):
        await up(f"http://127.0.0.1:{admin}/ready")
        await sent(f"http://127.0.0.1:{listener}")
        snapshot = await read(
            start_prometheus(Target(f"127.0.0.1:{admin}", path="/stats/prometheus")), "envoy", {"bbb"}
        )
    assert of(snapshot, "bbb").codes == {200: 8, 500: 2}
    assert of(snapshot, "bbb").latency_buckets[float("inf")] == 10
    assert 0.05 in of(snapshot, "bbb").latency_buckets


@contextmanager
def started(command: list[str], log: Path, environment: Labels) -> Iterator[None]:
    """A process, ended when the block does."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=out, stderr=out)
    try:
        yield
    finally:
        process.kill()  # asked to end, queue-proxy would wait for requests for half a minute
        process.wait()


async def up(url: str) -> None:
    """Wait until something answers there."""

    def answers() -> bool:
        try:
            return httpx.get(url, trust_env=False).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    assert await asyncio.to_thread(wait_until, answers, 30), url


def queue_environment(serving: int, metrics: int, model: int) -> dict[str, str]:
    """What Knative gives its sidecar."""
    observability = {"requestMetrics": {"protocol": "prometheus", "endpoint": f"127.0.0.1:{metrics}"}}
    return {
        "CONTAINER_CONCURRENCY": "0",
        "QUEUE_SERVING_PORT": str(serving),
        "QUEUE_SERVING_TLS_PORT": str(free_port()),
        "USER_PORT": str(model),
        "REVISION_TIMEOUT_SECONDS": "30",
        "SERVING_LOGGING_CONFIG": "",
        "SERVING_LOGGING_LEVEL": "error",
        "SERVING_NAMESPACE": KEY.namespace,
        "SERVING_CONFIGURATION": KEY.name,
        "SERVING_REVISION": "flights-00002",
        "SERVING_POD": "flights-00002-deployment-0",
        "SERVING_POD_IP": "127.0.0.1",
        "OBSERVABILITY_CONFIG": json.dumps(observability),
    }


def envoy_configuration(listener: int, admin: int, model: int) -> dict[str, Any]:
    """One listener, and a cluster whose statistics are called as Contour calls those of a revision's Service."""
    extension = "type.googleapis.com/envoy.extensions.filters"
    name = "ml_flights-bbb-predictor_80"
    route = {"match": {"prefix": "/"}, "route": {"cluster": name}}
    manager = {
        "@type": f"{extension}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "http",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [
            {"name": "router", "typed_config": {"@type": f"{extension}.http.router.v3.Router"}},
        ],
    }
    endpoint = {"endpoint": {"address": envoy_address(model)}}
    return {
        "admin": {"address": envoy_address(admin)},
        "static_resources": {
            "listeners": [
                {
                    "address": envoy_address(listener),
                    "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
                }
            ],
            "clusters": [
                {"name": name, "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]}}
            ],
        },
    }


def envoy_address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
