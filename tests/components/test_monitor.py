"""The monitoring report: what is found in a log of real answers, and what is said where nothing can be."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from components.monitor.baseline import EVALUATION_FILE
from components.monitor.counting import FeatureCounts
from components.monitor.page import render
from components.monitor.step import Question, duration, moment, monitor
from components.monitor.values import Drift, MonitoringReport, headline
from serinus.adapters.mlflow_client import registry_of
from serinus.core.errors import DataInvalid, ModelVersionNotFound, RegistryUnavailable, SpecInvalid
from serinus.core.reference import REFERENCE_FILE, Feature, Reference
from serinus.training.steps import parse
from tests.components.monitored import DAY, World, make_world, register, write_log
from tests.local.support.programs import program_environment

PROGRAM = """
import json, sys
from kfp import local
from pipelines.monitoring import monitoring
local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=sys.argv[2])
done = monitoring(**json.loads(sys.argv[1]))
print(json.dumps(done.outputs))
"""

pytestmark = pytest.mark.xdist_group("monitor")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Versions: 1 with its reference, 2 without one, 3 with one that is none."""
    world = make_world(tmp_path_factory.mktemp("monitored"))
    evaluation = json.dumps({"metrics": {"logLoss": 0.5}})
    register(world, {REFERENCE_FILE: world.reference.model_dump_json(by_alias=True), EVALUATION_FILE: evaluation})
    register(world, {"MLmodel": "by hand"})
    register(world, {REFERENCE_FILE: '{"target": "late", "rows": 0}'})
    return world


@pytest.fixture(scope="module")
def healthy(world: World, tmp_path_factory: pytest.TempPathFactory) -> MonitoringReport:
    return monitor(world.config, world.ask(write_log(world.rows(), tmp_path_factory.mktemp("log"))))


def drifted(world: World, root: Path, **columns: object) -> MonitoringReport:
    rows = world.rows(lambda trips: trips.assign(**columns))
    return monitor(world.config, world.ask(write_log(rows, root)))


def one(report: MonitoringReport, name: str) -> Drift:
    return next(drift for drift in report.drift if drift.name == name)


def test_later_trips_like_those_of_training_are_no_drift(healthy: MonitoringReport) -> None:
    assert healthy.drifted == ()
    assert [drift.name for drift in healthy.drift] == ["distance", "wind", "stops", "carrier", "rainy"]
    assert {drift.verdict for drift in (*healthy.drift, healthy.prediction)} == {"Pass"}
    assert healthy.reference == "training of version 1"
    assert healthy.message.startswith("version 1 answered 800 rows: none of 6 distributions drifted, most of all ")


def test_every_row_is_in_one_bin_of_each_histogram(healthy: MonitoringReport, world: World) -> None:
    for drift in (*healthy.drift, healthy.prediction):
        assert sum(each.window for each in drift.bins) == 800, drift.name
    wind = one(healthy, "wind")
    assert wind.missing_in_window == pytest.approx(world.later["wind"].isna().mean())
    assert [each.label for each in one(healthy, "stops").bins] == ["to 0", "1", "2", "from 3", "missing"]


def test_a_shifted_feature_and_what_follows_from_it_are_the_worst(world: World, tmp_path: Path) -> None:
    report = drifted(world, tmp_path, distance=world.later["distance"] * 2 + 50)
    assert {drift.name for drift in report.drifted} == {"distance", "prediction"}
    worst = one(report, "distance").numbers
    assert f"2 of 6 distributions drifted, most of all distance PSI {worst['psi']:.3g}" in report.message
    assert headline(report)["worstPsi"] == worst["psi"]
    assert headline(report)["drifted"] == 2


def test_values_that_went_missing_are_drift_with_their_share(world: World, tmp_path: Path) -> None:
    wind = world.later["wind"].where(np.arange(len(world.later)) % 2 == 0)
    report = drifted(world, tmp_path, wind=wind)
    assert one(report, "wind").reason == "Drifted"
    assert one(report, "wind").missing_in_window == pytest.approx(wind.isna().mean())
    assert one(report, "wind").missing_in_reference == pytest.approx(0.1, abs=0.03)


