"""Every query of every panel and alert, on a real Prometheus that scrapes the parts of Serinus themselves."""

import json
import math
import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import yaml

from scripts.dashboards.__main__ import FOLDER, PAGES
from tests.charts.rendered import ROOT
from tests.cluster.monitoring.fleet import Collector, Operator, Predictor, collector
from tests.cluster.monitoring.pages import Page, page
from tests.cluster.monitoring.recorded_cluster import kube_state, kubelet
from tests.cluster.monitoring.server import Prometheus, Target, running

RULES = ROOT / "manifests" / "prometheus"
CHOSEN = {"namespace": "ml", "deployment": "flights", "window": "1h", "labels": "1h"}
PATIENCE_SECONDS = 15  # a scrape that times out takes its series away until the next one
HIDDEN = {"job": "serinus-metrics", "namespace": "serinus-system", "pod": "serinus-1"}
SELECTOR = re.compile(r"[a-z_:]+\{[^}]*\}")
# Nothing fails beside the collector's endpoints here; that such a series leads to the alert is a case of test_alerts.
EMPTY_HERE = {'serinus_collector_failures_total{namespace="serinus-system", job="serinus-collector"}'}


def panels(name: str) -> list[dict[str, Any]]:
    content = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return [panel for panel in content["panels"] if panel["type"] != "row"]


def chosen(promql: str) -> str:
    """With the values that Grafana puts in for its variables."""
    for name, value in CHOSEN.items():
        promql = re.sub(rf"\${name}\b", value, promql)
    return promql


QUERIES = [
    pytest.param(chosen(target["expr"]), id=f"{name}: {panel['title']} {target['refId']}")
    for name in PAGES
    for panel in panels(name)
    for target in panel["targets"]
]
ALERTS = [
    pytest.param(rule["expr"], id=rule["alert"])
    for group in yaml.safe_load((RULES / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """One that has seen a fleet at work."""
    folder = tmp_path_factory.mktemp("fleet")
    fast = folder / "recording-rules.yml"
    fast.write_text((RULES / "recording-rules.yaml").read_text().replace("interval: 1m", "interval: 500ms"))
    operator = Operator()
    assert operator.state.stable is not None
    assert operator.state.rollout is not None
    stable, candidate = operator.state.stable.id, operator.state.rollout.candidate.id
    predictors = {name: Predictor(name) for name in (stable, candidate)}
    with ExitStack() as stack:
        pages = {name: stack.enter_context(page()) for name in ("operator", "cluster", *predictors)}
        collecting = stack.enter_context(collector(folder / "collector"))
        targets = [
            Target(pages["operator"].address, HIDDEN, honor_labels=True),
            Target(collecting.address, HIDDEN | {"job": "serinus-collector"}, honor_labels=True),
            Target(pages["cluster"].address, honor_labels=True),
            *(Target(pages[name].address, {"namespace": "ml", "pod": pod_of(name)}) for name in predictors),
        ]
        write(pages, operator, predictors, grown=0)
        begin(collecting, stable, candidate)
        started = stack.enter_context(running(folder / "prometheus", targets, rules=(fast,), interval="500ms"))
        started.wait_for(f"count(up == 1) == {len(targets)}", 30)
        started.wait_for('serinus_labelled_total{revision=~".+"} > 0')
        operator.work()
        for seed, predictor in enumerate(predictors.values()):
            predictor.answer(shift=0.3 * seed, seed=seed)
        begin(collecting, stable, candidate, start=60)
        write(pages, operator, predictors, grown=3)
        started.wait_for("serinus:feature_psi:1h", 30)
        started.wait_for("increase(serinus_labelled_total[1h]) > 0")
        started.wait_for('increase(serinus_rollouts_finished_total{outcome="RolledBack"}[1h]) > 0')
        yield started


def begin(collecting: Collector, stable: str, candidate: str, start: int = 0) -> None:
    """Answers, labels, a comparison, and a body that is refused."""
    collecting.label(stable, candidate, start)
    collecting.compare(stable, candidate)
    collecting.refuse()


def write(pages: dict[str, Page], operator: Operator, predictors: dict[str, Predictor], grown: float) -> None:
    """The pages as they are now."""
    pages["operator"].text = operator.telemetry.text().decode()
    pods = [pod_of(name) for name in predictors]
    pages["cluster"].text = "".join(kubelet(pod, grown) + kube_state(pod) for pod in pods)
    for name, predictor in predictors.items():
        pages[name].text = predictor.page()


def pod_of(revision: str) -> str:
    """As KServe and its Deployment call a pod in mode Standard."""
    return f"flights-{revision}-predictor-6c4d9b7f5d-x2x8p"


@pytest.mark.parametrize("promql", QUERIES)
def test_a_panels_query_is_understood_and_has_an_answer(promql: str, prometheus: Prometheus) -> None:
    prometheus.wait_for(promql, PATIENCE_SECONDS)
    values = [float(series["value"][1]) for series in prometheus.query(promql)]
    assert not any(map(math.isnan, values)), f"{promql} is not a number"


@pytest.mark.parametrize("promql", ALERTS)
def test_an_alerts_query_is_understood_and_is_about_series_that_are_there(promql: str, prometheus: Prometheus) -> None:
    prometheus.query(promql)
    for selector in SELECTOR.findall(promql):
        if selector not in EMPTY_HERE:
            prometheus.wait_for(any_reason(selector), PATIENCE_SECONDS)


def any_reason(selector: str) -> str:
    """Whatever the reason: that the right one leads to the alert is what test_alerts is for."""
    return re.sub(r', (?:reason|trigger)!?=~?"[^"]*"', "", selector)


@pytest.mark.parametrize("name", PAGES)
def test_every_variable_that_prometheus_fills_has_values(name: str, prometheus: Prometheus) -> None:
    content = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    asked = [one["query"]["query"] for one in content["templating"]["list"] if one["type"] == "query"]
    for query in asked:
        series, label = re.fullmatch(r"label_values\((.*), (\w+)\)", chosen(query)).groups()  # type: ignore[union-attr]
        found = prometheus.query(series)
        assert found, query
        assert all(label in one["metric"] for one in found), query


def test_memory_is_that_of_the_container_alone(prometheus: Prometheus) -> None:
    """cAdvisor tells of the pod as a whole and of its sandbox too, which would count twice."""
    (memory,) = [panel["targets"][0]["expr"] for panel in panels("model.json") if panel["title"] == "Memory"]
    values = {float(one["value"][1]) for one in prometheus.query(chosen(memory))}
    assert values == {4.1e8}


def test_the_mean_loss_is_that_of_the_labels(prometheus: Prometheus) -> None:
    (loss,) = [panel["targets"][0]["expr"] for panel in panels("model.json") if panel["title"] == "Mean loss"]
    (found,) = prometheus.query(chosen(loss))
    assert float(found["value"][1]) == pytest.approx((0.4**2 + 0.6**2) / 2, rel=1e-3)


def test_drift_by_feature_is_of_what_serves_alone(prometheus: Prometheus) -> None:
    (psi,) = [panel["targets"][0]["expr"] for panel in panels("model.json") if panel["title"] == "PSI by feature"]
    (found,) = prometheus.query(chosen(psi))
    assert found["metric"]["feature"] == "temp"
    assert float(found["value"][1]) < 0.1  # the candidate's rows are shifted, those of stable are not
    everyones = prometheus.query("serinus:feature_psi:1h")
    assert max(float(one["value"][1]) for one in everyones) > 0.2
