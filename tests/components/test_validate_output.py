"""The contract of what a trained model answers."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from components.train.step import train
from components.validate.output import check_predictions
from serinus.core.errors import TrainingFailed
from serinus.training.config import TrainingConfig
from serinus.training.variants import Variant

NAN = float("nan")
ROWS = pd.DataFrame({"distance": [1.0, 2.0, 3.0, 4.0], "wind": [1.0, NAN, 3.0, 4.0]}, index=[10, 11, 12, 13]).assign(
    stops=1, carrier="AA", rainy=False
)


def answers(*values: Any, **options: Any) -> "pd.Series[Any]":
    return pd.Series(list(values), **({"index": ROWS.index[: len(values)]} | options))


def with_missing(config: TrainingConfig, missing: str) -> TrainingConfig:
    fields = {"name": "v", "estimator": "sklearn.linear_model.LogisticRegression", "missing": missing}
    return config.model_copy(update={"variants": (Variant.model_validate(fields),)})


@pytest.mark.parametrize(
    ("predictions", "missing", "said"),
    [
        (answers(0.1, 0.2, 0.3), "impute", "answers 3 times for 4 rows"),
        (answers(0.1, 0.2, 0.3, 0.4, index=range(4)), "impute", "not in the order of the rows"),
        (answers("0.1", "0.2", "0.3", "0.4"), "impute", "answers object where numbers are expected"),
        (answers(True, False, True, False), "impute", "answers bool where numbers are expected"),
        (answers(0.1j, 0.2, 0.3, 0.4), "impute", "answers complex128 where numbers are expected"),
        (answers(0.1, NAN, 0.3, 0.4), "impute", r"has no answer \(NaN\) in 1 of 4 rows, as row 2 \(nan\)"),
        (answers(0.1, NAN, NAN, 0.4), "drop", r"has no answer \(NaN\) in 1 of 4 rows, as row 3"),
        (answers(0.1, np.inf, 0.3, -np.inf), "impute", r"answers an infinity in 2 of 4 rows, as row 2 \(inf\)"),
        (answers(0.1, 0.2, 1.5, -0.1), "impute", r"no probability from 0 to 1 in 2 of 4 rows, as row 3 \(1.5\)"),
    ],
)
def test_answers_that_break_the_contract_are_refused(
    config: TrainingConfig, predictions: "pd.Series[Any]", missing: str, said: str
) -> None:
    with pytest.raises(TrainingFailed, match=rf"^variants.v:? .*{said}"):
        check_predictions(predictions, ROWS, with_missing(config, missing), "v")


@pytest.mark.parametrize(
    ("predictions", "missing"),
    [
        (answers(0.0, 0.5, 1.0, 1 + 1e-12), "impute"),
        (answers(0, 1, 1, 0), "impute"),
        (answers(0.1, NAN, 0.3, 0.4), "drop"),
        (answers(0.1, NAN, 0.3, 0.4), "reject"),
        (answers(0.1, NAN, 0.3, 0.4, dtype="Float64"), "drop"),
    ],
)
def test_answers_that_keep_it_pass(config: TrainingConfig, predictions: "pd.Series[Any]", missing: str) -> None:
    check_predictions(predictions, ROWS, with_missing(config, missing), "v")


def test_a_regression_answers_any_finite_number(config: TrainingConfig) -> None:
    regression = with_missing(config, "impute").model_copy(update={"task": "regression"})
    check_predictions(answers(-1e9, 0.0, 1.5, 1e9), ROWS, regression, "v")
    with pytest.raises(TrainingFailed, match="answers an infinity"):
        check_predictions(answers(0.0, 0.0, 0.0, np.inf), ROWS, regression, "v")


def test_a_trained_variant_keeps_the_contract(config: TrainingConfig, trips: pd.DataFrame) -> None:
    from components.evaluate.step import predict_answerable

    for missing in ("impute", "drop"):
        one = with_missing(config, missing)
        model = train(trips, one, one.variant("v"))
        check_predictions(predict_answerable(model, trips, one, "v"), trips, one, "v")
