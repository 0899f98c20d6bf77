"""Losses of rows, and the points of the grid that differences of losses are rounded to."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from serinus.collector.settings import CLASS_LOSSES
from serinus.core.errors import SerinusError
from serinus.core.quality import GRID, Loss

SMALLEST_PROBABILITY: Final = 1e-15  # as scikit-learn used to clip

Floats = NDArray[np.float64]


class LossUndefined(SerinusError):
    """A loss was asked for that the labels have no meaning for."""


def row_losses(loss: Loss, bound: float, predictions: Floats, labels: Floats) -> Floats:
    """Shape (rows): the loss of each, cut off at `bound`; NaN where there is no label. Raises LossUndefined."""
    if loss in CLASS_LOSSES and not np.isin(labels[~np.isnan(labels)], (0.0, 1.0)).all():
        raise LossUndefined(
            f"{loss} needs labels of 0 or 1, and there are others; ask for absoluteError or squaredError"
        )
    with np.errstate(over="ignore"):
        return np.minimum(_uncut(loss, predictions, labels), bound)


def _uncut(loss: Loss, predictions: Floats, labels: Floats) -> Floats:
    match loss:
        case "brier" | "squaredError":
            return np.asarray((predictions - labels) ** 2)
        case "absoluteError":
            return np.asarray(np.abs(predictions - labels))
        case "logLoss":
            sure = np.clip(predictions, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
            return np.asarray(-(labels * np.log(sure) + (1 - labels) * np.log1p(-sure)))


def on_grid(differences: Floats, bound: float, uniform: Floats) -> NDArray[Any]:
    """Each difference as one of its two neighbours on the grid; `uniform` in [0, 1) decides, so that the mean stays."""
    return np.clip(np.floor(differences / bound * GRID + uniform), -GRID, GRID).astype(np.int64)
