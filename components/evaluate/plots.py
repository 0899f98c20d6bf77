"""The plots of an evaluation, as PNG. Drawn without a display and without pyplot's global state."""

import io
from collections.abc import Callable
from typing import Any

from serinus.training.evaluation import Evaluation, VariantEvaluation

MOST_BARS = 20
STYLE = {
    "text.parse_math": False,  # a dollar sign in a column's name is no formula
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "font.size": 9,
}


def draw_plots(evaluation: Evaluation) -> dict[str, bytes]:
    """PNG images by file name; what the evaluation holds nothing of is not drawn."""
    import matplotlib as mpl

    best = evaluation.variant(evaluation.best)
    asked: dict[str, tuple[object, Callable[[Any, Evaluation, VariantEvaluation], None]]] = {
        "periods.png": (best.periods, _periods),
        "calibration.png": (best.calibration, _calibration),
        "confusion.png": (best.confusion, _confusion),
        "importance.png": (best.importance, _importance),
        "slices.png": (best.slices, _slices),
    }
    with mpl.rc_context(STYLE):
        return {name: _png(draw, evaluation, best) for name, (shown, draw) in asked.items() if shown}


def _png(draw: Callable[[Any, Evaluation, VariantEvaluation], None], *shown: Any) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), layout="tight")
    FigureCanvasAgg(figure)
    draw(figure.add_subplot(), *shown)
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=100)
    return image.getvalue()


def _periods(axes: Any, evaluation: Evaluation, best: VariantEvaluation) -> None:
    starts = [period.start for period in best.periods]
    for one in evaluation.variants:
        values = {period.start: period.metrics.get(evaluation.metric) for period in one.periods}
        shown = [float("nan") if values.get(start) is None else values[start] for start in starts]
        axes.plot(range(len(starts)), shown, marker=".", label=one.variant)
    places = range(0, len(starts), max(1, len(starts) // 6))
    axes.set_xticks(list(places), [starts[place][:10] for place in places])
    axes.set(title=f"{evaluation.metric} over time", ylabel=evaluation.metric)
    axes.legend()


def _calibration(axes: Any, evaluation: Evaluation, best: VariantEvaluation) -> None:
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="calibrated")
    for one in evaluation.variants:
        axes.plot(
            [b.predicted for b in one.calibration], [b.observed for b in one.calibration], marker="o", label=one.variant
        )
    axes.set(title="Calibration", xlabel="mean probability of class 1", ylabel="share of class 1", xlim=(0, 1))
    axes.legend()


def _confusion(axes: Any, evaluation: Evaluation, best: VariantEvaluation) -> None:
    found = best.confusion
    if found is None:
        return
    counts = [[found.true_negatives, found.false_positives], [found.false_negatives, found.true_positives]]
    axes.imshow(counts, cmap="Blues", aspect="auto")
    for y in (0, 1):
        for x in (0, 1):
            dark = counts[y][x] > max(map(max, counts)) / 2
            axes.text(x, y, f"{counts[y][x]:,}", ha="center", va="center", color="white" if dark else "black")
    axes.set(title=f"Confusion of {best.variant}", xlabel="answer", ylabel="class", xticks=[0, 1], yticks=[0, 1])
    axes.grid(visible=False)


def _importance(axes: Any, evaluation: Evaluation, best: VariantEvaluation) -> None:
    shown = best.importance[:MOST_BARS][::-1]
    axes.barh(range(len(shown)), [one.mean for one in shown], xerr=[one.deviation for one in shown])
    axes.set_yticks(range(len(shown)), [one.feature for one in shown])
    axes.set(title=f"Importance to {best.variant}", xlabel=f"{evaluation.metric} lost when shuffled")


def _slices(axes: Any, evaluation: Evaluation, best: VariantEvaluation) -> None:
    measured = [one for one in best.slices if evaluation.metric in one.metrics]
    shown = sorted(measured, key=lambda one: -one.rows)[:MOST_BARS][::-1]
    axes.barh(range(len(shown)), [one.metrics[evaluation.metric] for one in shown])
    axes.set_yticks(range(len(shown)), [f"{f'{one.column}: {one.value}'[:40]} ({one.rows:,})" for one in shown])
    if evaluation.metric in best.metrics:
        axes.axvline(best.metrics[evaluation.metric], color="black", linestyle=":", label="all rows")
        axes.legend()
    axes.set(title=f"{best.variant} in the largest slices", xlabel=evaluation.metric)
