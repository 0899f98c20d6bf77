"""What the metrics sources of a cluster do beyond the contract of all metrics sources."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from serinus.adapters.cluster_metrics import ClusterMetrics
from serinus.adapters.gateway_metrics import GatewayMetrics, by_service
from serinus.adapters.kubernetes_objects import HTTP_ROUTE, INFERENCE_SERVICE, POD
from serinus.adapters.predictor_metrics import PredictorMetrics
from serinus.adapters.scraping import FAILURE_FRESH, Scraper, Shared, addresses
from serinus.adapters.system_clock import SystemClock
from serinus.core.errors import MetricsUnavailable
from serinus.ports import Key
from tests.adapters.standard.exporters import Exporter, GatewayExporter, PredictorExporter, series
from tests.fakes.clock import START, FakeClock
from tests.fakes.kubernetes import FakeKubernetes

pytestmark = pytest.mark.anyio

KEY = Key("ml", "flights")
NOW = timedelta()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def scraper() -> AsyncIterator[Scraper]:
    made = Scraper()
    yield made
    await made.close()


@pytest.fixture
async def gateways() -> AsyncIterator[tuple[GatewayExporter, GatewayExporter]]:
    both = GatewayExporter(), GatewayExporter()
    yield both
    for one in both:
        one.close()


def cluster(*revisions: str, created: datetime = START) -> FakeKubernetes:
    kubernetes = FakeKubernetes(lambda: created)
    for revision in revisions:
        labels = {"serinus.dev/deployment": KEY.name, "serinus.dev/revision": revision}
        made: dict[str, Any] = {"metadata": {"labels": labels}, "spec": {"predictor": {}}}
        kubernetes.edit(INFERENCE_SERVICE, KEY.namespace, f"{KEY.name}-{revision}", made)
    return kubernetes


async def source(
    kubernetes: FakeKubernetes, scraper: Scraper, *gateways: GatewayExporter, fresh: timedelta = NOW
) -> GatewayMetrics:
    urls = [f"http://127.0.0.1:{await one.listen()}/metrics" for one in gateways]
    return GatewayMetrics(kubernetes, urls, scraper, SystemClock(), fresh)


async def test_every_gateway_counts_as_an_instance(
    scraper: Scraper, gateways: tuple[GatewayExporter, GatewayExporter]
) -> None:
    metrics = await source(cluster("aaa"), scraper, *gateways)
    for count, gateway in enumerate(gateways, 1):
        gateway.counts[series("ml", "flights", "flights-aaa-predictor"), 200] += count
    snapshot = await metrics.read(KEY)
    assert len(snapshot.instances) == 2
    assert sorted(sample.codes[200] for sample in snapshot.samples) == [1, 2]


async def test_a_gateway_that_is_gone_does_not_hide_the_other(
    scraper: Scraper, gateways: tuple[GatewayExporter, GatewayExporter]
) -> None:
    metrics = await source(cluster("aaa"), scraper, *gateways)
    gateways[0].close()
    gateways[1].counts[series("ml", "flights", "flights-aaa-predictor"), 200] += 4
    snapshot = await metrics.read(KEY)
    assert [sample.codes for sample in snapshot.samples] == [{200: 4}]


async def test_several_gateways_behind_one_address_are_not_taken_for_one_that_starts_again_and_again(
    scraper: Scraper, gateways: tuple[GatewayExporter, GatewayExporter]
) -> None:
    metrics, gateway = await source(cluster("aaa"), scraper, gateways[0]), gateways[0]
    older = gateway.started_at
    await metrics.read(KEY)
    gateway.restart()
    await metrics.read(KEY)
    gateway.started_at = older
    with pytest.raises(MetricsUnavailable, match="name a headless Service"):
        await metrics.read(KEY)


async def test_all_rules_of_a_route_count_for_the_revision_they_lead_to(
    scraper: Scraper, gateways: tuple[GatewayExporter, GatewayExporter]
) -> None:
    metrics = await source(cluster("aaa", "bbb"), scraper, gateways[0])
    counts = gateways[0].counts
    counts[series("ml", "flights", "flights-aaa-predictor"), 200] += 5
    counts[series("ml", "flights", "flights-bbb-predictor", place=1), 200] += 2
    counts[series("ml", "flights", "flights-bbb-predictor", rule=1), 200] += 3
    counts[series("ml", "flights", "flights-bbb-predictor", rule=1), 502] += 1
    samples = {sample.revision: sample for sample in (await metrics.read(KEY)).samples}
    assert samples["aaa"].codes == {200: 5}
    assert samples["bbb"].codes == {200: 5, 502: 1}
    assert samples["bbb"].latency_buckets[float("inf")] == 6


async def test_other_deployments_and_providers_are_not_counted(
    scraper: Scraper, gateways: tuple[GatewayExporter, GatewayExporter]
) -> None:
    metrics = await source(cluster("aaa"), scraper, gateways[0])
    for name in (
        series("ml", "flights-b", "flights-b-aaa-predictor"),
        series("other", "flights", "flights-aaa-predictor"),
        "whoami-80",
    ):
        gateways[0].counts[name, 200] += 1
    assert (await metrics.read(KEY)).samples == ()


async def test_a_revision_that_was_made_anew_has_a_new_start(
    scraper: Scraper, gateways: tuple[GatewayExporter, GatewayExporter]
) -> None:
    made = datetime.fromtimestamp(time.time() + 60, UTC).replace(microsecond=0)
    metrics = await source(cluster("aaa", created=made), scraper, gateways[0])
    gateways[0].counts[series("ml", "flights", "flights-aaa-predictor"), 200] += 1
    snapshot = await metrics.read(KEY)
    assert snapshot.samples[0].started_at == made
    assert snapshot.instances[0].started_at < made


async def test_many_deployments_that_look_at_once_share_one_page(
    scraper: Scraper, gateways: tuple[GatewayExporter, GatewayExporter]
) -> None:
    metrics = await source(cluster("aaa"), scraper, gateways[0], fresh=timedelta(seconds=60))
    for number in range(50):
        await metrics.read(Key("ml", f"deployment-{number}"))
    assert gateways[0].scrapes == 1


async def test_a_shared_answer_is_asked_for_again_when_it_is_old() -> None:
    clock, asked = FakeClock(), []

    async def ask() -> int:
        asked.append(clock.now())
        return len(asked)

    shared = Shared(ask, clock, timedelta(seconds=1))
    assert await shared.get() == (START, 1)
    clock.advance(0.9)
    assert await shared.get() == (START, 1)
    clock.advance(0.1)
    assert (await shared.get())[1] == 2


async def test_a_failure_is_told_to_all_who_wait_at_once_and_soon_asked_about_again() -> None:
    clock, answers, asked = FakeClock(), [MetricsUnavailable("away"), 7], []

    async def ask() -> int:
        asked.append(clock.now())
        await asyncio.sleep(0.01)
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return int(answer)

    shared = Shared(ask, clock, timedelta())
    told = await asyncio.gather(*(shared.get() for _ in range(8)), return_exceptions=True)
    assert [str(one) for one in told] == ["away"] * 8
    with pytest.raises(MetricsUnavailable):
        await shared.get()
    assert len(asked) == 1, "nobody waits for it after another"
    clock.advance(FAILURE_FRESH.total_seconds())
    assert (await shared.get())[1] == 7


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://127.0.0.1:9100/metrics", [("http://127.0.0.1:9100/metrics", "127.0.0.1:9100")]),
        ("http://127.0.0.1/metrics", [("http://127.0.0.1:80/metrics", "127.0.0.1")]),
        ("http://[::1]:9100/m", [("http://[::1]:9100/m", "[::1]:9100")]),
        ("https://traefik.example.org/metrics", [("https://traefik.example.org/metrics", "")]),
    ],
)
async def test_a_name_is_asked_at_each_of_its_addresses(url: str, found: list[tuple[str, str]]) -> None:
    assert await addresses(url) == found


async def test_an_unknown_host_is_unavailable_with_what_to_do() -> None:
    with pytest.raises(MetricsUnavailable, match="correct the address"):
        await addresses("http://no-such-host.invalid:9100/metrics")


@pytest.mark.parametrize("status", [404, 500])
async def test_a_page_that_is_not_there_is_unavailable(
    scraper: Scraper, gateways: tuple[GatewayExporter, GatewayExporter], status: int
) -> None:
    metrics = await source(cluster("aaa"), scraper, gateways[0])
    gateways[0].status = status
    with pytest.raises(MetricsUnavailable, match=f"cannot be scraped: .*{status}"):
        await metrics.read(KEY)


async def test_a_page_of_something_else_is_unavailable(scraper: Scraper) -> None:
    class Website(Exporter):
        def page(self) -> str:
            return "<html>\n"

    website = Website()
    url = f"http://127.0.0.1:{await website.listen()}/metrics"
    with pytest.raises(MetricsUnavailable, match="is it a metrics page"):
        await scraper.fetch(url, "x")
    website.close()


def test_a_page_about_many_deployments_is_sorted_quickly() -> None:
    page = GatewayExporter()
    for number in range(1000):
        for revision in ("aaa", "bbb"):
            page.counts[series("ml", f"d{number}", f"d{number}-{revision}-predictor"), 200] += 1
    lines = page.lines()
    began = time.perf_counter()
    found = by_service(lines)
    assert time.perf_counter() - began < 2
    assert len(found) == 2000


# ---- predictors


def pod(kubernetes: FakeKubernetes, name: str, address: str, revision: str = "aaa", **more: Any) -> None:
    labels = {"serinus.dev/deployment": KEY.name, "serinus.dev/revision": revision, **more.get("labels", {})}
    status = {"podIP": address, "conditions": [{"type": "Ready", "status": str(more.get("ready", True))}]}
    kubernetes.edit(POD, KEY.namespace, name, {"metadata": {"labels": labels}, "status": status})


async def test_a_ready_revision_that_says_nothing_is_unavailable(scraper: Scraper) -> None:
    kubernetes, up = FakeKubernetes(), PredictorExporter()
    port = await up.listen("127.0.0.2")
    pod(kubernetes, "a", "127.0.0.2")
    pod(kubernetes, "b", "127.0.0.3", "bbb")
    with pytest.raises(MetricsUnavailable, match=r"http://127\.0\.0\.3"):
        await PredictorMetrics(kubernetes, scraper, SystemClock(), port).read(KEY)
    up.close()


async def test_a_silent_pod_beside_one_that_answers_is_waited_for(scraper: Scraper) -> None:
    kubernetes, up = FakeKubernetes(), PredictorExporter()
    port = await up.listen("127.0.0.2")
    up.counts["", 200] += 3
    pod(kubernetes, "a", "127.0.0.2")
    pod(kubernetes, "b", "127.0.0.3")
    pod(kubernetes, "c", "127.0.0.4", "bbb", ready=False)
    snapshot = await PredictorMetrics(kubernetes, scraper, SystemClock(), port).read(KEY)
    assert [(sample.instance, sample.codes) for sample in snapshot.samples] == [("a", {200: 3})]
    up.close()


async def test_transformers_are_not_asked(scraper: Scraper) -> None:
    kubernetes = FakeKubernetes()
    pod(kubernetes, "t", "127.0.0.9", labels={"component": "transformer"})
    assert (await PredictorMetrics(kubernetes, scraper, SystemClock(), 1).read(KEY)).instances == ()


async def test_a_runtime_that_counts_no_requests_is_named_with_what_to_do(scraper: Scraper) -> None:
    kubernetes, stock = FakeKubernetes(), Exporter()
    port = await stock.listen("127.0.0.2")
    pod(kubernetes, "a", "127.0.0.2")
    with pytest.raises(MetricsUnavailable, match=r"pod a does not count .*SERINUS_GATEWAY_METRICS_URL"):
        await PredictorMetrics(kubernetes, scraper, SystemClock(), port).read(KEY)
    stock.close()


# ---- the choice


async def test_the_gateway_is_asked_where_it_counts_by_revision_and_the_pods_elsewhere(
    gateways: tuple[GatewayExporter, GatewayExporter],
) -> None:
    kubernetes = cluster("aaa")
    metrics = ClusterMetrics(kubernetes, SystemClock(), [f"http://127.0.0.1:{await gateways[0].listen()}/metrics"])
    assert (await metrics.read(KEY)).instances == ()  # no route, and no pods to ask
    ours = {"metadata": {"labels": {"serinus.dev/deployment": KEY.name}}}
    kubernetes.edit(HTTP_ROUTE, KEY.namespace, KEY.name, ours)
    assert len((await metrics.read(KEY)).instances) == 1
    await metrics.close()