def test_a_category_never_seen_is_named(world: World, tmp_path: Path) -> None:
    carrier = world.later["carrier"].where(np.arange(len(world.later)) % 100 > 0, "ZZ")
    report = drifted(world, tmp_path, carrier=carrier)
    assert (one(report, "carrier").unseen_rows, one(report, "carrier").unseen) == (8, {"ZZ": 8})
    assert "carrier: 8 rows have values that training never saw: ZZ (8)" in report.notes


def test_declared_categories_tell_what_was_never_seen_where_rare_ones_are_pooled() -> None:
    pooled = Feature(
        name="c", type="string", nullable=False, categories=("AA",), counts={"AA": 5, "other": 2, "missing": 0}
    )
    for declared, expected in ((("AA", "B6"), {"ZZ": 1}), ((), None)):
        counts = FeatureCounts(pooled, declared)
        counts.add(pa.array(["AA", "B6", "ZZ"]))
        assert counts.unseen == expected


def test_rows_without_version_or_prediction_are_told(world: World, tmp_path: Path) -> None:
    rows = world.rows()
    rows.loc[:9, "version"] = None
    rows.loc[10:14, "prediction"] = np.nan
    report = monitor(world.config, world.ask(write_log(rows, tmp_path)))
    assert "10 rows do not say which version answered them, and are left out" in report.notes
    assert "5 of 790 rows of version 1 have no prediction" in report.notes
    assert report.own.labelled == 735


def test_quality_is_over_the_rows_whose_label_came(healthy: MonitoringReport, world: World) -> None:
    rows = world.rows().dropna(subset=["label"])
    own = healthy.own
    assert (own.rows, own.labelled) == (800, len(rows)) == (800, 750)
    assert own.metrics["logLoss"] == pytest.approx(log_loss(rows["label"], rows["prediction"]))
    assert own.metrics["auc"] == pytest.approx(roc_auc_score(rows["label"], rows["prediction"]))
    assert own.label_delay is not None
    assert own.label_delay.median_hours == pytest.approx(30)
    assert sum(each.rows for each in own.calibration) == own.labelled
    assert healthy.message.endswith(
        f"750 rows have a label (93.8 %), logLoss {own.metrics['logLoss']:.4g}, 0.5 at registration"
    )


def test_each_day_has_its_rows_and_its_metrics(healthy: MonitoringReport, world: World) -> None:
    assert sum(period.rows for period in healthy.periods) == 800
    assert len(healthy.periods) == world.later["at"].dt.date.nunique()
    full = [period for period in healthy.periods if period.labelled == 40]
    assert full
    assert all("logLoss" in period.metrics for period in full)
    assert "logLoss" not in healthy.periods[-1].metrics, "the last day has no label yet"


def test_versions_stand_side_by_side_and_drift_is_that_of_one(world: World, tmp_path: Path) -> None:
    rows = world.rows()
    write_log(rows[:600], tmp_path)
    write_log(rows[600:].assign(version="2", distance=0.0), tmp_path, file="part-1.parquet")
    report = monitor(world.config, world.ask(tmp_path))
    assert [(each.version, each.rows) for each in report.versions] == [("1", 600), ("2", 200)]
    assert (report.version, one(report, "distance").numbers["rows"]) == ("1", 600)


def test_the_log_before_can_be_the_reference(world: World, tmp_path: Path) -> None:
    rows = world.rows(lambda trips: trips.assign(distance=trips["distance"] + 500 * (trips.index >= 400)))
    asked = world.ask(write_log(rows, tmp_path), registry_uri="", window=10 * DAY, reference_window=10 * DAY)
    low = monitor(world.config, asked)
    assert low.reference == f"the log of {asked.before}"
    assert one(low, "distance").reason == "NotEnoughData", "400 rows"
    asked = world.ask(asked.log, registry_uri="", window=12.5 * DAY, reference_window=7.5 * DAY)
    assert one(monitor(world.config, asked), "distance").reason == "Drifted"


