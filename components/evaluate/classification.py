"""What a classifier confuses, and how its hits and false alarms trade."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from serinus.training.evaluation import Confusion

THRESHOLD = 0.5
MOST_POINTS = 200


class RocPoint(NamedTuple):
    """The shares of rows called 1 among those of class 0 and of class 1 when probabilities from `threshold` on are."""

    false_positive_rate: float
    true_positive_rate: float
    threshold: float


def confusion(truth: "pd.Series[float]", predictions: "pd.Series[float]") -> Confusion:
    """The answered rows by class and answer. The two series share their index."""
    answered = predictions.notna()
    actual, called = truth[answered].astype(bool), predictions[answered] >= THRESHOLD
    return Confusion(
        threshold=THRESHOLD,
        true_negatives=int((~actual & ~called).sum()),
        false_positives=int((~actual & called).sum()),
        false_negatives=int((actual & ~called).sum()),
        true_positives=int((actual & called).sum()),
    )


def roc_points(truth: "pd.Series[float]", predictions: "pd.Series[float]") -> list[RocPoint]:
    """The ROC curve of the answered rows, thinned to MOST_POINTS with both ends kept; empty where one class is absent."""
    from sklearn.metrics import roc_curve

    answered = predictions.notna()
    if truth[answered].nunique() < 2:
        return []
    false, true, thresholds = roc_curve(truth[answered].astype(int), predictions[answered])
    thresholds = np.minimum(thresholds, 1.0)  # the first is infinite, which JSON cannot say
    kept = np.unique(np.linspace(0, len(false) - 1, MOST_POINTS).round().astype(int))
    return [RocPoint(*map(float, point)) for point in zip(false[kept], true[kept], thresholds[kept], strict=True)]
