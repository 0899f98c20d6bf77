"""What a demo leaves for people: one HTML file with everything in it, readable on a phone, in light and in dark."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any, Final

from serinus.core.analysis.messages import percent
from serinus.core.state import EvidencePoint, Outcome, RolloutRecord
from serinus.demo.summary import RolloutSummary, Signal, Summary

ENDED: Final = {
    Outcome.PROMOTED: "promoted",
    Outcome.ROLLED_BACK: "rolled back",
    Outcome.ABORTED: "aborted",
    Outcome.SUPERSEDED: "superseded",
}

# Matplotlib needs colours while it draws; in the page each of these becomes a CSS variable, which follows light and dark.
INK, MUTED, GRID, WEIGHT, HARM, SAFE = "#010101", "#020202", "#030303", "#040404", "#050505", "#060606"
VARIABLES: Final = {INK: "ink", MUTED: "muted", GRID: "grid", WEIGHT: "weight", HARM: "harm", SAFE: "safe"}

# Which numbers of a verdict are drawn (odds to 1, and the odds that are needed), their label and colour.
CURVES: Final = (
    ("harmEvidence", "harmNeeded", "harm", HARM),
    ("safetyEvidence", "safetyNeeded", "no harm", SAFE),
)

WIDE_INCHES, NARROW_INCHES = 9.0, 4.4  # at 72 points to the inch; the page shows the one that fits
PANEL_INCHES, GAP_INCHES, LEFT_INCHES, RIGHT_INCHES = 1.3, 0.45, 0.62, 0.95
LOWEST = -3.0  # log10; evidence below this leaves the panel


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


def plot(rollout: RolloutSummary, curve: Sequence[EvidencePoint], inches: float) -> str:
    """The weight over time and, on the same time axis, one panel of evidence per signal, as inline SVG.

    The same rollout gives the same text. Colours are CSS variables of the page.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(name for point in curve for name in point.signals))
    height = (len(names) + 1) * (PANEL_INCHES + GAP_INCHES) + 0.2
    style = {
        "svg.fonttype": "none",
        "svg.hashsalt": f"{rollout.id} {inches}",
        "font.size": 10.0,
        "text.parse_math": False,
    }
    with rc_context(style):
        figure = Figure(figsize=(inches, height))
        panels = list(figure.subplots(len(names) + 1, 1, sharex=True, squeeze=False)[:, 0])
        figure.subplots_adjust(
            left=LEFT_INCHES / inches,
            right=1 - RIGHT_INCHES / inches,
            top=1 - 0.35 / height,
            bottom=0.5 / height,
            hspace=GAP_INCHES / PANEL_INCHES,
        )
        _draw_weight(panels[0], rollout)
        for panel, name in zip(panels[1:], names, strict=True):
            _draw_evidence(panel, name, curve, rollout.started_at)
        _draw_time(panels, rollout.seconds)
        return _inline_svg(figure)


def _draw_weight(panel: Any, rollout: RolloutSummary) -> None:
    end = max(rollout.seconds, 1.0)
    changes = [(0.0, 0)]
    for change in rollout.weights:
        if change.weight != changes[-1][1]:  # the same weight set twice is one step with one label
            changes.append((_since(change.at, rollout.started_at), change.weight))
    times, weights = [*(time for time, _ in changes), end], [*(weight for _, weight in changes), changes[-1][1]]
    panel.fill_between(times, weights, step="post", color=WEIGHT, alpha=0.18, linewidth=0)
    panel.step(times, weights, where="post", color=WEIGHT, linewidth=2)
    for (time, weight), until in zip(changes, times[1:], strict=True):
        if weight and (until - time > 0.07 * end or until == end):
            panel.annotate(f"{weight} %", (time, weight), (4, 4), textcoords="offset points", color=INK)
    panel.set_ylim(0, 125)
    panel.set_yticks([0, 50, 100], ["0", "50", "100"])
    _frame(panel, "Share of requests sent to the candidate, %")


