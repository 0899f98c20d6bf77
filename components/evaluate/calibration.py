"""Calibration: whether of the rows with a probability of 0.7 seven in ten are of class 1."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from serinus.training.evaluation import CalibrationBin


def calibration_bins(
    truth: "pd.Series[float]", predictions: "pd.Series[float]", bins: int = 10
) -> list[CalibrationBin]:
    """Bins of equal width with at least one row each. Refused rows are left out; the two series share their index."""
    answered = predictions.notna()
    y, p = truth[answered].to_numpy(dtype=float), predictions[answered].to_numpy(dtype=float)
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, p, side="left") - 1, 0, bins - 1)
    return [
        CalibrationBin(
            low=float(edges[i]),
            high=float(edges[i + 1]),
            rows=int((place == i).sum()),
            predicted=float(p[place == i].mean()),
            observed=float(y[place == i].mean()),
        )
        for i in np.unique(place)
    ]


def expected_calibration_error(bins: Sequence[CalibrationBin]) -> float:
    """The mean of |observed - predicted| over the rows, 0 to 1; 0 without rows.

    Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning" (AAAI 2015).
    """
    rows = sum(one.rows for one in bins)
    return sum(one.rows * abs(one.observed - one.predicted) for one in bins) / max(rows, 1)
