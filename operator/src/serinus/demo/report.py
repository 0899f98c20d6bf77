"""What a demo leaves for people: one HTML file with everything in it, readable on a phone, in light and in dark."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Final

from serinus.core.analysis.messages import percent
from serinus.core.state import Outcome, RolloutRecord
from serinus.demo.plot import plot
from serinus.demo.style import STYLE
from serinus.demo.summary import RolloutSummary, Signal, Summary

ENDED: Final = {
    Outcome.PROMOTED: "promoted",
    Outcome.ROLLED_BACK: "rolled back",
    Outcome.ABORTED: "aborted",
    Outcome.SUPERSEDED: "superseded",
}

WIDE_INCHES, NARROW_INCHES = 9.0, 4.4  # at 72 points to the inch; the page shows the one that fits


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def render_report(summary: Summary, records: tuple[RolloutRecord, ...]) -> str:
    """The report as one HTML document that loads nothing. `records` hold the curves of the summary's rollouts."""
    known = {record.id: record for record in records}
    parts = [
        _header(summary),
        _trainings(summary),
        *(_rollout(rollout, known.get(rollout.id), summary.started_at) for rollout in summary.rollouts),
        _footer(summary),
    ]
    title = escape(f"Serinus: {summary.deployment}")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in parts if part)
        + "\n</main>\n</body>\n</html>\n"
    )


def _header(summary: Summary) -> str:
    client = summary.client
    totals = {
        "Champion": f"version {summary.champion}" if summary.champion else "none",
        "Quarantined": f"version {', '.join(summary.quarantined)}" if summary.quarantined else "none",
        "Requests": f"{client.requests:,}",
        "Failed": f"{client.failed:,}",
        "Unexplained": f"{summary.unexplained_failures:,}",
        "Latency, median": _ms(client.p50_ms),
        "Latency, p99": _ms(client.p99_ms),
    }
    tiles = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in totals.items())
    return (
        f"<header>\n<p class=eyebrow>Serinus &middot; {escape(summary.deployment)}</p>\n"
        f"<h1>{escape(_headline(summary))}</h1>\n<p class=lead>{escape(what_happened(summary))}</p>\n"
        f"<dl class=tiles>{tiles}</dl>\n</header>"
    )


def _headline(summary: Summary) -> str:
    counts = [(ENDED[outcome], sum(rollout.outcome is outcome for rollout in summary.rollouts)) for outcome in ENDED]
    said = [f"{count} {ended}" for ended, count in counts if count]
    return f"{_many(len(summary.rollouts), 'rollout')}: {', '.join(said)}" if said else "No rollout was finished"


def what_happened(summary: Summary) -> str:
    """The demo in a paragraph."""
    client, versions = summary.client, [training for training in summary.trainings if training.version]
    opening = (
        f"In {_seconds(summary.seconds)}, {_many(len(summary.trainings), 'training')} gave "
        f"{_many(len(versions), 'registered version')}, and {_many(client.requests, 'request')} were sent."
    )
    sentences = [
        opening,
        _failures(client.failed, summary.unexplained_failures),
        *(_sentence(rollout) for rollout in summary.rollouts),
    ]
    if summary.champion:
        sentences.append(f"Version {summary.champion} is the champion.")
    return " ".join(sentences)


def _failures(failed: int, unexplained: int) -> str:
    if not failed:
        return "None of them failed."
    if not unexplained:
        return f"{failed:,} of them failed, each answered by a version that was then rolled back."
    return f"{failed:,} of them failed, {unexplained:,} of these without a version that was rolled back to explain it."


def _sentence(rollout: RolloutSummary) -> str:
    return f"Version {rollout.to_version} was {ENDED[rollout.outcome]} ({rollout.reason})."


def _trainings(summary: Summary) -> str:
    rows = [
        (
            training.version or "-",
            training.outcome,
            training.message,
            ", ".join(f"{name} {_number(value)}" for name, value in training.metrics.items()),
            _seconds(training.seconds),
        )
        for training in summary.trainings
    ]
    if not rows:
        return ""
    table = _table(("Version", "Outcome", "Why", "Metrics", "Took"), rows)
    return f"<section>\n<h2>Trainings</h2>\n{table}\n</section>"


