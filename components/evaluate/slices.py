"""Metrics over the rows with one value in a column."""

import pandas as pd

from components.evaluate.step import score
from serinus.training.config import TrainingConfig
from serinus.training.values import SliceMetrics


def slice_metrics(
    rows: pd.DataFrame, predictions: "pd.Series[float]", config: TrainingConfig, column: str
) -> list[SliceMetrics]:
    """The metrics of each value of `column`, in the order of their names; a missing value is a slice, too."""
    names = rows[column].astype(object).where(rows[column].notna(), "missing").map(str)
    return [
        SliceMetrics(
            column=column,
            value=str(value),
            rows=len(part),
            metrics=score(part[config.target], predictions[part.index], config),
        )
        for value, part in rows.groupby(names)
    ]
