"""Bins for answers that are the same for every model, so that two revisions can be compared on the same traffic."""

from itertools import pairwise
from typing import Final

from serinus.predictor.bins import Bins, CategoryBins, NumericBins
from serinus.predictor.loading import LoadedModel

PROBABILITY_BINS: Final = 20
MAX_LABELS: Final = 30  # labels with a bin of their own, beside "other" and "missing"
STEPS: Final = (1, 2, 5)  # edges within a decade
LOWEST_DECADE, HIGHEST_DECADE = -4, 8  # what is nearer to 0, or farther from it, shares a bin


def answer_bins(model: LoadedModel) -> Bins:
    """Empty bins for what the model answers: probabilities, labels of a classifier, or numbers."""
    if model.method == "predict_proba":
        return probability_bins()
    if model.classes or not _answers_numbers(model):
        return CategoryBins(model.classes[:MAX_LABELS])
    return number_bins()


def probability_bins() -> NumericBins:
    """Empty bins for a probability, named by their upper edges."""
    edges = probability_edges()
    return NumericBins(edges, names=[*(f"{edge:g}" for edge in edges), "1"])


def number_bins() -> NumericBins:
    """Empty bins for any number."""
    edges = number_edges()
    return NumericBins(edges, names=[*(f"<={edge:g}" for edge in edges), f">{edges[-1]:g}"])


def _answers_numbers(model: LoadedModel) -> bool:
    return model.predict(model.decoder.rows([model.example])).dtype.kind in "biuf"


def probability_edges() -> tuple[float, ...]:
    """Inner edges of equal bins of [0, 1]."""
    return tuple(index / PROBABILITY_BINS for index in range(1, PROBABILITY_BINS))


def number_edges() -> tuple[float, ...]:
    """1, 2 and 5 of every decade, on both sides of 0."""
    decades = range(LOWEST_DECADE, HIGHEST_DECADE)
    above = [*(step * 10.0**decade for decade in decades for step in STEPS), 10.0**HIGHEST_DECADE]
    edges = (*(-edge for edge in reversed(above)), *above)
    if not all(low < high for low, high in pairwise(edges)):
        raise AssertionError("edges ascend")
    return edges
