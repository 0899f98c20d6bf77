"""The parts' own metrics pages, by promtool: names, types and help as Prometheus' conventions have them."""

from pathlib import Path

import httpx

from tests.cluster.monitoring import promtool
from tests.cluster.monitoring.fleet import Operator, Predictor, collector


def test_the_operators_page_keeps_the_conventions() -> None:
    operator = Operator()
    operator.work()
    promtool.check_metrics(operator.telemetry.text().decode())


def test_a_predictors_page_keeps_the_conventions() -> None:
    predictor = Predictor("aaa")
    predictor.answer(shift=0.1)
    promtool.check_metrics(predictor.page())


def test_the_collectors_page_keeps_the_conventions(tmp_path: Path) -> None:
    with collector(tmp_path) as collecting:
        collecting.label("aaa", "bbb", start=0)
        collecting.compare("aaa", "bbb")
        collecting.refuse()
        text = httpx.get(f"http://{collecting.address}/metrics", trust_env=False).text
    assert "serinus_compared_loss{" in text
    promtool.check_metrics(text)
