"""Each step as the pure function it is."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.evaluate.step import predict_answerable, score
from components.gate.step import Champion, decide, improvement
from components.register.reference import build_reference, count_numbers, quantile_edges
from components.split.step import split
from components.train.step import load_model, save_model, train
from components.validate.step import validate, violations
from serinus.core.errors import DataInvalid, TrainingFailed
from serinus.core.reference import MAX_BINS
from serinus.training.config import TrainingConfig
from serinus.training.variants import Variant

LINEAR = "sklearn.linear_model.LogisticRegression"


def with_variant(config: TrainingConfig, **fields: object) -> TrainingConfig:
    return config.model_copy(
        update={"variants": (Variant.model_validate({"name": "v", "estimator": LINEAR} | fields),)}
    )


def test_rows_that_keep_the_schema_pass(config: TrainingConfig, trips: pd.DataFrame) -> None:
    assert violations(trips, config) == []


def _words(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype({"distance": object}).assign(distance=lambda f: f["distance"].where(f.index != 3, "far"))


BROKEN = {
    "missing column": (lambda f: f.drop(columns="wind"), "wind", "missing column", 0),
    "a word among numbers": (_words, "distance", "wrong type", 1),
    "numbers as text": (lambda f: f.assign(distance=f["distance"].astype(str)), "distance", "wrong type", 400),
    "an infinity": (lambda f: f.assign(distance=np.inf), "distance", "wrong type", 400),
    "a fraction": (lambda f: f.assign(stops=f["stops"] + 0.5), "stops", "wrong type", 400),
    "a flag as number": (lambda f: f.assign(rainy=1), "rainy", "wrong type", 400),
    "a number as text": (lambda f: f.assign(carrier=7), "carrier", "wrong type", 400),
    "nulls": (lambda f: f.assign(distance=f["distance"].where(f.index > 1)), "distance", "nulls", 2),
    "below the minimum": (lambda f: f.assign(distance=-1.0), "distance", "range", 400),
    "a third class": (lambda f: f.assign(late=f.index % 3), "late", "classes", 0),
    "no label": (lambda f: f.assign(late=f["late"].where(f.index > 4)), "late", "nulls", 5),
    "duplicates": (lambda f: pd.concat([f, f[:6]], ignore_index=True), "*", "duplicate rows", 6),
    "no rows": (lambda f: f[:0], "at", "empty window", 0),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_violation_is_in_the_table(name: str, config: TrainingConfig, trips: pd.DataFrame) -> None:
    change, column, rule, rows = BROKEN[name]
    with pytest.raises(DataInvalid, match=rule) as caught:
        validate(change(trips), config)
    assert (column, rule, rows) in [(v.column, v.rule, v.rows) for v in violations(change(trips), config)]
    assert column in str(caught.value)


def test_all_violations_are_told_at_once(config: TrainingConfig, trips: pd.DataFrame) -> None:
    frame = _words(trips).drop(columns="stops")
    assert {v.rule for v in violations(frame, config)} == {"wrong type", "missing column"}


@settings(max_examples=40)
@given(
    moments=st.lists(st.integers(0, 20), min_size=6, max_size=60),
    holdout=st.floats(0.1, 0.9),
    by=st.sampled_from(["time", "random"]),
)
def test_training_and_held_out_rows_never_overlap(moments: list[int], holdout: float, by: str) -> None:
    frame = pd.DataFrame({"at": pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(sorted(moments), unit="h")})
    frame["id"] = range(len(frame))
    config = TrainingConfig.model_validate(
        {
            "model": "m",
            "source": {"type": "csv", "path": "x"},
            "timeColumn": "at",
            "target": "id",
            "task": "regression",
            "features": [{"name": "x", "type": "double"}],
            "window": "1h",
            "split": {"by": by, "holdout": holdout},
            "variants": [{"name": "v", "estimator": "sklearn.linear_model.Ridge"}],
        }
    )
    try:
        rows, held_out = split(frame, config)
    except DataInvalid:
        return
    assert sorted([*rows["id"], *held_out["id"]]) == list(frame["id"])
    if by == "time":
        assert rows["at"].max() < held_out["at"].min()


def test_a_model_answers_missing_values_only_where_it_imputes(config: TrainingConfig, trips: pd.DataFrame) -> None:
    for missing, covered in (("impute", 1.0), ("drop", trips["wind"].notna().mean())):
        one = with_variant(config, missing=missing)
        model = train(trips, one, one.variant("v"))
        answers = predict_answerable(model, trips, one, "v")
        assert score(trips["late"], answers, one)["coverage"] == pytest.approx(covered)


def test_a_variant_that_rejects_missing_values_says_how_many(config: TrainingConfig, trips: pd.DataFrame) -> None:
    one = with_variant(config, missing="reject")
    with pytest.raises(DataInvalid, match=f"{int(trips['wind'].isna().sum())} of 400 training rows"):
        train(trips, one, one.variant("v"))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"estimator": "sklearn.linear_model.Nothing"}, "there is no sklearn.linear_model.Nothing"),
        ({"estimator": "sklearn.nowhere.X"}, "cannot be imported"),
        ({"estimator": "sklearn.metrics.log_loss"}, "is not an estimator class"),
        ({"estimator": "sklearn.linear_model.Ridge"}, "does not do classification"),
        ({"parameters": {"nonsense": 1}}, "unexpected keyword argument 'nonsense'"),
        ({"parameters": {"C": -1}}, "The 'C' parameter"),
    ],
)
def test_an_unfit_estimator_is_refused_with_a_sentence(
    fields: dict[str, object], said: str, config: TrainingConfig, trips: pd.DataFrame
) -> None:
    one = with_variant(config, **fields)
    with pytest.raises(TrainingFailed, match=said):
        train(trips, one, one.variant("v"))


def test_a_saved_model_answers_as_before(config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path) -> None:
    for variant in config.variants:
        model = train(trips, config, variant)
        save_model(model, str(tmp_path / variant.name))
        again = load_model(str(tmp_path / variant.name))
        pd.testing.assert_series_equal(
            predict_answerable(model, trips, config, variant.name),
            predict_answerable(again, trips, config, variant.name),
        )


def test_a_category_never_seen_is_answered(config: TrainingConfig, trips: pd.DataFrame) -> None:
    model = train(trips, config, config.variants[0])
    answers = predict_answerable(model, trips.assign(carrier="ZZ"), config, "linear")
    assert answers.between(0, 1).all()


def _gate(config: TrainingConfig, values: list[float], champion: list[float] | None) -> tuple[bool, str, str]:
    truth = pd.Series([0, 1, 0, 1])
    predictions = pd.DataFrame({"v": values})
    metrics = {"v": score(truth, predictions["v"], config)}
    known = None if champion is None else Champion("3", pd.Series(champion))
    decision = decide(truth, predictions, metrics, known, config)
    return decision.better, decision.reason, decision.message


NAN = float("nan")


@pytest.mark.parametrize(
    ("values", "champion", "expected"),
    [
        ([0.2, 0.8, 0.2, 0.8], None, (True, "FirstVersion")),
        ([0.2, 0.8, 0.2, 0.8], [0.4, 0.6, 0.4, 0.6], (True, "BetterThanChampion")),
        ([0.2, 0.8, 0.2, 0.8], [0.2, 0.8, 0.2, 0.8], (False, "NotBetterThanChampion")),
        ([0.2, 0.8, 0.2, 0.8], [0.205, 0.795, 0.205, 0.795], (False, "NotBetterThanChampion")),
        ([0.4, 0.6, 0.4, 0.6], [0.2, 0.8, 0.2, 0.8], (False, "NotBetterThanChampion")),
        ([0.1, NAN, 0.1, 0.9], [0.4, 0.6, 0.4, 0.6], (False, "CoverageTooLow")),
        ([NAN, NAN, NAN, NAN], None, (False, "CoverageTooLow")),
        ([0.4, 0.6, 0.4, 0.6], [NAN, 0.9, 0.1, NAN], (False, "NotBetterThanChampion")),
        ([0.4, 0.6, 0.4, 0.6], [NAN, NAN, NAN, NAN], (True, "NotComparable")),
    ],
)
def test_the_gate_table(
    config: TrainingConfig, values: list[float], champion: list[float] | None, expected: tuple[bool, str]
) -> None:
    assert _gate(with_variant(config), values, champion)[:2] == expected


def test_the_gate_says_its_numbers(config: TrainingConfig) -> None:
    message = _gate(with_variant(config), [0.4, 0.6, 0.4, 0.6], [0.2, 0.8, 0.2, 0.8])[2]
    assert message == (
        "v is 128.9% worse than champion version 3 "
        "(logLoss 0.5108 against 0.2231 on 4 held-out rows; 5.0% is asked for)"
    )


def test_the_gate_compares_nothing_where_the_champion_answers_no_row(config: TrainingConfig) -> None:
    message = _gate(with_variant(config), [0.4, 0.6, 0.4, 0.6], [NAN, NAN, NAN, NAN])[2]
    assert "v cannot be compared with champion version 3: no held-out row is answered by both" in message
    assert "better than" not in message


def test_an_open_gate_is_called_open(config: TrainingConfig) -> None:
    gates = config.gates.model_copy(update={"min_relative_improvement": -1.0})
    one = with_variant(config).model_copy(update={"gates": gates})
    better, _, message = _gate(one, [0.3, 0.7, 0.3, 0.7], [0.2, 0.8, 0.2, 0.8])
    assert better
    assert "59.8% worse than champion version 3" in message
    assert message.endswith("on 4 held-out rows; the gate is open)")


def test_improvement_knows_which_way_a_metric_is_better() -> None:
    assert improvement("logLoss", 0.4, 0.5) == pytest.approx(0.2)
    assert improvement("auc", 0.6, 0.5) == pytest.approx(0.2)


@pytest.mark.parametrize("name", ["distance", "wind", "stops", "carrier", "rainy"])
def test_the_reference_counts_every_row_once(name: str, config: TrainingConfig, trips: pd.DataFrame) -> None:
    reference = build_reference(trips, pd.Series([0.1, 0.4, 0.9]), config, config.variants[0])
    feature = next(f for f in reference.features if f.name == name)
    assert sum(feature.counts.values()) == reference.rows == 400
    assert feature.counts["missing"] == trips[name].isna().sum()
    assert len(feature.counts) <= MAX_BINS
    assert feature.nullable == (name == "wind")


def test_a_model_that_does_not_impute_accepts_no_missing_value(config: TrainingConfig, trips: pd.DataFrame) -> None:
    one = with_variant(config, missing="drop")
    reference = build_reference(trips.dropna(), pd.Series([0.5]), one, one.variants[0])
    assert not any(feature.nullable for feature in reference.features)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200))
def test_bins_hold_what_lies_between_their_edges(values: list[float]) -> None:
    column = pd.Series(values)
    edges = quantile_edges(column)
    counts = count_numbers(column, edges)
    bounds = [-np.inf, *edges, np.inf]
    assert list(edges) == sorted(set(edges))
    assert len(counts) == len(edges) + 1 <= MAX_BINS - 2
    for i in range(len(counts)):
        assert counts[str(i)] == ((column > bounds[i]) & (column <= bounds[i + 1])).sum()


def test_a_regression_is_scored_by_its_errors(config: TrainingConfig) -> None:
    one = config.model_copy(update={"task": "regression"})
    scores = score(pd.Series([1.0, 2.0, 4.0]), pd.Series([1.0, 4.0, NAN]), one)
    assert scores == {"coverage": pytest.approx(2 / 3), "rmse": pytest.approx(np.sqrt(2)), "mae": 1.0}
