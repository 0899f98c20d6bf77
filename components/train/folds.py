"""Cross-validation folds that part the training rows as the split parts the snapshot."""

from typing import Any

import numpy as np
import pandas as pd

from serinus.training.config import TrainingConfig

Positions = np.ndarray[Any, np.dtype[np.intp]]
Fold = tuple[Positions, Positions]


def folds(rows: pd.DataFrame, config: TrainingConfig, number: int) -> list[Fold]:
    """`number` pairs of row positions (fitted on, scored on). Raises ValueError where the rows do not suffice.

    By time: each fold is scored on later rows than it is fitted on, and rows of one group (or one moment) stay together.
    At random: by group where the split keeps groups together, else drawn with the seed, classes in proportion.
    """
    if config.split.by == "time":
        return _by_time(rows, config, number)
    if config.split.groups:
        return _by_group(rows, config.split.groups, number)
    return _drawn(rows, config, number)


def _by_time(rows: pd.DataFrame, config: TrainingConfig, number: int) -> list[Fold]:
    from sklearn.model_selection import TimeSeriesSplit

    times = rows[config.time_column]
    units = _codes(rows[config.split.groups or config.time_column])
    in_order = (
        times.groupby(units).max().sort_values(kind="stable").index.to_numpy()
    )  # a unit is as old as its last row
    rank = pd.Series(np.arange(len(in_order)), index=in_order)[units].to_numpy()
    parts = TimeSeriesSplit(n_splits=number).split(in_order)
    return [(np.flatnonzero(np.isin(rank, before)), np.flatnonzero(np.isin(rank, after))) for before, after in parts]


def _by_group(rows: pd.DataFrame, groups: str, number: int) -> list[Fold]:
    from sklearn.model_selection import GroupKFold

    return list(GroupKFold(n_splits=number).split(rows, groups=_codes(rows[groups])))


def _drawn(rows: pd.DataFrame, config: TrainingConfig, number: int) -> list[Fold]:
    from sklearn.model_selection import KFold, StratifiedKFold

    kind = StratifiedKFold if config.task == "classification" else KFold
    return list(kind(n_splits=number, shuffle=True, random_state=config.seed).split(rows, rows[config.target]))


def _codes(column: "pd.Series[Any]") -> Positions:
    """A number for each value; rows without one are a group too."""
    codes, _ = pd.factorize(column, use_na_sentinel=False)
    return codes
