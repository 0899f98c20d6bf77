"""The rules of single columns and of keys, as a pandera schema: types, missing values, ranges, categories, uniqueness."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd

from components.validate.rules import TABLE, RuleCheck
from components.validate.value_types import is_of_type, types_of
from serinus.training.config import TrainingConfig, TrainingFeature

SHOWN_CATEGORIES = 8
SHOWN_CHARACTERS = 40


def column_checks(frame: pd.DataFrame, config: TrainingConfig, undeclared: tuple[str, ...]) -> list[RuleCheck]:
    """Each rule of the declared columns. `undeclared`: other columns of the source, among which a renamed one may be."""
    schema = table_schema(frame, config)
    broken = _broken_checks(frame, schema)
    found = [*_missing_columns(frame, config, undeclared)]
    for name, column in schema.columns.items():
        for check in column.checks:
            found.append(_rule_check(frame, name, check, broken.get(id(check))))
            if found[-1].rule == "wrong type" and found[-1].verdict == "Fail":
                break  # what else is asked of the values says nothing of values of another type
    return found + [_rule_check(frame, TABLE, check, broken.get(id(check))) for check in schema.checks]


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
    keys = [_unique(key) for key in config.table.unique if frame.columns.isin(key).sum() == len(key)]
    columns = {name: pa.Column(checks=checks[name], nullable=True) for name in config.columns if name in frame.columns}
    return pa.DataFrameSchema(columns, checks=keys)


def _feature_checks(feature: TrainingFeature) -> Iterator[Any]:
    from pandera.pandas import Check

    if not feature.nullable:
        yield _present("values are missing but nullable is false")
    yield Check(
        lambda column: bool(column.notna().any()),
        name="no values", description="some values", ignore_na=False,
        error="every value is missing; correct the source or remove the feature",
    )  # fmt: skip
    yield _check(lambda column: is_of_type(column, feature.type), "wrong type", feature.type)
    if feature.type in ("double", "integer"):
        yield _check(lambda column: ~np.isinf(column.astype(float)), "infinite", "finite numbers")
    if feature.minimum is not None or feature.maximum is not None:
        low = -np.inf if feature.minimum is None else feature.minimum
        high = np.inf if feature.maximum is None else feature.maximum
        yield Check.in_range(low, high, name="range", description=f"{low:g} to {high:g}", n_failure_cases=1)
    if feature.categories:
        yield Check.isin(
            feature.categories, name="category", description=_listed(feature.categories), n_failure_cases=1
        )


def _check(function: Any, rule: str, asked: str) -> Any:
    """A check of present values. pandera would write every failing value into its error, so only one is kept."""
    from pandera.pandas import Check

    return Check(function, name=rule, description=asked, n_failure_cases=1)


def _present(error: str) -> Any:
    """A check that no value is missing: pandera's `nullable` keeps every missing row, gigabytes in a large table."""
    from pandera.pandas import Check

    return Check(
        lambda column: column.notna(),
        name="nulls", description="no missing value", error=error, ignore_na=False, n_failure_cases=1,
    )  # fmt: skip


def _unique(key: tuple[str, ...]) -> Any:
    from pandera.pandas import Check

    return Check(
        lambda frame: ~frame.duplicated(list(key)),
        name="not unique", description=f"one row for each {', '.join(key)}", ignore_na=False, n_failure_cases=1,
        statistics={"columns": list(key)},
    )  # fmt: skip


def _broken_checks(frame: pd.DataFrame, schema: Any) -> dict[int, Any]:
    """The pandera SchemaError of each broken check, by the check's id."""
    from pandera.config import ValidationDepth, config_context
    from pandera.errors import SchemaErrors

    try:  # the environment must not be able to switch the rules off
        with config_context(validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA):
            schema.validate(frame, lazy=True, inplace=True)
    except SchemaErrors as errors:
        return {id(error.check): error for error in errors.schema_errors}
    return {}


def _rule_check(frame: pd.DataFrame, column: str, check: Any, error: Any) -> RuleCheck:
    """What `check` says, in words; `error` is pandera's where it is broken."""
    rule = RuleCheck(column=column, rule=check.name, asked=check.description)
    if error is None:
        return rule
    if error.check_output is None:  # the check itself failed
        return rule.broken(f"cannot be checked: {error.failure_cases}")
    if isinstance(error.check_output, bool | np.bool_):
        return rule.broken(check.error)
    wrong = error.check_output.index[~error.check_output]
    return rule.broken(_message(frame.loc[wrong[0]], check, rule) + _mixture(frame, rule), len(wrong))


def _message(example: "pd.Series[Any]", check: Any, rule: RuleCheck) -> str:
    if rule.column == TABLE:
        values = ", ".join(f"{name} {_shown(example[name])}" for name in check.statistics["columns"])
        return f"rows repeat the key of an earlier one, as {values}; remove them or correct schema.unique"
    if rule.rule == "nulls":
        return str(check.error)
    return f"expected {rule.asked}, found {_shown(example[rule.column])}"


def _mixture(frame: pd.DataFrame, rule: RuleCheck) -> str:
    types = types_of(frame[rule.column]) if rule.rule == "wrong type" else ""
    return f"; the column holds {types}" if types else ""


def _missing_columns(frame: pd.DataFrame, config: TrainingConfig, undeclared: tuple[str, ...]) -> Iterator[RuleCheck]:
    missing = [column for column in config.columns if column not in frame.columns]
    for column in missing:
        alike = get_close_matches(column, [*undeclared, *frame.columns.difference(config.columns)], n=2, cutoff=0.5)
        guess = f"; was it renamed to {' or '.join(alike)}?" if alike else ""
        rule = RuleCheck(column=column, rule="missing column", asked="a column of the source")
        yield rule.broken(f"is declared but the source does not have it{guess}")
    if not missing:
        yield RuleCheck(column=TABLE, rule="missing column", asked=f"{len(config.columns)} declared columns")


def _listed(names: tuple[str, ...]) -> str:
    shown = [repr(name) for name in names[:SHOWN_CATEGORIES]]
    return f"one of {', '.join(shown)}" + (", ..." if len(names) > SHOWN_CATEGORIES else "")


def _shown(value: object) -> str:
    """A number as it is, anything else as text in quotes."""
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        return f"{value:g}"
    return repr(str(value)[:SHOWN_CHARACTERS])
