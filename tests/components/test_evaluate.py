"""Evaluate: slices, periods, calibration, confusion, importance, and what is shown of them."""

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kfp import dsl

from components.evaluate.artifacts import log_classification, log_metrics
from components.evaluate.calibration import calibration_bins, expected_calibration_error
from components.evaluate.classification import MOST_POINTS, confusion, roc_points
from components.evaluate.component import evaluate
from components.evaluate.evaluation import evaluate_variants, save_evaluation
from components.evaluate.importance import importances
from components.evaluate.periods import MOST_PERIODS, period_metrics
from components.evaluate.slices import MOST_SLICES, slice_metrics, slice_names
from components.evaluate.step import score
from components.train.folder import save_trained
from components.train.step import fit, train
from serinus.core.errors import TrainingFailed
from serinus.training.config import TrainingConfig
from serinus.training.evaluation import CalibrationBin, Evaluation
from serinus.training.variants import Variant

NAN = float("nan")
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def judged(config: TrainingConfig) -> TrainingConfig:
    """The trips, looked at by carrier, by rain and by distance."""
    slices = {"columns": ["carrier", "distance"], "metrics": {"logLoss": 1}}
    fairness = {"columns": ["rainy", "carrier"], "maxDemographicParityDifference": 0.5}
    gates = config.gates.model_validate({"slices": slices, "fairness": fairness})
    return config.model_copy(update={"gates": gates})


@pytest.fixture
def evaluated(judged: TrainingConfig, trips: pd.DataFrame) -> tuple[pd.DataFrame, Evaluation]:
    models = [(variant.name, train(trips[:280], judged, variant)) for variant in judged.variants]
    return evaluate_variants(models, trips[280:].reset_index(drop=True), judged)


def answers(rows: pd.DataFrame) -> pd.Series:
    return pd.Series(np.random.default_rng(1).random(len(rows)), index=rows.index)


# Slices


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (["b", None, "a", "b"], ["b", "missing", "a", "b"]),
        ([True, False, None, True], ["true", "false", "missing", "true"]),
        ([1, 2, 2, 1], ["1", "2", "2", "1"]),
        ([1.0, 2.5, NAN, 1.0], ["1", "2.5", "missing", "1"]),
        ([1234567.0, 1234568.0], ["1234567", "1234568"]),
    ],
)
def test_a_slice_is_named_by_its_value(values: list[object], names: list[str]) -> None:
    assert list(slice_names(pd.Series(values))) == names


def test_many_numbers_are_cut_into_quartiles() -> None:
    names = slice_names(pd.Series([*range(1, 101), None], dtype=float))
    assert names.value_counts().to_dict() == {
        "up to 25": 25, "25 to 50": 25, "50 to 75": 25, "over 75": 25, "missing": 1,
    }  # fmt: skip
    assert names[0] == "up to 25"
    assert names[99] == "over 75"


def test_quartiles_that_are_equal_become_fewer() -> None:
    mostly_low = slice_names(pd.Series([0] * 90 + list(range(1, 31))))
    assert mostly_low.value_counts().to_dict() == {"up to 0": 90, "over 0": 30}
    mostly_high = slice_names(pd.Series([99] * 190 + list(range(30))))
    assert mostly_high.value_counts().to_dict() == {"over 29": 190, "up to 29": 30}
    close = slice_names(pd.Series(1e6 + np.arange(100) / 100))
    assert close.nunique() == 4


def test_the_rarest_of_very_many_values_are_one_slice() -> None:
    names = slice_names(pd.Series([f"N{i}" for i in range(MOST_SLICES + 50)] + ["N0"]))
    assert names.nunique() == MOST_SLICES + 1
    assert (names == "other").sum() == 50
    assert names.iloc[0] == names.iloc[-1] == "N0"


def test_each_slice_has_the_metrics_of_its_rows(judged: TrainingConfig, trips: pd.DataFrame) -> None:
    predictions = answers(trips)
    found = slice_metrics(trips, predictions, judged, "carrier")
    assert [one.rows for one in found] == sorted(trips["carrier"].value_counts(), reverse=True)
    for one in found:
        its = trips["carrier"] == one.value
        assert one.column == "carrier"
        assert one.metrics == score(trips["late"][its], predictions[its], judged)


