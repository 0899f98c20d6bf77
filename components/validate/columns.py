"""The rules of columns and keys: pandera checks them, and what it finds is told in the training file's words."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd

from components.validate.rules import TABLE, RuleCheck, shown
from components.validate.schema import table_schema
from components.validate.value_types import types_of
from serinus.training.config import TrainingConfig

ALIKE = 0.5  # `wind` and `gust` are not, `distance` and `distance_km` are
NESTED = (list, dict, np.ndarray)


def presence_checks(frame: pd.DataFrame, config: TrainingConfig, undeclared: tuple[str, ...]) -> Iterator[RuleCheck]:
    """The rule that every declared column is there. A missing one may be one of the `undeclared` by another name."""
    missing = [column for column in config.columns if column not in frame.columns]
    if not missing:
        yield RuleCheck(column=TABLE, rule="missing column", asked=f"{len(config.columns)} declared columns")
    for column in missing:
        alike = _alike(column, undeclared)
        guess = f"; was it renamed to {' or '.join(map(repr, alike))}?" if alike else ""
        rule = RuleCheck(column=column, rule="missing column", asked="a column of the source")
        yield rule.broken(f"is declared but the source does not have it{guess}")


def value_checks(frame: pd.DataFrame, config: TrainingConfig) -> Iterator[RuleCheck]:
    """The rules of the values in the columns that are there."""
    schema = table_schema(frame, config)
    broken = _broken_checks(frame, schema)
    for name, column in schema.columns.items():
        for check in column.checks:
            rule = _told(frame, name, check, broken.get(id(check)))
            yield rule
            if rule.rule == "wrong type" and rule.verdict == "Fail":
                break  # a range says nothing of values of another type
    for check in schema.checks:
        yield _told(frame, TABLE, check, broken.get(id(check)))


def nested_checks(frame: pd.DataFrame) -> Iterator[RuleCheck]:
    """The broken rule of each column whose values are lists or records, which can be neither compared nor learned from."""
    for name in filter(lambda name: pd.api.types.is_object_dtype(frame[name]), frame.columns):
        first = frame[name].first_valid_index()
        if first is not None and isinstance(frame.at[first, name], NESTED):
            rule = RuleCheck(column=name, rule="nested values", asked="one value a row")
            yield rule.broken("lists or records are no single values; take them apart in the source", len(frame))


def _alike(column: str, names: tuple[str, ...]) -> list[str]:
    by_letters = {name.casefold(): name for name in names}
    return [by_letters[found] for found in get_close_matches(column.casefold(), by_letters, n=2, cutoff=ALIKE)]


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


def _told(frame: pd.DataFrame, column: str, check: Any, error: Any) -> RuleCheck:
    """What `check` says, in words; `error` is pandera's where it is broken."""
    rule = RuleCheck(column=column, rule=check.name, asked=check.description)
    if error is None:
        return rule
    if error.check_output is None:  # the check itself failed
        return rule.broken(f"cannot be checked: {error.failure_cases}")
    if isinstance(error.check_output, bool | np.bool_):
        return rule.broken(check.error)
    wrong = error.check_output.index[~error.check_output]
    return rule.broken(_message(frame, wrong[0], check, rule), len(wrong))


def _message(frame: pd.DataFrame, first: Any, check: Any, rule: RuleCheck) -> str:
    """What is said of broken values; `first` is the index of the first row that has one."""
    if rule.column == TABLE:
        values = ", ".join(f"{name} {shown(frame.at[first, name])}" for name in check.statistics["columns"])
        return f"rows repeat the key of an earlier one, as {values}; remove them or correct schema.unique"
    if check.error:
        return str(check.error)
    expected = f"expected {rule.asked}, found {shown(frame.at[first, rule.column])}"
    types = types_of(frame[rule.column]) if rule.rule == "wrong type" else ""
    return f"{expected}; the column holds {types}" if types else expected
