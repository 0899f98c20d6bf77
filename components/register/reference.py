"""The reference distribution: what the model was trained on and answers, in bins that the predictor counts into."""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from serinus.core.reference import MAX_BINS, MISSING, OTHER, Feature, Prediction, Reference
from serinus.training.config import TrainingConfig, TrainingFeature
from serinus.training.variants import Variant

QUANTILE_BINS = 10
MAX_CATEGORIES = MAX_BINS - 2  # beside "other" and "missing"


def build_reference(
    train: pd.DataFrame, predictions: "pd.Series[float]", config: TrainingConfig, variant: Variant
) -> Reference:
    """Features over the rows that were trained on, predictions over the held-out rows."""
    return Reference(
        target=config.target,
        rows=len(train),
        features=tuple(_feature(train[f.name], f, variant) for f in config.features),
        prediction=_prediction(predictions.dropna(), config),
    )


def _feature(column: "pd.Series[float]", feature: TrainingFeature, variant: Variant) -> Feature:
    nullable = feature.nullable and variant.missing == "impute"
    described = {"name": feature.name, "type": feature.type, "nullable": nullable}
    missing = {MISSING: int(column.isna().sum())}
    if feature.type in ("double", "integer"):
        edges = quantile_edges(column.dropna())
        return Feature(**described, edges=edges, counts=count_numbers(column.dropna(), edges) | missing)
    names = column.dropna().map(category_name)
    categories = tuple(names.value_counts().index[:MAX_CATEGORIES])
    counts = {name: int((names == name).sum()) for name in categories}
    counts[OTHER] = int(len(names) - sum(counts.values()))
    return Feature(**described, categories=categories, counts=counts | missing)


def _prediction(predictions: "pd.Series[float]", config: TrainingConfig) -> Prediction:
    edges = quantile_edges(predictions)
    method = "predict_proba" if config.task == "classification" else "predict"
    return Prediction(method=method, edges=edges, counts=count_numbers(predictions, edges))


def quantile_edges(values: "pd.Series[float]") -> tuple[float, ...]:
    """Inner edges of at most ten bins of about equal count; fewer where many values are equal."""
    if not len(values):
        return ()
    quantiles = np.quantile(values.astype(float), np.linspace(0, 1, QUANTILE_BINS + 1)[1:-1], method="lower")
    return tuple(float(edge) for edge in np.unique(quantiles) if edge < values.max())


def count_numbers(values: "pd.Series[float]", edges: tuple[float, ...]) -> dict[str, int]:
    """Counts of bins "0" .. "k"; bin i holds edges[i-1] < x <= edges[i]."""
    bounds = np.searchsorted(np.sort(values.astype(float)), [*edges], side="right")
    cumulative: list[Any] = [0, *bounds, len(values)]
    return {str(i): int(high - low) for i, (low, high) in enumerate(pairwise(cumulative))}


def category_name(value: object) -> str:
    """A category as it is named in bins: booleans as in JSON."""
    return str(value).lower() if isinstance(value, bool | np.bool_) else str(value)
