"""The plot of one rollout: its weight over time and the evidence of each signal below it."""

import math
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from serinus.core.state import EvidencePoint
from serinus.demo.summary import RolloutSummary

# Matplotlib needs colours while it draws; in the page each of these becomes a CSS variable, which follows light and dark.
INK, MUTED, GRID, WEIGHT, HARM, SAFE = "#010101", "#020202", "#030303", "#040404", "#050505", "#060606"
VARIABLES: Final = {INK: "ink", MUTED: "muted", GRID: "grid", WEIGHT: "weight", HARM: "harm", SAFE: "safe"}

# Which numbers of a verdict are drawn (odds to 1, and the odds that are needed), their label and colour.
CURVES: Final = (
    ("harmEvidence", "harmNeeded", "harm", HARM),
    ("safetyEvidence", "safetyNeeded", "no harm", SAFE),
)

PANEL_INCHES, GAP_INCHES, LEFT_INCHES, RIGHT_INCHES = 1.3, 0.45, 0.62, 0.95
LOWEST = -3.0  # log10; evidence below this leaves the panel
SUPERSCRIPTS: Final = str.maketrans("0123456789", "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079")


def plot(rollout: RolloutSummary, curve: Sequence[EvidencePoint], inches: float) -> str:
    """The weight over time and, on the same time axis, one panel of evidence per signal, as inline SVG.

    The same rollout gives the same text. Colours are CSS variables of the page.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    names = _drawn(curve)
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


def _drawn(curve: Sequence[EvidencePoint]) -> list[str]:
    """The signals that have evidence to draw; of the others (Drift, Query) the table says all."""
    keys = {key for key, *_ in CURVES}
    return list(dict.fromkeys(name for point in curve for name, seen in point.signals.items() if keys & seen.keys()))


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