def test_no_label_yet_is_said_and_no_failure(world: World, tmp_path: Path) -> None:
    rows = world.rows().drop(columns=["label", "labelTime"])
    report = monitor(world.config, world.ask(write_log(rows, tmp_path)))
    assert report.own.metrics == {}
    assert report.message.endswith("0 rows have a label (0.0 %), and 30 are needed to say how good the answers were")
    assert "logLoss" not in render(report)


def test_labels_of_one_class_have_no_auc(world: World, tmp_path: Path) -> None:
    rows = world.rows().assign(label=0.0)
    assert "auc" not in monitor(world.config, world.ask(write_log(rows, tmp_path))).own.metrics


def test_few_rows_are_no_drift(world: World, tmp_path: Path) -> None:
    report = monitor(world.config, world.ask(write_log(world.rows()[:100], tmp_path)))
    assert {drift.reason for drift in report.drift} == {"NotEnoughData"}
    assert report.notes == ()
    assert (
        "drift cannot be judged (prediction: 100 rows, and 500 are needed to judge; widen the window)" in report.message
    )


def test_a_feature_that_is_not_logged_is_told_and_the_others_are_judged(world: World, tmp_path: Path) -> None:
    report = monitor(world.config, world.ask(write_log(world.rows().drop(columns="wind"), tmp_path)))
    assert one(report, "wind").reason == "NotLogged"
    assert "wind: the prediction log does not have it; log every feature by its name" in report.notes
    assert "none of 5 distributions drifted" in report.message
    assert "wind" in render(report)


def _constant(reference: Reference) -> Reference:
    first, *others = reference.features
    flat = first.model_copy(update={"edges": (), "counts": {"0": reference.rows, "missing": 0}})
    return reference.model_copy(update={"features": (flat, *others)})


def _empty(reference: Reference) -> Reference:
    first, *others = reference.features
    nothing = first.model_copy(update={"counts": dict.fromkeys(first.counts, 0)})
    return reference.model_copy(update={"features": (nothing, *others)})


@pytest.mark.parametrize(("change", "reason"), [(_constant, "ConstantInReference"), (_empty, "EmptyReference")])
def test_a_reference_that_can_show_nothing_is_told(change: object, reason: str, world: World, tmp_path: Path) -> None:
    changed = change(world.reference).model_dump_json(by_alias=True)  # type: ignore[operator]
    version = register(world, {REFERENCE_FILE: changed})
    report = monitor(world.config, world.ask(write_log(world.rows(version=version), tmp_path)))
    assert one(report, "distance").reason == reason
    assert any(note.startswith("distance: the reference") for note in report.notes)
    assert not report.drifted


def test_a_version_without_a_reference_is_told(world: World, tmp_path: Path) -> None:
    log = write_log(world.rows(version="2"), tmp_path)
    with pytest.raises(
        DataInvalid, match=r'version "2" of model "trips" was registered without serinus/reference.json'
    ):
        monitor(world.config, world.ask(log))


def test_a_reference_that_is_none_is_told(world: World, tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match=r'of version "3" of model "trips" is not a reference \(rows: .*greater than'):
        monitor(world.config, world.ask(write_log(world.rows(version="3"), tmp_path)))


def test_a_version_that_is_not_in_the_registry_is_told(world: World, tmp_path: Path) -> None:
    log = write_log(world.rows(version="99"), tmp_path)
    with pytest.raises(ModelVersionNotFound, match='version "99" of model "trips" is not in the registry at sqlite'):
        monitor(world.config, world.ask(log))
    with pytest.raises(RegistryUnavailable, match="there is no registry at"):
        monitor(world.config, world.ask(log, registry_uri=registry_of(tmp_path)))
    with pytest.raises(DataInvalid, match=r"version 5 answered nothing in .* but version 99 did; name one of these"):
        monitor(world.config, world.ask(log, version="5"))


