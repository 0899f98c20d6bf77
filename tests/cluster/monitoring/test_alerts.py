"""Every alert of the chart, by promtool: it fires when it should, on its own, and not a minute too early."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from serinus.core import reasons
from serinus.core.errors import TrainingUnavailable
from tests.charts.rendered import ROOT
from tests.cluster.monitoring import promtool

ALERTS = ROOT / "manifests" / "prometheus" / "alerts.yaml"
FIRING = 'count by (alertname) (ALERTS{alertstate="firing"})'
DAYS = 24 * 60

Series = Mapping[str, str]


def operator(metric: str, pod: str = "a", **labels: str) -> str:
    """A series of the operator about itself."""
    return named(metric, namespace="serinus-system", job="serinus-metrics", pod=pod, **labels)


def model(metric: str, pod: str = "a", **labels: str) -> str:
    """A series of the operator about the ModelDeployment ml/flights."""
    return named(metric, namespace="ml", deployment="flights", job="serinus-metrics", pod=pod, **labels)


def collector(metric: str, **labels: str) -> str:
    """A series of the collector."""
    return named(metric, namespace="serinus-system", job="serinus-collector", **labels)


def named(metric: str, **labels: str) -> str:
    inside = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return f"{metric}{{{inside}}}"


def phase(name: str, values: str, pod: str = "a") -> Series:
    """The deployment is in a phase as `values` say, and otherwise Stable."""
    stable = re.sub(r"\b([01])(?=x)", lambda found: str(1 - int(found[1])), values)
    return {model("serinus_deployment_phase", pod, phase=name): values} | (
        {} if name == "Stable" else {model("serinus_deployment_phase", pod, phase="Stable"): stable}
    )


HEALTHY: Series = {
    operator("up"): "1x300",
    operator("serinus_leader"): "1x300",
    operator("serinus_leader", "b"): "0x300",
    operator("serinus_queue_depth"): "0x300",
    operator("serinus_reconcile_seconds_count", result="ok"): "0+10x300",
    operator("serinus_reconcile_seconds_count", result="StateConflict"): "0+1x300",
    operator("serinus_api_requests_total", verb="patch", kind="HTTPRoute", code="200"): "0+10x300",
    operator("serinus_registry_questions_total", what="target", result="ok"): "0+4x300",
    **phase("Stable", "1x300"),
    model("serinus_phase_since_timestamp_seconds"): "-90000x300",
    model("serinus_stable_since_timestamp_seconds"): "-90000x300",
    model("serinus_rollouts_finished_total", outcome="RolledBack"): "3x300",
    model("serinus_drifted"): "0x300",
    model("serinus_retraining_reason", reason="RetrainingIdle"): "1x300",
    collector("up"): "1x300",
    collector("serinus_collector_refused_total", reason="Full"): "2x300",
    collector("serinus_collector_failures_total", work="log"): "1x300",
    named("serinus_prediction_events_dropped_total", deployment="ml/flights", revision="a", reason="full"): "5x300",
}


@dataclass(frozen=True)
class Case:
    """Beside what is healthy, or instead of it. Minutes at which the alert fires alone, and at which nothing does yet."""

    series: Series
    fires: tuple[int, ...]
    silent: tuple[int, ...] = ()


CASES: Mapping[str, Case] = {
    "SerinusOperatorDown": Case({operator("up"): "1x10 0x100"}, fires=(20, 60), silent=(9, 14)),
    "SerinusNobodyWorks": Case({operator("serinus_leader"): "1x10 0x100"}, fires=(15,), silent=(9, 11)),
    "SerinusReconcilesFail": Case(
        {operator("serinus_reconcile_seconds_count", result="ServingUnavailable"): "0x10 0+5x290"},
        fires=(60,),
        silent=(9, 20),
    ),
    "SerinusIsRefused": Case(
        {operator("serinus_api_requests_total", verb="list", kind="Pod", code="403"): "0x10 0+1x290"},
        fires=(40,),
        silent=(9, 18),
    ),
    "SerinusFallsBehind": Case({operator("serinus_queue_depth"): "0x10 40x290"}, fires=(60,), silent=(9, 25)),
    "SerinusRegistryUnreachable": Case(
        {
            operator("serinus_registry_questions_total", what="target", result="ok"): "0+4x10 40x290",
            operator("serinus_registry_questions_total", what="target", result="RegistryUnavailable"): "0x10 0+4x290",
        },
        fires=(40,),
        silent=(9, 14),
    ),
    "SerinusNothingServes": Case(phase("Failed", "0x10 1x290"), fires=(20,), silent=(9, 14)),
    "SerinusVersionTakenBack": Case(
        {model("serinus_rollouts_finished_total", outcome="RolledBack"): "3x60 4x240"},
        fires=(70, 119),
        silent=(59, 125),
    ),
    "SerinusRolloutStuck": Case(
        {**phase("Deploying", "0x10 1x290"), model("serinus_phase_since_timestamp_seconds"): "-90000x10 600x290"},
        fires=(60,),
        silent=(9, 35, 44),
    ),
    "SerinusWaitsForSomebody": Case(
        {**phase("Paused", "0x10 1x290"), model("serinus_phase_since_timestamp_seconds"): "-90000x10 600x290"},
        fires=(255,),
        silent=(9, 245),
    ),
    "SerinusMetricsUnavailable": Case(
        {model("serinus_trouble", phase="Progressing", reason="MetricsUnavailable"): "_x10 1x290"},
        fires=(25,),
        silent=(9, 19),
    ),
    "SerinusInTrouble": Case(
        {model("serinus_trouble", phase="Stable", reason="TargetUnresolved"): "_x10 1x290"}, fires=(30,), silent=(9, 24)
    ),
    "SerinusDrifted": Case({model("serinus_drifted"): "0x10 1x290"}, fires=(20,), silent=(9, 14)),
    "SerinusQualityFell": Case(
        {model("serinus_retraining_wanted", trigger="Quality"): "_x10 1x290"}, fires=(12,), silent=(9,)
    ),
    "SerinusModelStale": Case(
        {model("serinus_stable_since_timestamp_seconds"): f"{-60 * (90 * DAYS - 30)}x300"},
        fires=(100,),
        silent=(20, 85),
    ),
    "SerinusCollectorDown": Case({collector("up"): "1x10 0x290"}, fires=(20,), silent=(9, 14)),
    "SerinusCollectorRefuses": Case(
        {collector("serinus_collector_refused_total", reason="Full"): "2x10 2+5x290"}, fires=(30,), silent=(9, 19)
    ),
    "SerinusCollectorFails": Case(
        {collector("serinus_collector_failures_total", work="log"): "1x10 1+1x290"}, fires=(60,), silent=(9, 24)
    ),
    "SerinusPredictionsDropped": Case(
        {
            named(
                "serinus_prediction_events_dropped_total", deployment="ml/flights", revision="a", reason="full"
            ): "5x10 5+3x290"
        },
        fires=(30,),
        silent=(9, 19),
    ),
}

GETS_NOWHERE = (
    reasons.NEEDS_PERSON,
    reasons.RUNNER_UNAVAILABLE,
    reasons.RETRAINING_UNAVAILABLE,
    reasons.TRAINING_INVALID,
    TrainingUnavailable.__name__,
)
WAITS_BY_ITSELF = (reasons.COOLDOWN, reasons.BACK_OFF, reasons.BUDGET_USED_UP, reasons.ROLLOUT_UNDER_WAY)


def labelled(loss_per_label: str, more: str) -> Series:
    """Ten labels a minute for eight days, and then a day whose labels cost more."""
    revision = {"deployment": "ml/flights", "revision": "a"}
    return {
        collector("serinus_labelled_total", **revision): "0+100x1400",
        collector("serinus_loss_sum_total", **revision, loss="brier"): f"0+{loss_per_label}x1152 {more}x240",
    }


def scenario(series: Series, checks: Mapping[int, tuple[str, ...]], interval: str = "1m") -> dict[str, Any]:
    """A test of promtool: which alerts fire at which minute, and no others."""
    return {
        "interval": interval,
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": FIRING,
                "eval_time": f"{minute}m",
                "exp_samples": [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in alerts],
            }
            for minute, alerts in sorted(checks.items())
        ],
    }


def run(folder: Path, *tests: dict[str, Any], interval: str = "1m") -> None:
    file = folder / "test.yml"
    content = {"rule_files": [str(ALERTS)], "evaluation_interval": interval, "tests": list(tests)}
    file.write_text(yaml.safe_dump(content))
    promtool.run_tests(file)


def names() -> set[str]:
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return {rule["alert"] for group in groups for rule in group["rules"]}


def test_prometheus_would_load_the_alerts() -> None:
    promtool.check_rules(ALERTS)


def test_every_alert_has_a_case() -> None:
    assert names() == CASES.keys() | {"SerinusLossHigher", "SerinusRetrainingKeepsFailing"}


@pytest.mark.parametrize("alert", CASES)
def test_an_alert_fires_alone_when_it_should_and_not_before(alert: str, tmp_path: Path) -> None:
    case = CASES[alert]
    checks: dict[int, tuple[str, ...]] = dict.fromkeys(case.fires, (alert,)) | dict.fromkeys(case.silent, ())
    run(tmp_path, scenario({**HEALTHY, **case.series}, checks))


def retraining_stands(reason: str) -> Series:
    """Idle at first, and for `reason` from minute 10 on."""
    return {
        model("serinus_retraining_reason", reason="RetrainingIdle"): "1x10 _x290",
        model("serinus_retraining_reason", reason=reason): "_x10 1x290",
    }


@pytest.mark.parametrize("reason", GETS_NOWHERE)
def test_retraining_that_gets_nowhere_is_told_with_its_reason(reason: str, tmp_path: Path) -> None:
    alert = "SerinusRetrainingKeepsFailing"
    told = scenario({**HEALTHY, **retraining_stands(reason)}, {9: (), 24: (), 40: (alert,)})
    labels = f'{{alertname="{alert}", reason="{reason}"}}'
    told["promql_expr_test"].append(
        {
            "expr": FIRING.replace("alertname", "alertname, reason"),
            "eval_time": "40m",
            "exp_samples": [{"labels": labels, "value": 1}],
        }
    )
    run(tmp_path, told)


@pytest.mark.parametrize("reason", WAITS_BY_ITSELF)
def test_retraining_that_waits_by_itself_is_no_alarm(reason: str, tmp_path: Path) -> None:
    run(tmp_path, scenario({**HEALTHY, **retraining_stands(reason)}, dict.fromkeys((9, 24, 40, 290), ())))


def test_a_loss_that_is_a_quarter_higher_for_a_day_is_told_and_one_that_is_not_is_not(tmp_path: Path) -> None:
    quiet = {name: re.sub(r"x300$", "x1400", values) for name, values in HEALTHY.items()}
    later = 9 * DAYS + 6 * 60
    run(
        tmp_path,
        scenario({**quiet, **labelled("20", "23040+40")}, {7 * DAYS: (), later: ("SerinusLossHigher",)}, "10m"),
        scenario({**quiet, **labelled("20", "23040+22")}, {later: ()}, "10m"),
        interval="10m",
    )


def test_nothing_is_said_of_a_healthy_fleet_or_of_what_was_only_just_installed(tmp_path: Path) -> None:
    run(tmp_path, scenario(HEALTHY, dict.fromkeys((1, 5, 30, 120, 299), ())), scenario({}, {4: ()}))


def test_a_restart_of_the_operator_is_no_alarm(tmp_path: Path) -> None:
    """Its counters begin at 0 in another pod, and it leads after two minutes; the old pod's series have ended."""
    old = {name: re.sub(r"x300$", "x60", values) for name, values in HEALTHY.items() if 'job="serinus-metrics"' in name}
    new = {
        name.replace('pod="a"', 'pod="c"'): f"_x62 {re.sub(r'^3x', '0x', values)}".replace("x300", "x238")
        for name, values in HEALTHY.items()
        if 'job="serinus-metrics"' in name
    }
    kept = {name: values for name, values in HEALTHY.items() if name not in old}
    run(tmp_path, scenario({**kept, **old, **new}, dict.fromkeys((59, 61, 62, 63, 66, 70, 90, 200), ())))


