"""The declared columns as a pandera schema: types, missing values, ranges, categories, keys."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from components.validate.value_types import is_of_type
from serinus.training.config import TrainingConfig, TrainingFeature

SHOWN_CATEGORIES = 8


def table_schema(frame: pd.DataFrame, config: TrainingConfig) -> Any:
    """The pandera DataFrameSchema of those declared columns that `frame` has.

    Each check is named after its rule; its `description` is what is asked for, its `error` what is said when it fails.
    """
    import pandera.pandas as pa

    checks: dict[str, list[Any]] = {column: [] for column in config.columns}
    for feature in config.features:
        checks[feature.name] += _feature_checks(feature)
    if config.split.groups:
        checks[config.split.groups].append(_present("rows have no group; fill it in or remove them"))
    keys = [_unique(key) for key in config.table.unique if set(key) <= set(frame.columns)]
    # Not pandera's `nullable`: it keeps every missing row in its error, gigabytes of a large table.
    columns = {name: pa.Column(checks=checks[name], nullable=True) for name in config.columns if name in frame.columns}
    return pa.DataFrameSchema(columns, checks=keys)


def _feature_checks(feature: TrainingFeature) -> Iterator[Any]:
    if feature.nullable:
        error = "every value is missing; correct the source or remove the feature"
        yield _check(lambda column: bool(column.notna().any()), "no values", "a value", error=error, ignore_na=False)
    else:
        yield _present("values are missing but nullable is false")
    yield _check(lambda column: is_of_type(column, feature.type), "wrong type", feature.type)
    if feature.type in ("double", "integer"):
        yield _check(lambda column: ~np.isinf(column.astype(float)), "infinite", "finite numbers")
    if feature.minimum is not None or feature.maximum is not None:
        yield _within(feature)
    if feature.categories:
        yield _check(lambda column: column.isin(feature.categories), "category", _listed(feature.categories))


def _within(feature: TrainingFeature) -> Any:
    low = -np.inf if feature.minimum is None else feature.minimum
    high = np.inf if feature.maximum is None else feature.maximum
    return _check(lambda column: column.between(low, high), "range", f"{low:g} to {high:g}")


def _present(error: str) -> Any:
    return _check(lambda column: column.notna(), "nulls", "no missing value", error=error, ignore_na=False)


def _unique(key: tuple[str, ...]) -> Any:
    return _check(
        lambda frame: ~frame.duplicated(list(key)),
        "not unique",
        f"one row for each {', '.join(key)}",
        statistics={"columns": list(key)},
        ignore_na=False,
    )


def _check(function: Callable[[Any], Any], rule: str, asked: str, **options: Any) -> Any:
    """A pandera Check. One failing value is enough for an example, and pandera writes all it keeps into its error."""
    from pandera.pandas import Check

    return Check(function, name=rule, description=asked, n_failure_cases=1, **options)


def _listed(names: tuple[str, ...]) -> str:
    shown = [repr(name) for name in names[:SHOWN_CATEGORIES]]
    return f"one of {', '.join(shown)}" + (", ..." if len(names) > SHOWN_CATEGORIES else "")