def test_answers_that_the_task_cannot_have_are_told(world: World, tmp_path: Path) -> None:
    rows = world.rows()
    with pytest.raises(DataInvalid, match=r"prediction is wrong in 800 rows .*, as 7, and a classification has a prob"):
        monitor(world.config, world.ask(write_log(rows.assign(prediction=7.0), tmp_path / "a")))
    with pytest.raises(DataInvalid, match=r"label is wrong in 800 rows .*, as 3, and a classification has 0 or 1"):
        monitor(world.config, world.ask(write_log(rows.assign(label=3.0), tmp_path / "b")))
    regression = world.config.model_copy(update={"task": "regression"})
    with pytest.raises(
        DataInvalid, match=r"label is wrong in 800 rows .*, as inf, and a regression has a finite number"
    ):
        monitor(regression, world.ask(write_log(rows.assign(label=np.inf), tmp_path / "c")))


def test_a_report_survives_json(healthy: MonitoringReport) -> None:
    assert MonitoringReport.model_validate_json(healthy.model_dump_json(by_alias=True)) == healthy


def test_the_page_has_every_plot_and_loads_nothing(healthy: MonitoringReport) -> None:
    page = render(healthy)
    assert page == render(healthy)
    assert page.count("<svg") == 4, "histograms, metrics, calibration, volume"
    for text in ("distance: PSI", "logLoss", "version 1 at registration", "Rows in other bins", healthy.message):
        assert text in page
    assert "<script" not in page
    assert "src=" not in page
    assert "default-src 'none'" in page


def test_what_the_log_says_is_text_in_the_page(world: World, tmp_path: Path) -> None:
    carrier = world.later["carrier"].where(world.later.index != 0, "<script>alert('$x$')</script>")
    page = render(drifted(world, tmp_path, carrier=carrier))
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_times_and_durations_are_read_or_told() -> None:
    assert moment("2024-01-31T02:00:00+02:00") == moment("2024-01-31")
    assert duration("window", "36h") == timedelta(hours=36)
    with pytest.raises(SpecInvalid, match='asOf: "soon" is not a time'):
        moment("soon")
    with pytest.raises(SpecInvalid, match='window: "a day" is not a duration'):
        duration("window", "a day")
    with pytest.raises(SpecInvalid, match="referenceWindow: 0s is too short"):
        duration("referenceWindow", "0s")
    with pytest.raises(SpecInvalid, match="begins before the year 1"):
        _ = Question(log="", registry_uri="", end=moment("0001-01-01"), window=timedelta(hours=1)).current


def test_a_regression_has_its_own_metrics(world: World, tmp_path: Path) -> None:
    config = world.config.model_copy(update={"task": "regression"})
    rows = world.rows().assign(
        label=lambda frame: frame["prediction"] * 10 + 1, prediction=lambda frame: frame["prediction"] * 10
    )
    report = monitor(config, world.ask(write_log(rows, tmp_path)))
    assert report.own.metrics == {"rmse": pytest.approx(1.0), "mae": pytest.approx(1.0)}
    assert "rmse" in report.message


def run_pipeline(arguments: dict[str, object], root: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, json.dumps(arguments), str(root)]
    return subprocess.run(command, capture_output=True, text=True, env=program_environment(), timeout=120, check=False)


def test_a_run_leaves_a_page_metrics_and_the_whole_report(world: World, tmp_path: Path) -> None:
    arguments = {
        "training": world.config.model_dump_json(by_alias=True),
        "log": str(write_log(world.rows(), tmp_path / "log")),
        "registry_uri": world.uri,
        "as_of": world.end.isoformat(),
        "window": "480h",
    }
    done = run_pipeline(arguments, tmp_path / "kfp")
    assert done.returncode == 0, done.stderr[-2000:]
    details = next((tmp_path / "kfp").rglob("monitor/details"))
    report = MonitoringReport.model_validate_json(details.read_text())
    assert report.own.rows == 800
    assert (details.parent / "report").read_text().startswith("<!DOCTYPE html>")
    outputs = json.loads((details.parent / "executor_output.json").read_text())["artifacts"]
    assert outputs["metrics"]["artifacts"][0]["metadata"] == headline(report)
    assert json.loads(done.stdout.splitlines()[-1]) == {"Output": report.message}
    told = [event for line in done.stdout.splitlines() if (event := parse(line[line.find("::") :]))]
    assert told[-1]["event"] == "finished"
    assert told[-1]["message"] == report.message
