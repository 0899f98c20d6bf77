"""How far probabilities are from the frequencies that they announce."""

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class CalibrationBin:
    """Rows with a probability in one part of [0, 1]: their mean probability and the share with label 1."""

    rows: int
    probability: float
    frequency: float


def calibration_bins(
    truth: "pd.Series[float]", predictions: "pd.Series[float]", bins: int = 10
) -> list[CalibrationBin]:
    """The bins of equal width that hold a row."""
    y, p = truth.to_numpy(dtype=float), predictions.to_numpy(dtype=float)
    index = np.minimum((p * bins).astype(int), bins - 1)
    return [
        CalibrationBin(int((index == i).sum()), float(p[index == i].mean()), float(y[index == i].mean()))
        for i in np.unique(index)
    ]


def expected_calibration_error(bins: list[CalibrationBin]) -> float:
    """Mean distance of probability and frequency, by rows (Naeini, Cooper and Hauskrecht, 2015)."""
    rows = sum(one.rows for one in bins)
    return sum(one.rows * abs(one.probability - one.frequency) for one in bins) / rows if rows else 0.0