def _draw_evidence(panel: Any, signal: str, curve: Sequence[EvidencePoint], began: datetime) -> None:
    """Curves of log10 odds, each with its dashed line at what is needed, labelled where they end."""
    ends: list[tuple[float, str, str]] = []
    levels: list[float] = []
    for key, needed_key, label, colour in CURVES:
        seen = [(point.at, point.signals[signal]) for point in curve if key in point.signals.get(signal, {})]
        if not seen:
            continue
        values = [_log10(numbers[key]) for _, numbers in seen]
        size = 2.5 if len(seen) > 1 else 6
        panel.plot(
            [_since(at, began) for at, _ in seen], values, color=colour, linewidth=2, marker="o", markersize=size
        )
        ends.append((values[-1], label, colour))
        levels += values
        if needed_key in seen[-1][1]:
            needed = _log10(seen[-1][1][needed_key])
            panel.axhline(needed, color=colour, linewidth=1.2, dashes=(5, 4))
            levels.append(needed)
            _label_needed(panel, needed, label, colour)
    low, high = max(LOWEST, min([*levels, -0.5]) - 0.3), max([*levels, 1.0]) + 0.7
    panel.set_ylim(low, high)
    ticks = range(math.ceil(low), math.floor(high) + 1, max(1, math.ceil((high - low) / 5)))
    panel.set_yticks(list(ticks), [_odds(tick) for tick in ticks])
    _label_ends(panel, ends, low, high)
    _frame(panel, f"{signal}: evidence, as odds")


def _label_needed(panel: Any, needed: float, label: str, colour: str) -> None:
    """What the dashed line is, above it for harm and below it for no harm, so that the two stay apart."""
    above = colour == HARM
    place = {"textcoords": "offset points", "va": "bottom" if above else "top", "fontsize": 8.5, "color": colour}
    text = f"{label} needs {10**needed:,.0f}:1"
    panel.annotate(text, (0.0, needed), (4, 2 if above else -3), xycoords=("axes fraction", "data"), **place)


def _label_ends(panel: Any, ends: Sequence[tuple[float, str, str]], low: float, high: float) -> None:
    """Name each curve beside its last value; names that would overlap are moved apart."""
    room = 0.22 * (high - low)
    floor = low
    for value, label, colour in sorted(ends):
        place = max(value, floor)
        arrow = " \u2193" if value < low else ""
        panel.annotate(
            f"{label}{arrow}",
            (1.0, place),
            (6, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            color=colour,
            fontweight="bold",
        )
        floor = place + room


def _draw_time(panels: Sequence[Any], seconds: float) -> None:
    from matplotlib.ticker import MaxNLocator

    panels[-1].set_xlim(0, max(seconds, 1.0))
    panels[-1].xaxis.set_major_locator(MaxNLocator(nbins=6, integer=seconds > 6))
    panels[-1].set_xlabel("seconds since the rollout began", color=MUTED)


def _frame(panel: Any, title: str) -> None:
    panel.set_title(title, loc="left", fontsize=10, color=INK, pad=6)
    panel.patch.set_visible(False)
    panel.grid(axis="y", color=GRID, linewidth=0.8)
    panel.set_axisbelow(True)
    panel.tick_params(colors=MUTED, length=0, labelsize=9)
    for side in ("top", "right", "left"):
        panel.spines[side].set_visible(False)
    panel.spines["bottom"].set_color(MUTED)


def _inline_svg(figure: Any) -> str:
    """The figure without prologue, ids of groups and fixed size, its colours as variables of the page."""
    from io import StringIO

    text = StringIO()
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    figure.savefig(text, format="svg", transparent=True, metadata=nothing)
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<g id=\"[^\"]*\"", "<g", svg)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r" (?:width|height)=\"[0-9.]+pt\"", "", svg, count=2)
    svg = re.sub(r"'DejaVu Sans'[^;\"]*", "inherit", svg)
    for colour, name in VARIABLES.items():
        svg = svg.replace(colour, f"var(--{name})")
    return svg


def _since(at: datetime, began: datetime) -> float:
    return max(0.0, (at - began).total_seconds())


def _log10(odds: float) -> float:
    return math.log10(odds) if odds > 0 else LOWEST - 1


def _odds(exponent: int) -> str:
    """Odds of 10 to the power of `exponent`: `1:100`, `1,000:1`, `10\u2076:1`."""
    if exponent < 0:
        return f"1:{10**-exponent:,}"
    if exponent < 4:
        return f"{10**exponent:,}:1"
    return f"10{str(exponent).translate(SUPERSCRIPTS)}:1"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f}\u00a0s" if seconds >= 10 else f"{seconds:.1f}\u00a0s"


