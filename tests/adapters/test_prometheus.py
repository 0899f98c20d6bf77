"""Asking Prometheus: every way it can fail or answer oddly, told apart and in a sentence."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from serinus.adapters.prometheus_api import IN_FLIGHT, Access, PrometheusApi
from serinus.adapters.prometheus_bins import PrometheusBins
from serinus.adapters.prometheus_metrics import PrometheusMetrics
from serinus.adapters.prometheus_queries import PrometheusQueries
from serinus.adapters.prometheus_templates import TEMPLATES
from serinus.adapters.system_clock import SystemClock
from serinus.core.errors import MetricsUnavailable, QueryInvalid
from serinus.ports import Key
from tests.adapters.fakes.prometheus import Answer, FakePrometheus, Sample, refused, said, vector
from tests.fakes.clock import FakeClock
from tests.local.harness import KEY

pytestmark = pytest.mark.anyio

QUERY = "sum(rate(orders_total[5m]))"
LOGIN = "<html><title>Sign in</title></html>"
NAN, TOO_LARGE = float("nan"), 70 << 20


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def prometheus() -> AsyncIterator[FakePrometheus]:
    made = FakePrometheus()
    yield made
    made.close()


@pytest.fixture
async def api(prometheus: FakePrometheus) -> AsyncIterator[PrometheusApi]:
    made = PrometheusApi(await prometheus.listen(), timeout_seconds=5)
    yield made
    await made.close()


@pytest.fixture
def queries(api: PrometheusApi) -> PrometheusQueries:
    return PrometheusQueries(api)


@pytest.mark.parametrize(
    "answer", [vector([({}, 0.25)]), vector([({"shop": "a"}, 0.25)]), said("scalar", [1.5, "0.25"])]
)
async def test_a_query_is_the_one_number_it_answers(
    prometheus: FakePrometheus, queries: PrometheusQueries, answer: Answer
) -> None:
    prometheus.answer = lambda promql: answer
    assert await queries.evaluate(QUERY) == 0.25
    assert prometheus.queries == [{"query": QUERY, "timeout": "5s"}]


@pytest.mark.parametrize(
    ("answer", "error", "sentence"),
    [
        (vector([]), MetricsUnavailable, "has no value at .*give a default"),
        (vector([({}, NAN)]), MetricsUnavailable, "is nan at .*no traffic"),
        (said("scalar", [1.5, "+Inf"]), MetricsUnavailable, "is inf at"),
        (vector([({"a": "1"}, 1), ({"a": "2"}, 2)]), QueryInvalid, "is 2 series; aggregate them"),
        (said("matrix", [{"metric": {}, "values": [[1, "1"]]}]), QueryInvalid, "is a matrix, not a number"),
        (said("string", [1, "yes"]), QueryInvalid, "is a string, not a number"),
        (said("vector", [{"metric": {}, "histogram": [1, {}]}]), QueryInvalid, "is a native histogram"),
        (refused(400, "bad_data", "1:5: parse error"), QueryInvalid, "refuses the expression: 1:5: parse error"),
        (refused(422, "execution", "many-to-many matching"), QueryInvalid, "many-to-many"),
        (refused(503, "timeout", "query timed out"), MetricsUnavailable, r"could not answer \(timeout\)"),
        (vector([({}, 1)], warnings=["remote read of store-1 failed"]), MetricsUnavailable, "in part only: remote read"),
        (vector([({}, 1)], warnings=["PromQL warning: quantile is 2"]), QueryInvalid, "doubts the expression"),
        ((401, "no"), MetricsUnavailable, r"refuses \(401\); give it credentials"),
        ((403, LOGIN), MetricsUnavailable, r"refuses \(403\)"),
        ((200, LOGIN), MetricsUnavailable, "is no Prometheus .*Sign in.*correct the address"),
        ((302, ""), MetricsUnavailable, "is no Prometheus .*HTTP 302"),
        ((404, "404 page not found"), MetricsUnavailable, "is no Prometheus .*without /api/v1"),
        ((502, LOGIN), MetricsUnavailable, "is no Prometheus .*HTTP 502"),
        ((200, "[]"), MetricsUnavailable, "is no Prometheus"),
        ((200, '{"status": "success", "data": {"resultType": "vector", "result": [{}]}}'), MetricsUnavailable, "no Prometheus"),
        ((200, " " * TOO_LARGE), MetricsUnavailable, "more than 64 MiB"),
    ],
)  # fmt: skip
async def test_what_is_no_number_is_a_sentence(
    prometheus: FakePrometheus, queries: PrometheusQueries, answer: Answer, error: type[Exception], sentence: str
) -> None:
    prometheus.answer = lambda promql: answer
    with pytest.raises(error, match=f"(?s){sentence}"):
        await queries.evaluate(QUERY)


async def test_a_prometheus_that_is_slow_is_not_waited_for(prometheus: FakePrometheus) -> None:
    prometheus.stuck = True
    api = PrometheusApi(await prometheus.listen(), timeout_seconds=0.1)
    with pytest.raises(MetricsUnavailable, match=r"has not answered within 0\.1 s"):
        await api.ask(QUERY)
    await api.close()


async def test_who_waits_for_others_to_be_answered_waits_no_longer_than_the_rest(prometheus: FakePrometheus) -> None:
    prometheus.stuck = True
    api = PrometheusApi(await prometheus.listen(), timeout_seconds=0.2)
    answers = await asyncio.gather(*(api.ask(QUERY) for _ in range(3 * IN_FLIGHT)), return_exceptions=True)
    assert all(isinstance(one, MetricsUnavailable) for one in answers)
    assert len(prometheus.queries) < 2 * IN_FLIGHT  # the others had no turn before their time was over
    await api.close()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://no-such-host.invalid"])
async def test_a_prometheus_that_is_not_there_is_named(url: str) -> None:
    api = PrometheusApi(url)
    with pytest.raises(MetricsUnavailable, match=f"{url} cannot be asked: .+; see whether it runs"):
        await api.ask(QUERY)
    await api.close()


async def test_it_is_told_who_asks(prometheus: FakePrometheus, tmp_path: Path) -> None:
    url, file = await prometheus.listen(), tmp_path / "token"
    file.write_text("first\n")
    renewed = Access(token_file=str(file))
    for access in (Access(username="me", password="secret"), Access(token="abc"), renewed):
        api = PrometheusApi(url, access)
        await api.ask(QUERY)
        await api.close()
    told = [line for head in prometheus.heads for line in head.splitlines() if line.lower().startswith("authorization")]
    assert told == ["Authorization: Basic bWU6c2VjcmV0", "Authorization: Bearer abc", "Authorization: Bearer first"]
    assert "secret" not in repr(Access(username="me", password="secret", token="secret"))


@pytest.mark.parametrize("access", [Access(token_file="/nowhere/token"), Access(ca_file="/nowhere/ca.crt")])
async def test_a_file_that_is_not_there_is_named(prometheus: FakePrometheus, access: Access) -> None:
    api = PrometheusApi(await prometheus.listen(), access)
    with pytest.raises(MetricsUnavailable, match="cannot be read from /nowhere/"):
        await api.ask(QUERY)
    await api.close()


TARGET = {"job": "predictors", "instance": "10.0.0.1:8080"}


def counted(
    requests: float, *, age: float = 1, started: float = 1000.5, key: Key = KEY, **target: str
) -> Iterator[Sample]:
    """The rows about one predictor."""
    of = {**TARGET, **target}
    yield {**of, "serinus_part": "scraped"}, time.time() - age
    yield {**of, "serinus_part": "started"}, started
    revision = {**of, "deployment": str(key), "revision": "aaa"}
    yield {**revision, "code": "200", "serinus_part": "requests"}, requests
    yield {**revision, "le": "+Inf", "serinus_part": "latency"}, requests


@pytest.fixture
def metrics(api: PrometheusApi) -> PrometheusMetrics:
    return PrometheusMetrics(api, SystemClock(), stale_after=timedelta(seconds=60))


async def requests_of(metrics: PrometheusMetrics, key: Key = KEY) -> list[int]:
    return [one.codes[200] for one in (await metrics.read(key)).samples]


async def test_what_was_scraped_long_ago_is_not_now(prometheus: FakePrometheus, metrics: PrometheusMetrics) -> None:
    prometheus.answer = lambda promql: vector([*counted(5, age=100), *counted(7, instance="10.0.0.2:8080")])
    assert await requests_of(metrics) == [7]
    prometheus.answer = lambda promql: vector(counted(5, age=100))
    with pytest.raises(
        MetricsUnavailable, match="has scraped nothing of default/flights for 100 s, and 60 s are allowed"
    ):
        await metrics.read(KEY)


async def test_two_jobs_that_scrape_the_same_pod_are_one(
    prometheus: FakePrometheus, metrics: PrometheusMetrics
) -> None:
    prometheus.answer = lambda promql: vector([*counted(9, age=1), *counted(8, age=10, job="annotated")])
    assert await requests_of(metrics) == [9]


async def test_of_two_prometheus_behind_one_address_the_older_scrape_is_not_a_reset(
    prometheus: FakePrometheus, metrics: PrometheusMetrics
) -> None:
    for age, requests, expected in ((1, 100, 100), (10, 90, 100), (0.5, 105, 105)):
        rows = list(counted(requests, age=age))
        prometheus.answer = lambda promql, rows=rows: vector(rows)
        assert await requests_of(metrics) == [expected]


@pytest.mark.parametrize("value", [NAN, float("inf")])
async def test_a_counter_that_is_no_number_is_not_taken_for_a_reset(
    prometheus: FakePrometheus, metrics: PrometheusMetrics, value: float
) -> None:
    prometheus.answer = lambda promql: vector(counted(value))
    with pytest.raises(
        MetricsUnavailable, match=r"serinus_requests_total of default/flights is (nan|inf) at 10\.0\.0\.1:8080"
    ):
        await metrics.read(KEY)


async def test_a_broken_counter_is_the_trouble_of_its_own_deployment_alone(
    prometheus: FakePrometheus, metrics: PrometheusMetrics
) -> None:
    prometheus.answer = lambda promql: vector([*counted(NAN), *counted(4, key=Key("ml", "d"), instance="other")])
    broken, fine = await asyncio.gather(metrics.read(KEY), requests_of(metrics, Key("ml", "d")), return_exceptions=True)
    assert isinstance(broken, MetricsUnavailable)
    assert fine == [4]


async def test_a_start_time_that_prometheus_does_not_keep_shows_restarts_by_counters_that_fall(
    prometheus: FakePrometheus, metrics: PrometheusMetrics
) -> None:
    prometheus.answer = lambda promql: vector(row for row in counted(5) if row[0]["serinus_part"] != "started")
    (sample,) = (await metrics.read(KEY)).samples
    assert sample.started_at.timestamp() == 0


async def test_many_deployments_that_are_read_at_once_are_one_query(
    prometheus: FakePrometheus, metrics: PrometheusMetrics
) -> None:
    keys = [Key("ml", f"model-{number}") for number in range(50)]
    rows = [row for place, key in enumerate(keys) for row in counted(place, key=key, instance=f"pod-{place}")]
    prometheus.answer = lambda promql: vector(rows)
    found = await asyncio.gather(*(metrics.read(key) for key in keys))
    assert [sum(sum(one.codes.values()) for one in snapshot.samples) for snapshot in found] == list(range(50))
    assert len(prometheus.queries) == 1
    assert r"ml/model\\-49" in prometheus.queries[0]["query"]


async def test_a_failure_is_the_answer_to_all_who_asked_and_the_next_are_asked_anew(
    prometheus: FakePrometheus, metrics: PrometheusMetrics
) -> None:
    prometheus.answer = lambda promql: refused(503, "unavailable", "starting")
    with pytest.raises(MetricsUnavailable, match="starting"):
        await metrics.read(KEY)
    prometheus.answer = lambda promql: vector(counted(3))
    assert await requests_of(metrics) == [3]


async def test_a_prometheus_too_old_for_the_question_is_unavailable_and_not_a_mistake_of_the_user(
    prometheus: FakePrometheus, api: PrometheusApi, metrics: PrometheusMetrics
) -> None:
    prometheus.answer = lambda promql: refused(400, "bad_data", "@ modifier is disabled")
    with pytest.raises(MetricsUnavailable, match="does not understand"):
        await metrics.read(KEY)
    with pytest.raises(MetricsUnavailable, match="does not understand"):
        await PrometheusBins(api, SystemClock()).window(KEY, "aaa", FakeClock().now())


def test_every_template_finds_something_and_says_what_it_cannot_judge() -> None:
    for name, template in TEMPLATES.items():
        assert template.name == name
        assert template.requests or template.latency
        assert bool(template.code) == bool(template.requests)
        assert template.blind or template.requests
