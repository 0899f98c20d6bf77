"""The rules of the table as a whole: how many rows, how old the latest is, and whether rows repeat."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from components.validate.last import LastGood
from components.validate.rules import TABLE, RuleCheck
from serinus.core.spec.duration import format_duration
from serinus.training.config import TrainingConfig
from serinus.training.windows import ALL, told

ROUNDING = 1e-9
NO_MEMORY = (
    "nothing to compare with: no snapshot of this model has kept the rules yet, "
    "or there is no snapshot root to remember one in"
)


def empty_window(config: TrainingConfig) -> RuleCheck:
    """The only rule that a table without rows can break."""
    rule = RuleCheck(column=config.time_column, rule="empty window", asked="at least 1 row")
    if config.as_of is None:
        return rule.broken("the source has no row; correct source")
    end = config.as_of.isoformat()
    if config.longest_window == ALL:
        return rule.broken(f"no row before {end}; correct source or asOf")
    return rule.broken(f"no row in the {told(config.longest_window)} before {end}; widen window or correct asOf")


def row_count_checks(rows: int, config: TrainingConfig, last: LastGood | None) -> Iterator[RuleCheck]:
    """Rules on how many `rows` the window has, before any sampling."""
    yield _enough(rows, config.table.min_rows)
    if config.table.max_row_change is not None:
        yield _like_before(rows, config.table.max_row_change, last)


def freshness_checks(frame: pd.DataFrame, config: TrainingConfig, now: datetime) -> Iterator[RuleCheck]:
    """The rule on the age of the latest row at the end of the window, where there is one."""
    allowed, column = config.table.max_age, config.time_column
    if allowed is None or column not in frame.columns:
        return
    latest, end = frame[column].max(), config.as_of or now
    age = end - latest
    rule = RuleCheck(column=column, rule="stale", asked=f"a row of the last {format_duration(allowed)}")
    if age <= allowed:
        yield rule.told(f"the latest row is of {latest.isoformat()}")
    else:
        when = "asOf" if config.as_of else "now"
        yield rule.broken(
            f"the latest row is of {latest.isoformat()}, {_rounded(age)} before {when} ({end.isoformat()}); "
            "see why no rows come, or raise schema.maxAge"
        )


def duplicate_checks(frame: pd.DataFrame) -> Iterator[RuleCheck]:
    """The rule that no row repeats an earlier one exactly."""
    rule = RuleCheck(column=TABLE, rule="duplicate rows", asked="no row twice")
    repeated = repeated_rows(frame)
    if not len(repeated):
        yield rule
    else:
        first = int(repeated[0]) + 1
        message = f"rows repeat an earlier one exactly, as row {first}; remove them or add idColumns"
        yield rule.broken(message, len(repeated))


def repeated_rows(frame: pd.DataFrame) -> "np.ndarray[Any, np.dtype[np.intp]]":
    """Positions of the rows that repeat an earlier one exactly.

    Only rows whose digest of 64 bits is not unique are compared, which takes a fraction of the memory.
    """
    digests = pd.util.hash_pandas_object(frame, index=False)
    suspects = np.flatnonzero(digests.duplicated(keep=False).to_numpy())
    return np.asarray(suspects[frame.iloc[suspects].duplicated().to_numpy()])


def _enough(rows: int, least: int) -> RuleCheck:
    rule = RuleCheck(column=TABLE, rule="too few rows", asked=f"{least:,} rows or more")
    if rows >= least:
        return rule.told(f"{rows:,} rows")
    return rule.broken(f"the window has {rows:,} rows; widen window, see why rows are missing, or lower schema.minRows")


def _like_before(rows: int, allowed: float, last: LastGood | None) -> RuleCheck:
    rule = RuleCheck(column=TABLE, rule="row count changed", asked=f"at most {allowed:.0%} more or fewer than before")
    if last is None:
        return rule.skipped(NO_MEMORY)
    change = rows / last.rows - 1
    said = (
        f"{rows:,} rows, {abs(change):.1%} {'more' if change >= 0 else 'fewer'} than the {last.rows:,} of {last.named}"
    )
    if abs(rows - last.rows) <= allowed * last.rows + ROUNDING:
        return rule.told(said)
    return rule.broken(f"{said}; see why, or remove its file under latest/ to accept it")


def _rounded(age: pd.Timedelta) -> str:
    return format_duration(age.to_pytimedelta()) if age < pd.Timedelta(days=2) else f"{age.days} days"
