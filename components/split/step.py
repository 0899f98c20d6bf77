"""Split: training rows and held-out rows, by time or at random, groups kept together, never overlapping."""

from typing import Any, TypeAlias, cast

import numpy as np
import pandas as pd

from components.split.window import of_shortest_window
from serinus.core.errors import DataInvalid
from serinus.training.config import TrainingConfig

Flags: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]


def split(frame: pd.DataFrame, config: TrainingConfig) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(training rows, held-out rows), both in the order of `frame`.

    Raises DataInvalid where one side could not be used, or the same row would be on both.
    """
    if not len(frame):
        raise DataInvalid(f"no rows to split for {config.model}; widen window")
    held_out = _latest(frame, config) if config.split.by == "time" else _drawn(frame, config)
    _no_overlap(frame, held_out, config)
    train, holdout = frame[~held_out], frame[held_out]
    _both_usable(train, holdout, config)
    return train.reset_index(drop=True), holdout.reset_index(drop=True)


def _latest(frame: pd.DataFrame, config: TrainingConfig) -> Flags:
    """Rows from the cut on. Rows of one moment stay together, so that no held-out row is as old as a training row.

    The cut is where the share of the shortest window's rows is reached.

    With groups, a row counts as being of its group's latest moment: every training row is older than the cut, and of a
    held-out group older rows are held out with it.
    """
    moments = frame[config.time_column]
    if config.split.groups:
        moments = moments.groupby(_groups(frame, config)).transform("max")
    judged = moments[of_shortest_window(frame[config.time_column], config)]
    cut = judged.sort_values().iloc[int(len(judged) * (1 - config.split.holdout))]
    return np.asarray(moments >= cut)


def _drawn(frame: pd.DataFrame, config: TrainingConfig) -> Flags:
    """Groups drawn until the share of the shortest window's rows is reached; without groups, every row is one of its own."""
    groups = _groups(frame, config) if config.split.groups else np.arange(len(frame))
    judged = of_shortest_window(frame[config.time_column], config)
    sizes = np.bincount(groups, judged).astype(int)
    order = np.random.default_rng(config.split.seed).permutation(len(sizes))
    drawn_before = np.cumsum(sizes[order]) - sizes[order]
    held_out = np.zeros(len(sizes), dtype=bool)
    held_out[order[(drawn_before < round(judged.sum() * config.split.holdout)) & (sizes[order] > 0)]] = True
    return held_out[groups]


def _groups(frame: pd.DataFrame, config: TrainingConfig) -> "np.ndarray[Any, np.dtype[np.intp]]":
    """The number of each row's group, in order of appearance; rows without a group are one."""
    return pd.factorize(frame[cast("str", config.split.groups)], use_na_sentinel=False)[0]


def _no_overlap(frame: pd.DataFrame, held_out: Flags, config: TrainingConfig) -> None:
    """Raise DataInvalid if a row stands on both sides, the same in every column, `idColumns` and the time included."""
    twice = _on_both_sides(frame, held_out)
    if len(twice):
        shown = [column for column in (config.time_column, *config.id_columns) if column in frame.columns]
        example = ", ".join(f"{column} {frame[column].iloc[twice[0]]}" for column in shown)
        raise DataInvalid(
            f"{int(held_out[twice].sum())} held-out row(s) of {config.model} are training rows too, as {example}; "
            "remove the copies from the source"
        )


def _on_both_sides(frame: pd.DataFrame, held_out: Flags) -> "np.ndarray[Any, np.dtype[np.intp]]":
    """Positions of the rows whose like is on the other side: those that share a digest, and then every value."""
    digests = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    copied = np.flatnonzero(pd.Series(digests).duplicated(keep=False))
    shared = np.intersect1d(digests[copied[held_out[copied]]], digests[copied[~held_out[copied]]])
    suspects = copied[np.isin(digests[copied], shared)]
    return np.asarray(suspects[frame.iloc[suspects].duplicated(keep=False).to_numpy()])


def _both_usable(train: pd.DataFrame, holdout: pd.DataFrame, config: TrainingConfig) -> None:
    groups = f", or group by another column than {config.split.groups}" if config.split.groups else ""
    for name, part in (("training", train), ("held-out", holdout)):
        if not len(part):
            raise DataInvalid(
                f"no {name} rows after the split of {config.model}; widen window or change split.holdout{groups}"
            )
        if config.task == "classification" and part[config.target].nunique() < 2:
            raise DataInvalid(
                f'all {len(part)} {name} rows of {config.model} have the same "{config.target}"; '
                "widen window or change split"
            )
