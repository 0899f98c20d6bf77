"""Validate: hold the snapshot against the declared schema and collect every violation, not only the first."""

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import pandas as pd

from serinus.core.errors import DataInvalid
from serinus.core.model import Frozen
from serinus.training.config import TrainingConfig, TrainingFeature


class Violation(Frozen):
    """One broken rule. `rows` is how many rows break it, 0 where the rule is about the table."""

    column: str
    rule: str
    rows: int
    message: str


def violations(frame: pd.DataFrame, config: TrainingConfig) -> list[Violation]:
    """Every rule of the schema that the rows break."""
    found = [*_missing_columns(frame, config)]
    if not len(frame):
        return [*found, _empty_window(config)]
    for feature in config.features:
        if feature.name in frame.columns:
            found += _feature_violations(frame[feature.name], feature)
    if config.target in frame.columns:
        found += _target_violations(frame[config.target], config)
    return [*found, *_duplicates(frame)]


def validate(frame: pd.DataFrame, config: TrainingConfig) -> None:
    """Raise DataInvalid with a table of violations unless the rows keep the schema."""
    found = violations(frame, config)
    if found:
        raise DataInvalid(
            f"training data of {config.model} breaks {len(found)} rule(s) of its schema; "
            f"correct the source or the training file:\n{_table(found)}"
        )


def _missing_columns(frame: pd.DataFrame, config: TrainingConfig) -> Iterator[Violation]:
    for column in config.columns:
        if column not in frame.columns:
            yield Violation(
                column=column, rule="missing column", rows=0, message="is declared but the source does not have it"
            )


def _empty_window(config: TrainingConfig) -> Violation:
    end = config.as_of.isoformat() if config.as_of else "the latest row"
    message = f"no row in the {config.window} before {end}; widen window or correct asOf"
    return Violation(column=config.time_column, rule="empty window", rows=0, message=message)


def _feature_violations(column: "pd.Series[float]", feature: TrainingFeature) -> Iterator[Violation]:
    name, present = feature.name, column.dropna()
    if not feature.nullable and len(present) < len(column):
        missing = len(column) - len(present)
        yield Violation(column=name, rule="nulls", rows=missing, message="values are missing but nullable is false")
    wrong = _wrong_type(present, feature)
    if wrong.any():
        message = f"expected {feature.type}, found {str(present[wrong].iloc[0])[:40]!r}"
        yield Violation(column=name, rule="wrong type", rows=int(wrong.sum()), message=message)
    elif feature.type in ("double", "integer"):
        yield from _range_violations(present, feature)


def _wrong_type(present: "pd.Series[float]", feature: TrainingFeature) -> "pd.Series[bool]":
    if feature.type == "string":
        return ~present.map(lambda value: isinstance(value, str)).astype(bool)
    if feature.type == "boolean":
        return ~present.map(lambda value: isinstance(value, bool | np.bool_)).astype(bool)
    if pd.api.types.is_bool_dtype(present) or not pd.api.types.is_numeric_dtype(present):
        return _not_numbers(present)
    numbers = present.to_numpy(dtype=float)
    wrong = np.isinf(numbers)
    if feature.type == "integer":
        wrong = wrong | (numbers != np.floor(numbers))
    return _series(wrong, present)


def _not_numbers(present: "pd.Series[float]") -> "pd.Series[bool]":
    """One word makes text of a whole CSV column: the words are the wrong values, or all where there is none."""
    words = pd.to_numeric(present.astype(str), errors="coerce").isna().to_numpy()
    return _series(words if words.any() else np.ones(len(present), dtype=bool), present)


def _series(flags: "np.ndarray[Any, np.dtype[np.bool_]]", like: "pd.Series[float]") -> "pd.Series[bool]":
    return cast("pd.Series[bool]", pd.Series(flags, index=like.index))


def _range_violations(present: "pd.Series[float]", feature: TrainingFeature) -> Iterator[Violation]:
    low = -np.inf if feature.minimum is None else feature.minimum
    high = np.inf if feature.maximum is None else feature.maximum
    outside = (present < low) | (present > high)
    if outside.any():
        message = f"expected {low:g} to {high:g}, found {present[outside].iloc[0]:g}"
        yield Violation(column=feature.name, rule="range", rows=int(outside.sum()), message=message)


def _target_violations(column: "pd.Series[float]", config: TrainingConfig) -> Iterator[Violation]:
    missing = int(column.isna().sum())
    if missing:
        yield Violation(column=config.target, rule="nulls", rows=missing, message="the target is missing")
    if config.task == "classification":
        values = sorted(str(value) for value in column.dropna().unique()[:20])
        if not column.dropna().isin([0, 1]).all() or len(values) < 2:
            message = f"expected both 0 and 1, found {', '.join(values[:5])}"
            yield Violation(column=config.target, rule="classes", rows=0, message=message)
    elif not pd.api.types.is_numeric_dtype(column) or not np.isfinite(column.dropna().astype(float)).all():
        yield Violation(column=config.target, rule="wrong type", rows=0, message="expected finite numbers")


def _duplicates(frame: pd.DataFrame) -> Iterator[Violation]:
    repeated = frame.duplicated()
    if repeated.any():
        first = int(repeated.to_numpy().argmax())
        message = f"rows repeat an earlier one exactly, as row {first + 1}; remove them or add idColumns"
        yield Violation(column="*", rule="duplicate rows", rows=int(repeated.sum()), message=message)


def _table(found: list[Violation]) -> str:
    lines = [("column", "rule", "rows", "what")]
    lines += [(v.column, v.rule, str(v.rows) if v.rows else "-", v.message) for v in found]
    widths = [max(len(line[i]) for line in lines) for i in range(3)]
    return "\n".join("  " + "  ".join([*map(str.ljust, line[:3], widths), line[3]]) for line in lines)
