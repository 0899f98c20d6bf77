"""Split: training rows and held-out rows, by time or at random, never overlapping."""

from typing import cast

import numpy as np
import pandas as pd

from serinus.core.errors import DataInvalid
from serinus.training.config import TrainingConfig


def split(frame: pd.DataFrame, config: TrainingConfig) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(training rows, held-out rows), both in time order. Raises DataInvalid where one side would be empty."""
    held_out = _latest(frame, config) if config.split.by == "time" else _drawn(frame, config)
    train, holdout = frame[~held_out], frame[held_out]
    _both_usable(train, holdout, config)
    return train.reset_index(drop=True), holdout.reset_index(drop=True)


def _latest(frame: pd.DataFrame, config: TrainingConfig) -> "pd.Series[bool]":
    """Rows from the cut on. Rows of one moment stay together, so that no held-out row is as old as a training row."""
    times = frame[config.time_column]
    cut = times.sort_values().iloc[int(len(frame) * (1 - config.split.holdout))]
    return cast("pd.Series[bool]", times >= cut)


def _drawn(frame: pd.DataFrame, config: TrainingConfig) -> "pd.Series[bool]":
    order = np.random.default_rng(config.split.seed).permutation(len(frame))
    return pd.Series(order < round(len(frame) * config.split.holdout), index=frame.index)


def _both_usable(train: pd.DataFrame, holdout: pd.DataFrame, config: TrainingConfig) -> None:
    for name, part in (("training", train), ("held-out", holdout)):
        if not len(part):
            raise DataInvalid(f"no {name} rows after the split of {config.model}; widen window or change split.holdout")
        if config.task == "classification" and part[config.target].nunique() < 2:
            raise DataInvalid(
                f'all {len(part)} {name} rows of {config.model} have the same "{config.target}"; '
                "widen window or change split"
            )
