"""The evaluation as one HTML page that needs nothing beside it."""

import base64
from collections.abc import Iterable, Sequence
from html import escape

from serinus.training.evaluation import Evaluation, VariantEvaluation

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222; }
table { border-collapse: collapse; margin: 1em 0; }
th, td { padding: .25em .8em; border-bottom: 1px solid #ddd; text-align: right; }
th:first-child, td:first-child { text-align: left; }
img { max-width: 100%; }
"""
MOST_ROWS = 50


def html_report(evaluation: Evaluation, plots: dict[str, bytes]) -> str:
    """The page. `plots` are PNG images by name; every text is escaped."""
    best = evaluation.variant(evaluation.best)
    title = f"Evaluation of {evaluation.model}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{evaluation.rows:,} held-out rows. Best by {evaluation.metric}: <b>{escape(evaluation.best)}</b>.</p>",
        _variants(evaluation),
        *(f"<h2>{escape(_heading(name))}</h2>{_image(name, plots[name])}" for name in plots),
        *_tables(best),
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body>{''.join(parts)}</body></html>"
    )


def _variants(evaluation: Evaluation) -> str:
    names = list(dict.fromkeys(name for one in evaluation.variants for name in one.metrics))
    rows = [
        [one.variant, *(_number(one.metrics.get(name)) for name in names), _number(one.calibration_error)]
        for one in evaluation.variants
    ]
    return _table(["variant", *names, "calibration error"], rows)


def _tables(best: VariantEvaluation) -> Iterable[str]:
    names = [name for name in best.metrics if name != "coverage"]
    if best.slices:
        yield f"<h2>Slices of {escape(best.variant)}</h2>"
        rows = [
            [f"{one.column}: {one.value}", f"{one.rows:,}", *(_number(one.metrics.get(name)) for name in names)]
            for one in best.slices
        ]
        yield _table(["slice", "rows", *names], rows)
    if best.periods:
        yield f"<h2>Periods of {escape(best.variant)}</h2>"
        rows = [
            [one.start, f"{one.rows:,}", *(_number(one.metrics.get(name)) for name in names)] for one in best.periods
        ]
        yield _table(["from", "rows", *names], rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows[:MOST_ROWS])
    left_out = f"<p>{len(rows) - MOST_ROWS} more are in evaluation.json.</p>" if len(rows) > MOST_ROWS else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{left_out}"


def _image(name: str, image: bytes) -> str:
    return f'<img alt="{escape(_heading(name))}" src="data:image/png;base64,{base64.b64encode(image).decode()}">'


def _heading(name: str) -> str:
    return name.removesuffix(".png").capitalize()


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
