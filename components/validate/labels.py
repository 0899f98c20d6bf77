"""The rules of the target."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from components.validate.rules import RuleCheck, shown
from serinus.training.config import TrainingConfig

SHOWN_LABELS = 5


def label_checks(column: "pd.Series[Any]", config: TrainingConfig) -> Iterator[RuleCheck]:
    """A label in every row, of the task's kind, and not the same in all."""
    yield _present(column, config.target)
    present = column.dropna()
    yield _classes(present, config.target) if config.task == "classification" else _numbers(present, config.target)
    yield _differing(present, config)


def _present(column: "pd.Series[Any]", name: str) -> RuleCheck:
    rule, missing = RuleCheck(column=name, rule="nulls", asked="a label in every row"), int(column.isna().sum())
    return rule.broken("the target is missing", missing) if missing else rule


def _classes(present: "pd.Series[Any]", name: str) -> RuleCheck:
    rule, foreign = RuleCheck(column=name, rule="classes", asked="0 and 1"), ~present.isin([0, 1])
    if not foreign.any():
        return rule
    found = ", ".join(sorted(shown(value) for value in present[foreign].unique()[:SHOWN_LABELS].tolist()))
    return rule.broken(f"expected 0 or 1, found {found}", int(foreign.sum()))


def _numbers(present: "pd.Series[Any]", name: str) -> RuleCheck:
    rule = RuleCheck(column=name, rule="wrong type", asked="finite numbers")
    if not pd.api.types.is_numeric_dtype(present) or pd.api.types.is_bool_dtype(present):
        return rule.broken(f"expected finite numbers, found {shown(present.iloc[0])}", len(present))
    infinite = np.isinf(present.to_numpy(dtype=float))
    if infinite.any():
        return rule.broken("expected finite numbers, found an infinity", int(infinite.sum()))
    return rule


def _differing(present: "pd.Series[Any]", config: TrainingConfig) -> RuleCheck:
    rule = RuleCheck(column=config.target, rule="equal labels", asked="at least 2 different labels")
    if present.nunique() != 1:
        return rule
    return rule.broken(
        f"all {len(present)} labels are {shown(present.iloc[0])}, so there is nothing to learn; "
        "widen window or correct target"
    )