def _ms(milliseconds: float | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds:.1f}\u00a0ms"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,.4g}"


SUPERSCRIPTS: Final = str.maketrans("0123456789", "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079")

# Colours after Okabe and Ito (2008), which most colour-blind people tell apart, darker on white and lighter on black.
STYLE: Final = """
:root { color-scheme: light dark;
  --page: #f6f5f1; --card: #fff; --ink: #1d1f21; --muted: #5d6268; --grid: #e4e2dc;
  --weight: #4b5563; --harm: #b84a00; --safe: #0067a5; --neutral: #6b6f76; }
@media (prefers-color-scheme: dark) { :root {
  --page: #14161a; --card: #1d2026; --ink: #eceae4; --muted: #a3a8b0; --grid: #31353d;
  --weight: #b6bcc6; --harm: #f08a4b; --safe: #6ab7ee; --neutral: #a3a8b0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); overflow-wrap: break-word;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 54rem; margin: 0 auto; padding: 2rem 1rem 3rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: .2rem 0 .8rem; letter-spacing: -.01em; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 0 0 .6rem; }
.eyebrow, .meta, footer { color: var(--muted); font-size: .875rem; }
.eyebrow, .why, .meta { margin: 0 0 .4rem; }
.lead { font-size: 1.06rem; margin: 0 0 1.4rem; max-width: 46rem; }
.tiles { display: flex; flex-wrap: wrap; gap: 1px; margin: 0 0 1.5rem;
  background: var(--grid); border: 1px solid var(--grid); border-radius: .6rem; overflow: hidden; }
.tiles div { flex: 1 1 auto; background: var(--card); padding: .7rem .9rem; }
dt { color: var(--muted); font-size: .8rem; }
dd { margin: 0; font-variant-numeric: tabular-nums; }
.tiles dd { font-size: 1.1rem; font-weight: 600; }
section { background: var(--card); border: 1px solid var(--grid); border-radius: .6rem; padding: 1.2rem; margin: 0 0 1.5rem; }
.rollout, .verdict { --tone: var(--neutral); }
.rollout { border-top: 4px solid var(--tone); }
.Promoted, .Pass { --tone: var(--safe); }
.RolledBack, .Fail, .Error { --tone: var(--harm); }
.badge { display: inline-block; margin-left: .4rem; padding: 0 .6rem; border: 1px solid var(--tone); border-radius: 1rem;
  color: var(--tone); font-size: .85rem; font-weight: 600; vertical-align: .1em; }
.verdict { color: var(--tone); font-weight: 600; }
figure { margin: 1rem 0; }
figure svg { display: block; width: 100%; height: auto; }
svg text { font-family: inherit; paint-order: stroke; stroke: var(--card); stroke-width: 3px; stroke-linejoin: round; }
.narrow { display: none; }
table { width: 100%; border-collapse: collapse; font-size: .92rem; margin: .8rem 0 0; }
th { text-align: left; color: var(--muted); font-size: .8rem; font-weight: 500; }
th, td { padding: .4rem .8rem .4rem 0; vertical-align: top; border-bottom: 1px solid var(--grid); }
tbody tr:last-child td { border-bottom: 0; }
.numbers td + td, .numbers th + th { text-align: right; font-variant-numeric: tabular-nums; }
details { color: var(--muted); font-size: .82rem; }
summary { cursor: pointer; }
details dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .2rem 1rem; margin: .3rem 0; }
@media (max-width: 40rem) {
  main { padding: 1.2rem .7rem 2rem; } section { padding: .9rem; } h1 { font-size: 1.5rem; }
  .wide, thead { display: none; } .narrow { display: block; }
  .tiles div { flex-basis: 40%; }
  tr { display: block; padding: .5rem 0; border-bottom: 1px solid var(--grid); } tbody tr:last-child { border-bottom: 0; }
  td, .numbers td + td { display: grid; grid-template-columns: 6.5rem 1fr; gap: .5rem; padding: .12rem 0; border: 0;
    text-align: left; }
  td::before { content: attr(data-label); color: var(--muted); font-size: .8rem; }
  .numbers td:first-child { display: block; font-weight: 600; } .numbers td:first-child::before { content: none; }
  details { grid-column: 2; } details dl { grid-template-columns: 1fr; }
}
"""
