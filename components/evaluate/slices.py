"""Metrics over the rows with one value in a column."""

from typing import Any

import pandas as pd

from components.evaluate.step import score
from serinus.training.config import TrainingConfig
from serinus.training.values import SliceMetrics


def slice_metrics(
    rows: pd.DataFrame, predictions: "pd.Series[float]", config: TrainingConfig, column: str
) -> list[SliceMetrics]:
    """The metrics of each value of `column`, in the order of their names; a missing value is a slice, too."""
    return [
        SliceMetrics(
            column=column,
            value=str(value),
            rows=len(part),
            metrics=score(part[config.target], predictions[part.index], config),
        )
        for value, part in rows.groupby(slice_names(rows[column]))
    ]


def slice_names(column: "pd.Series[Any]") -> "pd.Series[str]":
    """The name of each row's slice."""
    return column.map(str).where(column.notna(), "missing")
