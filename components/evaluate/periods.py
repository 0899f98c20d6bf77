"""Metrics over time: the held-out rows parted by day, or into equal periods where the days are many."""

import numpy as np
import pandas as pd

from components.evaluate.step import score
from serinus.training.config import TrainingConfig
from serinus.training.evaluation import PeriodMetrics

MOST_PERIODS = 30


def period_metrics(rows: pd.DataFrame, predictions: "pd.Series[float]", config: TrainingConfig) -> list[PeriodMetrics]:
    """The metrics in each period that has rows, in order of time. `predictions` has the index of `rows`."""
    times = rows[config.time_column]
    edges = _edges(times)
    ends = edges.searchsorted(times, side="right")
    return [
        PeriodMetrics(
            start=edges[end - 1].isoformat(),
            end=edges[end].isoformat(),
            rows=int((ends == end).sum()),
            metrics=score(rows.loc[ends == end, config.target], predictions[ends == end], config),
        )
        for end in np.unique(ends)
    ]


def _edges(times: "pd.Series[pd.Timestamp]") -> pd.DatetimeIndex:
    """The ends of the periods; the last one lies after the latest row."""
    first, last = times.min(), times.max()
    days = pd.date_range(first.normalize(), last.normalize() + pd.Timedelta(days=1), freq="D")
    if len(days) - 1 <= MOST_PERIODS:
        return days
    return pd.date_range(first, last + pd.Timedelta(seconds=1), periods=MOST_PERIODS + 1).floor("s")
