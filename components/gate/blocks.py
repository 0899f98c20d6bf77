"""Held-out rows in blocks that say something on their own: rows that share a group or a moment are never parted."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from serinus.training.config import TrainingConfig

MAX_BLOCKS = 50  # more make the interval no better, and short ones still share the weather of their neighbours
MIN_BLOCKS = 10


def blocks_of(rows: pd.DataFrame, config: TrainingConfig) -> NDArray[Any]:
    """Per row the number of its block, from 0 on without gaps; shape (rows,).

    A cluster is the rows with one value of `split.groups`, or of the time column. Clusters that follow one another in
    time are joined into at most MAX_BLOCKS blocks of about as many rows each, so that what lasts for hours is within.
    """
    if not len(rows):
        return np.zeros(0, dtype=np.intp)
    order = np.argsort(rows[config.time_column].to_numpy(), kind="stable")
    key = rows[config.split.groups or config.time_column].iloc[order]
    clusters, _ = pd.factorize(key, use_na_sentinel=False)
    sizes = np.bincount(clusters)
    before = np.cumsum(sizes) - sizes
    _, joined = np.unique(before * MAX_BLOCKS // len(rows), return_inverse=True)
    blocks = np.empty(len(rows), dtype=np.intp)
    blocks[order] = joined[clusters]
    return blocks