def _rollout(rollout: RolloutSummary, record: RolloutRecord | None, began: datetime) -> str:
    ended = ENDED[rollout.outcome]
    after = (rollout.started_at - began).total_seconds()
    return (
        f'<section class="rollout {rollout.outcome.value}">\n'
        f"<h2>Version {escape(rollout.from_version or 'none')} &rarr; {escape(rollout.to_version)} "
        f"<span class=badge>{ended}</span></h2>\n"
        f"<p class=why><strong>{escape(rollout.reason)}</strong>: {escape(rollout.message)}</p>\n"
        f"<p class=meta>Began {_seconds(after)} into the demo, took {_seconds(rollout.seconds)}; "
        f"rollout {escape(rollout.id)}</p>\n"
        f"{_figure(rollout, record)}\n{_counts(rollout)}\n{_verdicts(rollout.signals)}\n</section>"
    )


def _figure(rollout: RolloutSummary, record: RolloutRecord | None) -> str:
    curve = record.curve if record else ()
    label = escape(f"Weight and evidence over time, version {rollout.from_version} to {rollout.to_version}", quote=True)
    note = "" if curve else "<p class=meta>The evidence was not looked at during this rollout: there is no curve.</p>"
    wide, narrow = (plot(rollout, curve, inches) for inches in (WIDE_INCHES, NARROW_INCHES))
    return (
        f'<figure role="img" aria-label="{label}">\n<div class=wide>{wide}</div>\n<div class=narrow>{narrow}</div>\n'
        f"</figure>{note}"
    )


def _counts(rollout: RolloutSummary) -> str:
    counts = (
        (f"Candidate, version {rollout.to_version}", rollout.requests_to_candidate, rollout.failed_by_candidate),
        (f"Stable, version {rollout.from_version}", rollout.requests_to_stable, rollout.failed_by_stable),
    )
    rows = [(who, f"{total:,}", f"{bad:,}", percent(bad / total) if total else "-") for who, total, bad in counts]
    return _table(("Requests during the rollout", "Requests", "Failed", "Share"), rows, numbers=True)


def _verdicts(signals: Sequence[Signal]) -> str:
    rows = [
        (
            signal.name,
            Html(f'<span class="verdict {escape(signal.verdict)}">{escape(signal.verdict)}</span>'),
            signal.reason,
            Html(escape(signal.message) + _details(signal.numbers)),
        )
        for signal in signals
    ]
    return _table(("Signal", "Verdict", "Reason", "What was seen"), rows) if rows else ""


def _details(numbers: Mapping[str, float]) -> str:
    items = "".join(f"<div><dt>{escape(name)}</dt><dd>{_number(value)}</dd></div>" for name, value in numbers.items())
    return f"<details><summary>numbers</summary><dl>{items}</dl></details>" if items else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = False) -> str:
    titles = "".join(f"<th scope=col>{escape(title)}</th>" for title in head)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td data-label="{escape(title, quote=True)}">{cell if isinstance(cell, Html) else escape(cell)}</td>'
            for title, cell in zip(head, row, strict=True)
        )
        + "</tr>\n"
        for row in rows
    )
    return (
        f"<table{' class=numbers' if numbers else ''}>\n<thead><tr>{titles}</tr></thead>\n<tbody>{body}</tbody></table>"
    )


def _footer(summary: Summary) -> str:
    machine = summary.machine
    return (
        f"<footer>{summary.started_at:%Y-%m-%d %H:%M:%S} UTC &middot; {_many(machine.cores, 'core')} &middot; "
        f"Python {escape(machine.python)} &middot; Evidence is the factor by which one would have multiplied a stake by betting "
        "against the opposite; it may be looked at any number of times.</footer>"
    )


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f}\u00a0s" if seconds >= 10 else f"{seconds:.1f}\u00a0s"


def _ms(milliseconds: float | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds:.1f}\u00a0ms"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,.4g}"
