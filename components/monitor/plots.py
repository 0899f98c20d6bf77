"""The report's plots, as SVG that stands in the page."""

import re
from collections.abc import Callable, Sequence
from io import StringIO
from itertools import cycle
from typing import Any

from components.monitor.values import Drift, MonitoringReport, Quality

WINDOW, REFERENCE, INK, ALARM = "#0067a5", "#9aa0a8", "#1d1f21", "#b84a00"
VERSIONS = ("#0067a5", "#b84a00", "#2b7a3d", "#8a3f8f", "#6b6f76")  # after Okabe and Ito (2008)
COLUMNS, PANEL = 3, (3.1, 1.9)  # inches
OVER_TIME = ("logLoss", "auc", "rmse", "mae")
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "serinus",  # the same report gives the same text
    "text.parse_math": False,  # a category may hold a dollar sign
    "font.size": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "legend.frameon": False,
}


def histograms(drift: Sequence[Drift]) -> str:
    """The share of rows in each bin, reference beside window; one panel each."""

    def draw(panels: list[Any]) -> None:
        for panel, one in zip(panels, drift, strict=False):
            _histogram(panel, one)

    return drawn(-(-len(drift) // COLUMNS), COLUMNS, draw)


def volumes(periods: Sequence[Quality]) -> str:
    """Rows per hour or day, one line per version; dashed: those that have a label."""

    def draw(panels: list[Any]) -> None:
        for version, colour, own in _by_version(periods):
            times = [one.start for one in own]
            panels[0].plot(times, [one.rows for one in own], color=colour, marker=".", label=f"version {version}")
            panels[0].plot(times, [one.labelled for one in own], color=colour, linestyle="--", linewidth=1)
        _finish(panels[0], "Rows, and rows with a label (dashed)")
        panels[0].set_ylim(bottom=0)

    return drawn(1, 1, draw)


def over_time(report: MonitoringReport) -> str:
    """Each metric per hour or day and version, where enough labels are in; dotted: the version's own at registration."""
    names = [name for name in OVER_TIME if any(name in one.metrics for one in report.periods)]

    def draw(panels: list[Any]) -> None:
        for panel, name in zip(panels, names, strict=True):
            for version, colour, own in _by_version(report.periods):
                known = [one for one in own if name in one.metrics]
                values = [one.metrics[name] for one in known]
                panel.plot([one.start for one in known], values, color=colour, marker=".", label=f"version {version}")
            if name in report.registered_metrics:
                panel.axhline(report.registered_metrics[name], color=INK, linestyle=":", linewidth=1)
            _finish(panel, name)

    return drawn(len(names), 1, draw) if names else ""


def calibration(versions: Sequence[Quality]) -> str:
    """The share of rows that were 1 against their mean probability; a calibrated model is on the diagonal."""
    known = [one for one in versions if one.calibration]

    def draw(panels: list[Any]) -> None:
        panels[0].plot([0, 1], [0, 1], color=REFERENCE, linewidth=1)
        for one, colour in zip(known, cycle(VERSIONS), strict=False):
            predicted, observed = zip(*((each.predicted, each.observed) for each in one.calibration), strict=True)
            panels[0].plot(predicted, observed, color=colour, marker=".", label=f"version {one.version}")
        _finish(panels[0], "Observed share of 1 by mean probability")
        panels[0].set_xlabel("mean probability")

    return drawn(1, 1, draw, width=4.2, height=3.4) if known else ""


def _histogram(panel: Any, one: Drift) -> None:
    labels = [each.label for each in one.bins]
    reference, window = (_shares([getattr(each, side) for each in one.bins]) for side in ("reference", "window"))
    places = range(len(labels))
    panel.bar([place - 0.2 for place in places], reference, 0.4, color=REFERENCE, label="reference")
    panel.bar([place + 0.2 for place in places], window, 0.4, color=WINDOW, label="window")
    panel.set_xticks(list(places), labels, rotation=60, ha="right", rotation_mode="anchor", fontsize=6.5)
    panel.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    title = f"{one.name}: PSI {one.numbers['psi']:.3g}" if "psi" in one.numbers else one.name
    panel.set_title(title, color=ALARM if one.verdict == "Fail" else INK)


def _shares(counts: Sequence[int]) -> list[float]:
    return [count / max(sum(counts), 1) for count in counts]


def _by_version(periods: Sequence[Quality]) -> list[tuple[str, str, list[Quality]]]:
    versions = dict.fromkeys(one.version for one in periods)
    return [
        (version, colour, [one for one in periods if one.version == version])
        for version, colour in zip(versions, cycle(VERSIONS), strict=False)
    ]


def _finish(panel: Any, title: str) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    panel.set_title(title)
    if panel.get_xlim()[0] > 1000:  # days since 1970: the axis is of time
        locator = AutoDateLocator(maxticks=8)
        panel.xaxis.set_major_locator(locator)
        panel.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    panel.legend(loc="upper left", bbox_to_anchor=(1, 1))


def drawn(
    rows: int, columns: int, draw: Callable[[list[Any]], None], *, width: float = 9.3, height: float = 0.0
) -> str:
    """A figure of `rows` x `columns` panels that `draw` fills, as inline SVG; empty panels are not shown."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=(width, height or rows * PANEL[1] + 0.3), layout="constrained")
        panels = list(figure.subplots(rows, columns, squeeze=False).flat)
        draw(panels)
        for panel in panels:
            panel.set_visible(panel.has_data())
        return _svg(figure)


def _svg(figure: Any) -> str:
    """Without prologue, comments, ids of groups and fixed size."""
    text = StringIO()
    figure.savefig(text, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    svg = text.getvalue()
    svg = re.sub(r"<!--.*?-->\s*", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(r"'DejaVu Sans'[^;\"]*", "inherit", svg)
    return re.sub(r' (?:width|height)="[0-9.]+pt"', "", svg, count=2)
