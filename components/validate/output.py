"""The contract of what a trained model answers: one number per row, finite, a probability in a classification."""

from typing import Any

import numpy as np
import pandas as pd

from components.train.step import answerable
from serinus.core.errors import TrainingFailed
from serinus.training.config import TrainingConfig

ROUNDING = 1e-9  # a mean of probabilities may be above 1 by this


def check_predictions(predictions: "pd.Series[Any]", rows: pd.DataFrame, config: TrainingConfig, variant: str) -> None:
    """Raise TrainingFailed unless `predictions` are what `variant` owes for `rows`.

    They have the index of `rows`. They may be missing only where the variant does not answer. A regression has no
    range: how far off its answers are is for the metrics to say.
    """
    _one_per_row(predictions, rows, variant)
    _numbers(predictions, variant)
    values = predictions.to_numpy(dtype=float, na_value=np.nan)
    expected = answerable(rows, config, config.variant(variant)).to_numpy()
    _refuse(np.isnan(values) & expected, values, variant, "has no answer (NaN)", "check its parameters and features")
    _refuse(np.isinf(values), values, variant, "answers an infinity", "check its parameters and features")
    if config.task == "classification":
        outside = (values < -ROUNDING) | (values > 1 + ROUNDING)
        _refuse(outside, values, variant, "answers no probability from 0 to 1", "choose an estimator that does")


def _one_per_row(predictions: "pd.Series[Any]", rows: pd.DataFrame, variant: str) -> None:
    if len(predictions) != len(rows):
        raise TrainingFailed(
            f"variants.{variant} answers {len(predictions)} times for {len(rows)} rows; "
            "choose an estimator that answers each row once"
        )
    if not predictions.index.equals(rows.index):
        raise TrainingFailed(f"variants.{variant}: the answers are not in the order of the rows; give them their index")


def _numbers(predictions: "pd.Series[Any]", variant: str) -> None:
    kind = predictions.dtype
    if not pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_bool_dtype(kind) or np.iscomplexobj(predictions):
        raise TrainingFailed(f"variants.{variant} answers {kind} where numbers are expected; choose another estimator")


def _refuse(wrong: Any, values: Any, variant: str, what: str, advice: str) -> None:
    if wrong.any():
        first = int(wrong.argmax())
        raise TrainingFailed(
            f"variants.{variant} {what} in {int(wrong.sum())} of {len(values)} rows, "
            f"as row {first + 1} ({values[first]:g}); {advice}"
        )