@settings(max_examples=30)
@given(
    values=st.one_of(
        st.lists(st.one_of(st.none(), st.floats(allow_infinity=False)), min_size=1, max_size=80),
        st.lists(st.one_of(st.none(), st.text(max_size=3)), min_size=1, max_size=80),
        st.lists(st.integers(-(2**53), 2**53), min_size=1, max_size=80),
    )
)
def test_every_row_is_in_one_slice(values: list[object]) -> None:
    column = pd.Series(values)
    names = slice_names(column)
    assert len(names) == len(column)
    assert names.notna().all()
    assert ((names == "missing") | column.notna()).all()
    if pd.api.types.is_numeric_dtype(column) and column.nunique() > 20:
        assert names[column.notna()].nunique() <= 4


# Periods


def test_few_days_are_told_day_by_day(config: TrainingConfig, trips: pd.DataFrame) -> None:
    predictions = answers(trips)
    found = period_metrics(trips, predictions, config)
    assert [one.start[:10] for one in found] == [f"2024-01-{day:02}" for day in range(1, 11)]
    assert found[0].end == found[1].start
    assert sum(one.rows for one in found) == 400
    its = trips["at"].dt.day == 3
    assert found[2].metrics == score(trips["late"][its], predictions[its], config)


def test_many_days_are_told_in_equal_periods_without_the_empty_ones(
    config: TrainingConfig, trips: pd.DataFrame
) -> None:
    spread = trips.assign(at=trips["at"] + pd.to_timedelta(np.where(trips["trip"] < 200, 0, 100), unit="D"))
    found = period_metrics(spread, answers(spread), config)
    assert 2 < len(found) < MOST_PERIODS
    assert sum(one.rows for one in found) == 400
    lengths = {pd.Timestamp(one.end) - pd.Timestamp(one.start) for one in found}
    assert max(lengths) - min(lengths) <= pd.Timedelta(seconds=1)


def test_a_single_moment_is_one_period(config: TrainingConfig, trips: pd.DataFrame) -> None:
    assert [one.rows for one in period_metrics(trips.assign(at=trips["at"][0]), answers(trips), config)] == [400]


# Calibration


def test_the_calibration_error_of_a_worked_example() -> None:
    truth, predictions = pd.Series([0, 1, 1, 1, 0]), pd.Series([0.1, 0.2, 0.75, 0.8, NAN])
    bins = calibration_bins(truth, predictions)
    assert bins[0] == CalibrationBin(low=0.0, high=0.1, rows=1, predicted=0.1, observed=0.0)
    assert [(round(one.high, 1), one.rows, one.observed) for one in bins] == [(0.1, 1, 0), (0.2, 1, 1), (0.8, 2, 1)]
    assert expected_calibration_error(bins) == pytest.approx((0.1 + 0.8 + 2 * 0.225) / 4)


def test_a_model_that_says_the_frequency_is_calibrated() -> None:
    truth = pd.Series(([1] * 3 + [0] * 7) * 10)
    assert expected_calibration_error(calibration_bins(truth, pd.Series(0.3, index=truth.index))) == pytest.approx(0)
    assert expected_calibration_error(calibration_bins(truth, pd.Series(1.0, index=truth.index))) == pytest.approx(0.7)
    assert expected_calibration_error([]) == 0


@given(
    rows=st.lists(st.tuples(st.booleans(), st.one_of(st.just(NAN), st.floats(0, 1))), max_size=60),
    bins=st.integers(1, 20),
)
def test_bins_hold_every_answered_row_once(rows: list[tuple[bool, float]], bins: int) -> None:
    truth = pd.Series([int(late) for late, _ in rows], dtype=float)
    predictions = pd.Series([answer for _, answer in rows], dtype=float)
    found = calibration_bins(truth, predictions, bins)
    assert sum(one.rows for one in found) == predictions.notna().sum()
    assert all(one.low - 1e-9 <= one.predicted <= one.high + 1e-9 for one in found)
    assert 0 <= expected_calibration_error(found) <= 1


# Confusion and ROC


def test_rows_are_counted_by_class_and_answer() -> None:
    found = confusion(pd.Series([0, 0, 1, 1, 1, 1]), pd.Series([0.2, 0.5, 0.4, 0.5, 0.9, NAN]))
    assert (found.true_negatives, found.false_positives) == (1, 1)
    assert (found.false_negatives, found.true_positives) == (1, 2)


