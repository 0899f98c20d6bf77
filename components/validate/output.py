"""What a model must answer: one finite number for each row, and a probability where it tells classes apart."""

import numpy as np
import pandas as pd

from serinus.core.errors import TrainingFailed
from serinus.training.config import TrainingConfig


def check_predictions(
    predictions: "pd.Series[float]", rows: pd.DataFrame, config: TrainingConfig, variant: str
) -> None:
    """Raise TrainingFailed unless `predictions` has one usable answer for each of `rows`; refused rows are missing."""
    if len(predictions) != len(rows):
        raise TrainingFailed(f"variants.{variant} gives {len(predictions)} answers to {len(rows)} rows; choose another")
    answered = predictions.dropna().to_numpy(dtype=float)
    if not np.isfinite(answered).all():
        raise TrainingFailed(f"variants.{variant} answers infinite values; choose another estimator")
    if config.task == "classification" and ((answered < 0) | (answered > 1)).any():
        raise TrainingFailed(f"variants.{variant} answers {answered.min():g} to {answered.max():g}, no probabilities")