def test_a_rollout_without_requests_is_no_alarm_until_its_deadline_comes_near(tmp_path: Path) -> None:
    begun = {
        **phase("Progressing", "1x300"),
        model("serinus_phase_since_timestamp_seconds"): "0x300",
        model("serinus_rollout_started_timestamp_seconds"): "0x300",
        model("serinus_rollout_deadline_timestamp_seconds"): f"{4 * 3600}x300",
    }
    checks: dict[int, tuple[str, ...]] = {60: (), 179: (), 190: ("SerinusRolloutStuck",)}
    run(tmp_path, scenario({**HEALTHY, **begun}, checks))


def test_a_version_taken_back_is_told_although_the_operator_was_restarted_just_then(tmp_path: Path) -> None:
    """The new pod's counter begins with the rollout that its predecessor had no time to count."""
    counted = {
        model("serinus_rollouts_finished_total", outcome="RolledBack"): "0x60",
        model("serinus_rollouts_finished_total", "c", outcome="RolledBack"): "_x62 1x238",
    }
    back = {**phase("RolledBack", "0x60 1x240"), model("serinus_phase_since_timestamp_seconds"): "-90000x60 3600x240"}
    checks: dict[int, tuple[str, ...]] = {59: (), 65: ("SerinusVersionTakenBack",), 130: ()}
    run(tmp_path, scenario({**HEALTHY, **counted, **back}, checks))


def test_silence_about_drift_and_labels_is_no_alarm(tmp_path: Path) -> None:
    unknown = {name: values for name, values in HEALTHY.items() if "serinus_drifted" not in name}
    run(tmp_path, scenario(unknown, dict.fromkeys((10, 120, 290), ())))
