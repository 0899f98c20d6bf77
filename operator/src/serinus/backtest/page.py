"""The report of a backtest as one HTML page that loads nothing."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from html import escape
from itertools import cycle
from typing import Any, Final

from components.monitor.page import STYLE
from components.monitor.plots import VERSIONS, drawn
from serinus.backtest.result import BacktestResult, PolicyResult, VersionHistory

MOST_EVENTS: Final = 200  # rows of a table of trainings or versions; the JSON has all


def render(found: BacktestResult) -> str:
    """The whole page."""
    title = (
        f"{found.model}: {found.start:%Y-%m-%d} to {found.end:%Y-%m-%d} under {_many(len(found.policies), 'policy')}"
    )
    parts = [_head(found, title), _overall(found), _months(found), *(_policy(one) for one in found.policies), NUMBERS]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{escape(title)}</title>\n<style>{STYLE}.wide {{ overflow-x: auto; }}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in parts if part)
        + "\n</body>\n</html>\n"
    )


NUMBERS: Final = (
    "<h2>What the numbers mean</h2>\n<p class=meta>Every row of the history is one request, answered by the version that the "
    "replay served then. Metrics are over all of them that have a label. <em>By a worse one</em>: requests answered by versions "
    "that were worse than the one they replaced or challenged, on the very rows they answered, by a 95 % interval. "
    "<em>Noticed</em>: of the champions whose mean loss, over a day and the week that begins with it, rose above that of their "
    "first week by more than the Quality trigger's maxIncrease, how many were still serving when the next training began, and "
    "after how long.</p>"
)


def _head(found: BacktestResult, title: str) -> str:
    meta = (
        f"{found.rows:,} rows of {found.source} ({found.data_digest[:19]}). A look every {_hours(found.look_seconds)}, labels "
        f"after {_hours(found.label_delay_seconds)}, seed {found.seed}."
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in found.notes)
    listed = f"<ul>{notes}</ul>" if notes else ""
    return f"<h1>{escape(title)}</h1>\n<p class=meta>{escape(meta)}</p>\n<p class=lead>{escape(summary(found))}</p>{listed}"


def summary(found: BacktestResult) -> str:
    """Which policy came out best in the training file's metric, and which worst."""
    known = [(one.metrics[found.metric], one.policy) for one in found.policies if found.metric in one.metrics]
    if len(known) < 2:
        return f"One policy was replayed; {found.metric} {known[0][0]:.4f}." if known else "No answer has a label."
    ordered = sorted(known, reverse=found.metric in ("auc", "accuracy"))
    (best, first), (worst, last) = ordered[0], ordered[-1]
    return f"Over the whole time {first} had the best {found.metric} ({best:.4f}), {last} the worst ({worst:.4f})."


def _overall(found: BacktestResult) -> str:
    names = list(dict.fromkeys(name for one in found.policies for name in one.metrics))
    head = (
        *("Policy", *names, "Trainings", "Failed", "Refused by a gate", "Refused by the canary", "Rolled back"),
        *("Promotions", "Requests by a worse one", "Falls noticed", "After, hours", "Fit seconds"),
    )
    return f"<h2>Policies</h2>\n{_table(head, (_overall_row(one, names) for one in found.policies))}"


def _overall_row(one: PolicyResult, names: Sequence[str]) -> list[str]:
    noticed = sum(fall.detected_at is not None for fall in one.falls)
    return [
        escape(one.policy),
        *(_number(one.metrics.get(name)) for name in names),
        *(f"{count:,}" for count in (one.retrains, one.failed_runs, one.refused_by_gate, one.refused_by_canary)),
        *(f"{count:,}" for count in (one.rollbacks, one.promotions, one.served_by_worse)),
        f"{noticed} of {len(one.falls)}",
        "-" if one.detection_delay_hours is None else f"{one.detection_delay_hours:.0f}",
        f"{one.training_seconds:.1f}",
    ]


def _months(found: BacktestResult) -> str:
    names = list(dict.fromkeys(name for one in found.policies for name in one.metrics))
    head = ("Month", "Requests", *(one.policy for one in found.policies))
    tables = "".join(f"<h3>{escape(name)}</h3>\n{_table(head, _month_rows(found, name))}" for name in names)
    return f"<h2>By month</h2>\n{_curves(found, names)}\n{tables}"


def _month_rows(found: BacktestResult, name: str) -> Iterator[list[str]]:
    for number, period in enumerate(found.policies[0].periods):
        values = (_number(one.periods[number].metrics.get(name)) for one in found.policies)
        yield [period.name, f"{period.requests:,}", *values]


def _curves(found: BacktestResult, names: Sequence[str]) -> str:
    """A panel for each metric, a line for each policy."""

    def draw(panels: list[Any]) -> None:
        for panel, name in zip(panels, names, strict=False):
            for one, colour in zip(found.policies, cycle(VERSIONS), strict=False):
                known = [period for period in one.periods if name in period.metrics]
                values = [period.metrics[name] for period in known]
                panel.plot([period.name for period in known], values, color=colour, marker=".", label=one.policy)
            panel.set_title(name)
            panel.tick_params(axis="x", rotation=60, labelsize=6.5)
            panel.legend(loc="upper left", bbox_to_anchor=(1, 1))

    return drawn(len(names), 1, draw) if names else ""


def _policy(one: PolicyResult) -> str:
    return f"<h2>{escape(one.policy)}</h2>\n{_versions(one)}\n{_runs(one)}"


def _versions(one: PolicyResult) -> str:
    head = ("Version", "Trained", "Variant", "Requests", "Outcome", "In hindsight", "Why")
    return _table(head, (_version_row(version) for version in one.versions[:MOST_EVENTS]))


def _version_row(version: VersionHistory) -> list[str]:
    cells = (
        version.version,
        _day(version.trained_at),
        version.variant,
        f"{version.requests:,}",
        version.outcome,
        hindsight_of(version),
        f"{version.reason}: {version.message}" if version.reason else version.message,
    )
    return [escape(cell) for cell in cells]


def hindsight_of(version: VersionHistory) -> str:
    """`4.1% worse than version 2`."""
    seen = version.hindsight
    if seen is None:
        return "-"
    sure = "" if seen.low is None or seen.high is None else f" ({seen.low:+.1%} to {seen.high:+.1%})"
    return f"{abs(seen.gain):.1%} {'better' if seen.gain >= 0 else 'worse'} than version {seen.beside}{sure}"


def _runs(one: PolicyResult) -> str:
    if not one.runs:
        return "<p class=meta>Nothing was trained after the first version.</p>"
    rows = (
        [
            escape(cell)
            for cell in (_day(run.at), ", ".join(run.causes), run.outcome, run.variant, run.version or "-", run.message)
        ]
        for run in one.runs[:MOST_EVENTS]
    )
    return _table(("Trained", "Because of", "Outcome", "Variant", "Version", "Why"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells of `rows` are markup already."""
    titles = "".join(f"<th scope=col>{escape(one)}</th>" for one in head)
    body = "\n".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<div class=wide><table>\n<thead><tr>{titles}</tr></thead>\n<tbody>{body}</tbody>\n</table></div>"


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:g} h"


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what[:-1]}ies"
