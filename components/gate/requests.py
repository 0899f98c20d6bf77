"""Held-out rows as requests to the predictor."""

from typing import Any

import pandas as pd

from components.gate.case import Case
from serinus.training.config import TrainingConfig


def chosen(case: Case, count: int) -> pd.DataFrame:
    """At most `count` answered rows, drawn with the seed; at least a quarter misses a value, where there are such."""
    answered = case.rows[case.predictions.notna()]
    gaps = answered[answered[case.config.feature_names].isna().any(axis=1)]
    gaps = gaps.sample(min(len(gaps), count // 4), random_state=case.config.seed)
    others = answered.drop(gaps.index)
    return pd.concat([gaps, others.sample(min(len(others), count - len(gaps)), random_state=case.config.seed)])


def instances(rows: pd.DataFrame, config: TrainingConfig) -> list[dict[str, Any]]:
    """`rows` as the predictor takes them: numbers, strings, booleans, and null for a missing value."""
    plain = {"double": float, "integer": int, "string": str, "boolean": bool}
    columns = {
        feature.name: [None if pd.isna(value) else plain[feature.type](value) for value in rows[feature.name]]
        for feature in config.features
    }
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
