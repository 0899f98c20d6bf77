"""Evaluate: what each variant answers on the held-out rows, and how good that is."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from components.train.step import answerable
from components.validate.output import check_predictions
from serinus.training.config import TrainingConfig
from serinus.training.gates import GREATER_IS_BETTER
from serinus.training.values import Metrics


def answers(model: Any, features: pd.DataFrame, config: TrainingConfig) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Per row of `features` the probability of class 1, or the value in a regression; shape (rows,)."""
    if config.task == "classification" and hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(features)[:, 1], dtype=float)
    return np.asarray(model.predict(features), dtype=float)


def predict_answerable(model: Any, rows: pd.DataFrame, config: TrainingConfig, variant: str) -> "pd.Series[float]":
    """The variant's answers, missing where its model refuses the row. Raises what the output contract raises."""
    usable = answerable(rows, config, config.variant(variant))
    predictions = pd.Series(np.nan, index=rows.index, name=variant)
    if usable.any():
        predictions[usable] = answers(model, rows.loc[usable, config.feature_names], config)
    check_predictions(predictions, rows, config, variant)
    return predictions


def score(truth: "pd.Series[float]", predictions: "pd.Series[float]", config: TrainingConfig) -> Metrics:
    """The task's metrics over the rows that were answered, with `coverage`, their share."""
    answered = predictions.notna()
    metrics = {"coverage": float(answered.mean())}
    if not answered.any():
        return metrics
    y, p = truth[answered].astype(float).to_numpy(), predictions[answered].to_numpy()
    return metrics | (_classification(y, p) if config.task == "classification" else _regression(y, p))


def scorer(config: TrainingConfig) -> Callable[[Any, pd.DataFrame, "pd.Series[float]"], float]:
    """The metric that variants are compared by, as scikit-learn's tools want one: (model, features, truth), greater is better."""
    sign = 1 if config.metric in GREATER_IS_BETTER else -1

    def scored(model: Any, features: pd.DataFrame, truth: "pd.Series[float]") -> float:
        predictions = pd.Series(answers(model, features, config), index=features.index)
        return sign * score(truth, predictions, config)[config.metric]

    return scored


def _classification(y: Any, p: Any) -> Metrics:
    from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, roc_auc_score

    both = len(np.unique(y)) == 2
    return {
        "logLoss": float(log_loss(y, p, labels=[0, 1])),
        "brier": float(brier_score_loss(y, p, pos_label=1)),
        "auc": float(roc_auc_score(y, p)) if both else 0.5,  # undefined for one class: no ranking shown
        "accuracy": float(accuracy_score(y, p >= 0.5)),
    }


def _regression(y: Any, p: Any) -> Metrics:
    return {"rmse": float(np.sqrt(np.mean((y - p) ** 2))), "mae": float(np.mean(np.abs(y - p)))}


def best_variant(metrics: dict[str, Metrics], config: TrainingConfig) -> str:
    """The variant with the best metric among those that answer enough rows; among all where none does."""
    enough = {n: m for n, m in metrics.items() if m["coverage"] >= config.gates.min_coverage}
    sign = -1 if config.metric in GREATER_IS_BETTER else 1
    return min(enough or metrics, key=lambda name: (sign * metrics[name].get(config.metric, float("inf")), name))
