"""How a backtest is asked for and shown in a terminal."""

import re
from datetime import timedelta

from rich import box
from rich.console import Console
from rich.table import Table

from serinus.backtest.result import BacktestResult, PolicyResult
from serinus.core.errors import SpecInvalid
from serinus.core.spec.duration import parse_duration

COLUMNS = ("TRAINED", "GATE REFUSED", "CANARY REFUSED", "PROMOTED", "BY A WORSE ONE", "NOTICED AFTER", "FIT SECONDS")
WIDTH = 160  # where the output is no terminal


def duration(option: str, text: str, least_seconds: float = 0) -> timedelta:
    """A duration as in 6h; days are understood too, as in 1d. Raises SpecInvalid that names the option."""
    days = re.fullmatch(r"([0-9]{1,4})d", text)
    try:
        found = timedelta(days=int(days[1])) if days else parse_duration(text)
    except ValueError as error:
        raise SpecInvalid(f"{option}: {error}; days are written as in 1d") from None
    if found.total_seconds() < least_seconds:
        raise SpecInvalid(f"{option}: {text} is too short; write {least_seconds:g}s or more")
    return found


def show(found: BacktestResult) -> None:
    """The table of policies, that of the months, and the notes."""
    console = Console(highlight=False)
    console = console if console.is_terminal else Console(highlight=False, width=WIDTH)
    console.print(_policies(found))
    console.print()
    console.print(_months(found))
    for note in found.notes:
        console.print(f"note: {note}", markup=False)


def metric_names(found: BacktestResult) -> list[str]:
    """The metrics that any policy has, in their order."""
    return list(dict.fromkeys(name for one in found.policies for name in one.metrics))


def _policies(found: BacktestResult) -> Table:
    table, names = _table("POLICY", *metric_names(found), *COLUMNS), metric_names(found)
    for one in found.policies:
        values = [f"{one.metrics[name]:.4f}" if name in one.metrics else "-" for name in names]
        table.add_row(one.policy, *values, *counts_of(one))
    return table


def counts_of(one: PolicyResult) -> list[str]:
    """The cells under COLUMNS."""
    failed = f" ({one.failed_runs} failed)" if one.failed_runs else ""
    back = f" ({one.rollbacks} rolled back)" if one.rollbacks else ""
    return [
        f"{one.retrains}{failed}",
        str(one.refused_by_gate),
        f"{one.refused_by_canary}{back}",
        str(one.promotions),
        f"{one.served_by_worse:,}",
        noticed(one),
        f"{one.training_seconds:.1f}",
    ]


def noticed(one: PolicyResult) -> str:
    """How soon falls were noticed: `2 of 3, 41 h`."""
    if not one.falls:
        return "no fall"
    seen = sum(fall.detected_at is not None for fall in one.falls)
    after = "" if one.detection_delay_hours is None else f", {one.detection_delay_hours:.0f} h"
    return f"{seen} of {len(one.falls)}{after}"


def _months(found: BacktestResult) -> Table:
    """The training file's metric by month, a column for each policy."""
    table = _table(found.metric, *(one.policy for one in found.policies))
    for number, period in enumerate(found.policies[0].periods):
        values = [one.periods[number].metrics.get(found.metric) for one in found.policies]
        table.add_row(period.name, *("-" if value is None else f"{value:.4f}" for value in values))
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table