def test_a_long_roc_curve_is_thinned_and_keeps_its_ends() -> None:
    random = np.random.default_rng(0)
    truth = pd.Series(random.integers(0, 2, 5000))
    points = roc_points(truth, pd.Series(random.random(5000)))
    assert len(points) == MOST_POINTS
    assert points[0] == (0, 0, 1)
    assert points[-1][:2] == (1, 1)
    json.dumps(points, allow_nan=False)
    assert roc_points(pd.Series([1, 1]), pd.Series([0.2, 0.4])) == []


# Importance


def test_what_decides_matters_most_and_the_rest_hardly(config: TrainingConfig, trips: pd.DataFrame) -> None:
    model = train(trips, config, config.variant("linear"))
    found = importances(model, trips, config, "linear")
    assert found == importances(model, trips, config, "linear")
    assert found[0].feature == "distance"
    assert {one.feature for one in found} == set(config.feature_names)
    assert found[0].mean > 0.1 > max(abs(one.mean) for one in found if one.feature in ("stops", "carrier", "rainy"))


def test_a_variant_that_answers_nothing_is_still_evaluated(judged: TrainingConfig, trips: pd.DataFrame) -> None:
    one = judged.model_copy(update={"variants": (_variant(missing="drop"),)})
    model = train(trips, one, one.variant("v"))
    gaps = trips.assign(wind=NAN)
    predictions, found = evaluate_variants([("v", model)], gaps, one)
    assert predictions["v"].isna().all()
    assert found.variants[0].metrics == {"coverage": 0}
    assert found.variants[0].importance == found.variants[0].calibration == ()
    assert found.summary == "v logLoss nan"


def _variant(**fields: object) -> Variant:
    return Variant.model_validate({"name": "v", "estimator": "sklearn.linear_model.LogisticRegression"} | fields)


# The whole


def test_all_variants_are_measured_in_every_way(
    evaluated: tuple[pd.DataFrame, Evaluation], judged: TrainingConfig, trips: pd.DataFrame
) -> None:
    predictions, found = evaluated
    assert list(predictions.columns) == ["late", "linear", "trees"]
    assert found.best == min(found.variants, key=lambda one: one.metrics["logLoss"]).variant
    for one in found.variants:
        truth = trips["late"][280:].reset_index(drop=True)
        assert one.metrics == score(truth, predictions[one.variant], judged)
        assert list(dict.fromkeys(s.column for s in one.slices)) == ["carrier", "distance", "rainy"]
        assert sum(s.rows for s in one.slices) == 3 * found.rows == 3 * sum(p.rows for p in one.periods)
        assert one.confusion is not None
        assert one.calibration_error == expected_calibration_error(one.calibration)
        assert len(one.importance) == 5


def test_a_regression_has_no_classes_to_confuse(judged: TrainingConfig, trips: pd.DataFrame, tmp_path: Path) -> None:
    regressor = _variant(estimator="sklearn.linear_model.Ridge")
    features = tuple(feature for feature in judged.features if feature.name != "distance")
    changed = {"task": "regression", "target": "distance", "variants": (regressor,), "features": features}
    one = judged.model_copy(update=changed | {"gates": judged.gates.model_copy(update={"metric": "rmse"})})
    predictions, found = evaluate_variants([("v", train(trips, one, regressor))], trips, one)
    assert (found.variants[0].confusion, found.variants[0].calibration) == (None, ())
    assert set(found.variants[0].metrics) == {"coverage", "rmse", "mae"}
    save_evaluation(found, tmp_path / "evaluation")
    assert {path.name for path in (tmp_path / "evaluation").iterdir()} == {
        "evaluation.json", "report.html", "periods.png", "importance.png", "slices.png",
    }  # fmt: skip
    shown = dsl.ClassificationMetrics()
    log_classification(shown, trips["distance"], predictions["v"], found)
    assert shown.metadata == {}


