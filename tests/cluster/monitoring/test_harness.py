"""The Prometheus that other tests use: what it scrapes, what it was given as its past, and which rules it takes."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from anyio import to_thread

from tests.adapters.standard.exporters import PredictorExporter
from tests.cluster.monitoring import promtool
from tests.cluster.monitoring.conftest import Start
from tests.cluster.monitoring.server import Target

RULES = """
groups:
- name: test
  rules:
  - record: deployment:serinus_requests:increase1h
    expr: sum by (deployment) (increase(serinus_requests_total[1h]))
"""
UNIT_TEST = """
rule_files: [rules.yml]
tests:
- interval: 1m
  input_series: [{series: 'serinus_requests_total{deployment="d"}', values: 0+1x60}]
  promql_expr_test:
  - expr: deployment:serinus_requests:increase1h
    eval_time: 1h
    exp_samples:
    - {labels: 'deployment:serinus_requests:increase1h{deployment="d"}', value: 60}
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def exporter() -> AsyncIterator[tuple[PredictorExporter, int]]:
    made = PredictorExporter()
    yield made, await made.listen()
    made.close()


@pytest.mark.anyio
async def test_it_scrapes_a_page_and_labels_it_as_a_cluster_would(
    exporter: tuple[PredictorExporter, int], start_prometheus: Start
) -> None:
    page, port = exporter
    page.counts["x", 200] = 41
    started = start_prometheus(Target(f"127.0.0.1:{port}", {"namespace": "ml", "pod": "p-1"}))
    found = 'serinus_requests_total{namespace="ml", pod="p-1", code="200"}'
    await to_thread.run_sync(started.wait_for, found)
    assert await to_thread.run_sync(started.value, found) == 41


def test_it_has_the_past_it_was_given(start_prometheus: Start) -> None:
    now = time.time()
    lines = [f"x_total {count} {now - 7200 + 60 * count}" for count in range(121)]
    started = start_prometheus(history="\n".join(["# TYPE x counter", *lines, "# EOF\n"]))
    assert started.value("increase(x_total[1h])", at=now) == pytest.approx(60, rel=0.02)


def test_rules_are_checked_and_their_unit_tests_are_run(tmp_path: Path) -> None:
    rules, unit_test = tmp_path / "rules.yml", tmp_path / "test.yml"
    rules.write_text(RULES)
    unit_test.write_text(UNIT_TEST)
    promtool.check_rules(rules)
    promtool.run_tests(unit_test)
    unit_test.write_text(UNIT_TEST.replace("value: 60", "value: 61"))
    with pytest.raises(AssertionError, match="FAILED"):
        promtool.run_tests(unit_test)


def test_a_rule_that_prometheus_would_not_load_is_told(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text(RULES.replace("sum by", "sum bye"))
    with pytest.raises(AssertionError, match="parse error"):
        promtool.check_rules(rules)
