"""The rows of one window among those of a longer one."""

from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from serinus.core.errors import DataInvalid
from serinus.training.config import TrainingConfig
from serinus.training.variants import Variant
from serinus.training.windows import start_of, told

Flags: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]


def within(
    times: "pd.Series[Any]",
    window: timedelta | Literal["all"],
    config: TrainingConfig,
    latest: datetime | None = None,
) -> Flags:
    """Per row whether it is of `window`, shape (rows,). `latest`: the latest of all rows, where `times` are not all.

    As ingest takes them: [asOf - window, asOf), or, without asOf, (latest - window, latest].
    """
    if not len(times):
        return np.zeros(0, dtype=bool)
    start = start_of(window, config.as_of or latest or times.max())
    if start is None:
        return np.ones(len(times), dtype=bool)
    return np.asarray(times >= start if config.as_of else times > start)


def of_shortest_window(times: "pd.Series[Any]", config: TrainingConfig) -> Flags:
    """Per row of a snapshot whether it is of the shortest window; all of them, where there is only one."""
    if config.shortest_window == config.longest_window:
        return np.ones(len(times), dtype=bool)
    return within(times, config.shortest_window, config)


def rows_of_variant(train: pd.DataFrame, config: TrainingConfig, variant: Variant, latest: datetime) -> pd.DataFrame:
    """The training rows that are of the variant's window; `latest` is the time of the snapshot's latest row.

    Raises DataInvalid where there is none.
    """
    if config.window_of(variant) == config.longest_window:
        return train
    inside = within(train[config.time_column], config.window_of(variant), config, latest)
    if not inside.any():
        raise DataInvalid(
            f"variants.{variant.name}: no training row is of its window {told(config.window_of(variant))}; widen it or "
            "change split"
        )
    return train[inside].reset_index(drop=True)
