"""Each step as the pure function it is."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.evaluate.step import predict_answerable, score
from components.register.reference import build_reference, count_numbers, quantile_edges
from components.train.step import load_model, save_model, train
from serinus.core.errors import DataInvalid, TrainingFailed
from serinus.core.reference import MAX_BINS
from serinus.training.config import TrainingConfig
from serinus.training.variants import Variant

LINEAR = "sklearn.linear_model.LogisticRegression"


def with_variant(config: TrainingConfig, **fields: object) -> TrainingConfig:
    return config.model_copy(
        update={"variants": (Variant.model_validate({"name": "v", "estimator": LINEAR} | fields),)}
    )


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
    scores = score(pd.Series([1.0, 2.0, 4.0]), pd.Series([1.0, 4.0, float("nan")]), one)
    assert scores == {"coverage": pytest.approx(2 / 3), "rmse": pytest.approx(np.sqrt(2)), "mae": 1.0}
