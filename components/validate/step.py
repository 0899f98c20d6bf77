"""Validate: hold the snapshot against every declared rule, and tell every broken one, not only the first."""

from collections.abc import Iterator
from datetime import datetime

import pandas as pd

from components.validate.columns import nested_checks, presence_checks, value_checks
from components.validate.labels import label_checks
from components.validate.last import LastGood
from components.validate.leakage import leakage_checks
from components.validate.report import text_table
from components.validate.rules import RuleCheck, broken_of
from components.validate.table import duplicate_checks, empty_window, freshness_checks, row_count_checks
from serinus.core.errors import DataInvalid
from serinus.training.config import TrainingConfig
from serinus.training.values import DataCard


def check_snapshot(
    frame: pd.DataFrame, card: DataCard, config: TrainingConfig, *, now: datetime, last: LastGood | None
) -> list[RuleCheck]:
    """Every rule and whether the snapshot keeps it. `last` is the one that its number of rows is held against."""
    checks = check_rows(frame, config, card.undeclared)
    if len(frame):
        checks += row_count_checks(card.rows_in_window, config, last)
        checks += freshness_checks(frame, config, now)
    return checks


def check_rows(frame: pd.DataFrame, config: TrainingConfig, undeclared: tuple[str, ...] = ()) -> list[RuleCheck]:
    """Every rule of the rows alone. `undeclared` are columns of the source among which a renamed one may be."""
    checks = [*presence_checks(frame, config, undeclared)]
    if not len(frame):
        return [*checks, empty_window(config)]
    if nested := [*nested_checks(frame)]:
        checks += nested
        frame = frame.drop(columns=[check.column for check in nested])
    checks += value_checks(frame, config)
    if config.target in frame.columns:
        checks += label_checks(frame[config.target], config)
    checks += duplicate_checks(frame)
    return [*checks, *_leakage(frame, config, checks)]


def violations(frame: pd.DataFrame, config: TrainingConfig) -> list[RuleCheck]:
    """The rules that the rows break."""
    return broken_of(check_rows(frame, config))


def validate(frame: pd.DataFrame, config: TrainingConfig) -> None:
    """Raise DataInvalid with a table of violations unless the rows keep the rules."""
    refuse_broken(check_rows(frame, config), config)


def refuse_broken(checks: list[RuleCheck], config: TrainingConfig, where: str = "") -> None:
    """Raise DataInvalid with a table of the broken rules, if any. `where` is the address of the whole report."""
    broken = broken_of(checks)
    if broken:
        report = f" (the whole report: {where})" if where else ""
        raise DataInvalid(
            f"training data of {config.model} breaks {len(broken)} rule(s) of its schema; "
            f"correct the source or the training file{report}:\n{text_table(broken)}"
        )


def _leakage(frame: pd.DataFrame, config: TrainingConfig, checks: list[RuleCheck]) -> Iterator[RuleCheck]:
    """The leakage rules of the features that keep all others; nothing unless the labels do."""
    broken = {check.column for check in broken_of(checks)}
    if config.target not in broken:
        usable = [feature for feature in config.features if feature.name not in broken]
        yield from leakage_checks(frame, config, usable)
