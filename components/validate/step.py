"""Validate: hold the snapshot against every declared rule, and tell every broken one, not only the first."""

from collections.abc import Iterator
from datetime import datetime

import pandas as pd

from components.validate.columns import presence_checks, value_checks
from components.validate.labels import label_checks
from components.validate.last import LastGood
from components.validate.leakage import leakage_checks
from components.validate.report import text_table
from components.validate.rules import RuleCheck, violations
from components.validate.table import duplicate_checks, empty_window, freshness_checks, row_count_checks
from serinus.core.errors import DataInvalid
from serinus.training.config import TrainingConfig
from serinus.training.values import DataCard


def check_rules(
    frame: pd.DataFrame, card: DataCard, config: TrainingConfig, *, now: datetime, last: LastGood | None = None
) -> list[RuleCheck]:
    """Every rule and whether the rows of `frame` keep it. `last` is the snapshot that its row count is held against."""
    checks = [*presence_checks(frame, config, card.undeclared)]
    if not len(frame):
        return [*checks, empty_window(config)]
    checks += value_checks(frame, config)
    if config.target in frame.columns:
        checks += label_checks(frame[config.target], config)
    checks += row_count_checks(card.rows_in_window, config, last)
    checks += freshness_checks(frame, config, now)
    checks += duplicate_checks(frame)
    return [*checks, *_leakage(frame, config, checks)]


def refuse_broken(checks: list[RuleCheck], config: TrainingConfig, where: str = "") -> None:
    """Raise DataInvalid with a table of the broken rules, if any. `where` is the address of the whole report."""
    broken = violations(checks)
    if broken:
        report = f" (the whole report: {where})" if where else ""
        raise DataInvalid(
            f"training data of {config.model} breaks {len(broken)} rule(s) of its schema; "
            f"correct the source or the training file{report}:\n{text_table(broken)}"
        )


def _leakage(frame: pd.DataFrame, config: TrainingConfig, checks: list[RuleCheck]) -> Iterator[RuleCheck]:
    """The leakage rules of the features that keep all others; nothing unless the labels do."""
    broken = {check.column for check in violations(checks)}
    if config.target not in broken:
        usable = [feature for feature in config.features if feature.name not in broken]
        yield from leakage_checks(frame, config, usable)
