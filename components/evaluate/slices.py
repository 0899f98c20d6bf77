"""Metrics by slice: the held-out rows parted by the values of one column."""

from itertools import pairwise
from typing import Any, cast

import numpy as np
import pandas as pd

from components.evaluate.step import score
from serinus.training.config import TrainingConfig
from serinus.training.values import SliceMetrics

MISSING, OTHER = "missing", "other"
MOST_NUMBERS = 20  # a column of numbers with more distinct ones is cut into quartiles
MOST_SLICES = 200  # beyond these the rarest values are one slice: a column of names would take minutes


def slice_metrics(
    rows: pd.DataFrame, predictions: "pd.Series[float]", config: TrainingConfig, column: str
) -> list[SliceMetrics]:
    """The metrics in each slice of `column`, the one with most rows first. `predictions` has the index of `rows`."""
    truth = rows[config.target]
    found = []
    for value, group in truth.groupby(slice_names(rows[column]).to_numpy()).indices.items():
        places = np.asarray(group)
        metrics = score(truth.iloc[places], predictions.iloc[places], config)
        found.append(SliceMetrics(column=column, value=str(value), rows=len(places), metrics=metrics))
    return sorted(found, key=lambda one: (-one.rows, one.value))


def slice_names(column: "pd.Series[Any]") -> "pd.Series[str]":
    """The name of each row's slice: its value, the quartile of its value, `missing` or `other`.

    A value that is itself called `missing` or `other` joins the slice of that name.
    """
    present = column.dropna()
    if _is_number(present) and present.nunique() > MOST_NUMBERS:
        names = _quartiles(present.astype(float))
    else:
        names = cast("pd.Series[str]", present.map({value: _name(value) for value in present.unique()}).astype(object))
    common = names.value_counts().index[:MOST_SLICES]
    found = pd.Series(MISSING, index=column.index, dtype=object)
    found[column.notna()] = names.where(names.isin(common), OTHER).to_numpy()
    return found


def _is_number(present: "pd.Series[Any]") -> bool:
    return pd.api.types.is_numeric_dtype(present) and not pd.api.types.is_bool_dtype(present)


def _quartiles(present: "pd.Series[float]") -> "pd.Series[str]":
    """Names such as `up to 3`, `3 to 5` and `over 8`; each holds its upper end, and fewer are left of equal values."""
    edges = np.unique(np.quantile(present, [0.25, 0.5, 0.75], method="lower"))
    # Where three quarters and more have the largest value, it is one slice and all others are the second.
    below = present[present < present.max()].max()
    edges = edges[edges <= below] if edges[0] <= below else np.array([below])
    texts = _texts(edges)
    names = [f"up to {texts[0]}", *(f"{low} to {high}" for low, high in pairwise(texts)), f"over {texts[-1]}"]
    places = np.searchsorted(edges, present.to_numpy(), side="left")
    return pd.Series(np.array(names, dtype=object)[places], index=present.index)


def _texts(edges: "np.ndarray[Any, Any]") -> list[str]:
    """The edges as short as they can be told apart."""
    short = [f"{edge:.4g}" for edge in edges]
    return short if len(set(short)) == len(short) else [repr(float(edge)) for edge in edges]


def _name(value: object) -> str:
    """A value as people write it: booleans as in JSON, whole numbers without a fraction."""
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    if isinstance(value, float | np.floating):
        return str(int(value)) if float(value).is_integer() else repr(float(value))
    return str(value)
