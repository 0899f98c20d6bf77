"""The report as one HTML page that loads nothing."""

from collections.abc import Iterable, Sequence
from html import escape

from components.monitor import plots
from components.monitor.sentences import worst
from components.monitor.values import Drift, MonitoringReport, Quality
from serinus.core.analysis.messages import percent

PANELS = 12  # histograms that are drawn; the table has all
STYLE = """
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem 1rem 3rem; color: #1d1f21; background: #fff;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .4rem; }
.meta { color: #5d6268; font-size: .85rem; } .lead { font-size: 1.05rem; }
table { border-collapse: collapse; width: 100%; font-size: .85rem; font-variant-numeric: tabular-nums; }
th { text-align: left; color: #5d6268; font-weight: 500; }
th, td { padding: .25rem .7rem .25rem 0; border-bottom: 1px solid #e4e2dc; }
td + td, th + th { text-align: right; } td { white-space: nowrap; }
.Fail { color: #b84a00; font-weight: 600; } .Inconclusive { color: #6b6f76; }
svg { display: block; width: 100%; height: auto; } .small svg { max-width: 28rem; }
"""


def render(report: MonitoringReport) -> str:
    """The whole page."""
    title = f"{report.model}: predictions of {report.start:%Y-%m-%d %H:%M} to {report.end:%Y-%m-%d %H:%M} UTC"
    parts = [_head(report, title), _notes(report), _drift(report), _quality(report), _volumes(report)]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in parts if part)
        + "\n</body>\n</html>\n"
    )


def _head(report: MonitoringReport, title: str) -> str:
    where = f"Version {report.version} against {report.reference}. Log: {report.log}"
    return f"<h1>{escape(title)}</h1>\n<p class=meta>{escape(where)}</p>\n<p class=lead>{escape(report.message)}</p>"


def _notes(report: MonitoringReport) -> str:
    items = "".join(f"<li>{escape(note)}</li>" for note in report.notes)
    return f"<h2>Notes</h2>\n<ul>{items}</ul>" if items else ""


def _drift(report: MonitoringReport) -> str:
    everything = (report.prediction, *report.drift)
    head = ("", "Verdict", "PSI", "Chance explains", "Rows in other bins", "Missing: reference", "window", "Never seen")
    ordered = [*worst(everything, len(everything)), *(one for one in everything if "tvd" not in one.numbers)]
    table = _table(head, (_drift_row(one) for one in ordered))
    figure = plots.histograms([one for one in ordered if "tvd" in one.numbers][:PANELS])
    drawn = "Share of the rows in each bin. Grey: the reference; blue: the window."
    return f"<h2>Drift</h2>\n{table}\n<p class=meta>{drawn}</p>\n{figure}"


def _drift_row(one: Drift) -> list[str]:
    numbers = [f"{one.numbers[name]:.3g}" if name in one.numbers else "-" for name in ("psi", "bound")]
    moved = percent(one.numbers["tvd"]) if "tvd" in one.numbers else "-"
    missing = ["-" if share is None else percent(share) for share in (one.missing_in_reference, one.missing_in_window)]
    unseen = "-" if one.unseen_rows is None else f"{one.unseen_rows:,}"
    verdict = f'<span class="{one.verdict}">{escape(one.reason)}</span>'
    return [escape(one.name), verdict, *numbers, moved, *missing, unseen]


def _quality(report: MonitoringReport) -> str:
    names = list(dict.fromkeys(name for one in report.versions for name in one.metrics))
    head = ("", "Rows", "With label", "Label after (median, 90 %)", "Mean prediction", "Mean label", *names)
    rows = [_quality_row(one, names) for one in report.versions]
    if report.registered_metrics and names:
        rows.append(
            [
                f"version {escape(report.version)} at registration",
                *["-"] * 5,
                *_values(report.registered_metrics, names),
            ]
        )
    calibration = plots.calibration(report.versions)
    return f"<h2>Quality</h2>\n{_table(head, rows)}\n{plots.over_time(report)}\n" + (
        f"<div class=small>{calibration}</div>" if calibration else ""
    )


def _quality_row(one: Quality, names: Sequence[str]) -> list[str]:
    delay = one.label_delay
    return [
        escape(f"version {one.version}"),
        f"{one.rows:,}",
        f"{one.labelled:,} ({percent(one.labelled / one.rows)})",
        f"{delay.median_hours:.1f} h, {delay.p90_hours:.1f} h" if delay else "-",
        *("-" if value is None else f"{value:.4g}" for value in (one.mean_prediction, one.mean_label)),
        *_values(one.metrics, names),
    ]


def _values(metrics: dict[str, float], names: Sequence[str]) -> list[str]:
    return [f"{metrics[name]:.4g}" if name in metrics else "-" for name in names]


def _volumes(report: MonitoringReport) -> str:
    return f"<h2>Volume</h2>\n{plots.volumes(report.periods)}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells of `rows` are markup already."""
    titles = "".join(f"<th scope=col>{escape(one)}</th>" for one in head)
    body = "\n".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>\n<thead><tr>{titles}</tr></thead>\n<tbody>{body}</tbody>\n</table>"