def test_the_folder_holds_the_numbers_the_plots_and_the_report(
    evaluated: tuple[pd.DataFrame, Evaluation], tmp_path: Path
) -> None:
    folder = tmp_path / "evaluation"
    save_evaluation(evaluated[1], folder)
    assert Evaluation.model_validate_json((folder / "evaluation.json").read_text()) == evaluated[1]
    images = sorted(path.name for path in folder.glob("*.png"))
    assert images == ["calibration.png", "confusion.png", "importance.png", "periods.png", "slices.png"]
    assert all((folder / name).read_bytes().startswith(PNG) for name in images)


class _Page(HTMLParser):
    """Collects what a browser would fetch, run and show."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.shown: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.shown.append(data)


def test_the_report_stands_alone_and_escapes_what_data_say(
    judged: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    rows = trips.assign(carrier=trips["carrier"].map({"AA": "<script>alert(1)</script>", "B6": "$x_$ & $", "UA": "é"}))
    model = train(rows, judged, judged.variant("linear"))
    _, found = evaluate_variants([("linear", model)], rows, judged)
    save_evaluation(found, tmp_path / "evaluation")
    page = _Page((tmp_path / "evaluation" / "report.html").read_text(encoding="utf-8"))
    assert "script" not in page.tags
    assert "carrier: <script>alert(1)</script>" in page.shown
    assert "carrier: $x_$ & $" in page.shown
    assert page.tags.count("img") == 5
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)


def test_the_dashboard_shows_the_best_variant_and_only_what_json_can_say(
    evaluated: tuple[pd.DataFrame, Evaluation], trips: pd.DataFrame
) -> None:
    predictions, found = evaluated
    metrics, classification = dsl.Metrics(), dsl.ClassificationMetrics()
    log_metrics(metrics, found)
    log_classification(classification, predictions["late"], predictions[found.best], found)
    best = found.variant(found.best).metrics
    assert metrics.metadata == best | {f"{v.variant}.logLoss": v.metrics["logLoss"] for v in found.variants}
    json.dumps([metrics.metadata, classification.metadata], allow_nan=False)
    matrix = [row["row"] for row in classification.metadata["confusionMatrix"]["rows"]]
    assert np.sum(matrix) == found.rows
    assert sum(matrix[1]) == trips["late"][280:].sum()
    curve = classification.metadata["confidenceMetrics"]
    assert (curve[0]["recall"], curve[-1]["recall"]) == (0, 1)


def test_the_step_writes_all_its_artifacts(judged: TrainingConfig, trips: pd.DataFrame, tmp_path: Path) -> None:
    models = []
    for variant in judged.variants:
        save_trained(fit(trips[:280], judged, variant), variant.name, tmp_path / "fitted" / variant.name)
        models.append(dsl.Model(uri=str(tmp_path / "fitted" / variant.name)))
    trips[280:].to_parquet(tmp_path / "holdout")
    out = {name: kind(uri=str(tmp_path / name)) for name, kind in ARTIFACTS.items()}
    told = evaluate.python_func(
        training=judged.model_dump_json(by_alias=True),
        models=models,
        holdout_rows=dsl.Dataset(uri=str(tmp_path / "holdout")),
        **out,
    )
    assert list(json.loads(told)) == ["linear", "trees"]
    assert sorted(path.name for path in (tmp_path / "gathered" / "trees").iterdir()) == ["model.skops", "variant.txt"]
    assert list(pd.read_parquet(tmp_path / "predictions").columns) == ["late", "linear", "trees"]
    assert (tmp_path / "report").read_text() == (tmp_path / "evaluation" / "report.html").read_text()
    assert out["metrics"].metadata["linear.logLoss"] == json.loads(told)["linear"]["logLoss"]


ARTIFACTS = {
    "predictions": dsl.Dataset,
    "gathered": dsl.Model,
    "metrics": dsl.Metrics,
    "classification": dsl.ClassificationMetrics,
    "report": dsl.HTML,
    "evaluation": dsl.Artifact,
}


def test_answers_that_break_the_output_contract_end_the_step(config: TrainingConfig, trips: pd.DataFrame) -> None:
    regressor = _variant(estimator="sklearn.linear_model.Ridge")
    one = config.model_copy(update={"task": "regression", "variants": (regressor,)})
    model = train(trips, one, regressor)
    model.named_steps["estimator"].intercept_ = np.inf
    with pytest.raises(TrainingFailed, match="v "):
        evaluate_variants([("v", model)], trips, one)
