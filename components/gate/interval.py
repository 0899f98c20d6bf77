"""How sure a gain over the champion is: the interval of the paired difference, by the delete-a-block jackknife.

Both models are scored again without one block at a time; how much the gain moves is its standard error, and Student's t
with one degree of freedom less than blocks gives the ends (Efron and Tibshirani, An Introduction to the Bootstrap, 1993,
chapter 11; Tukey, 1958, for the t). With as few as ten blocks it keeps its confidence, where the percentile bootstrap
misses twice as often as it says, and it draws nothing at random.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.gate.blocks import MIN_BLOCKS
from serinus.training.gates import GREATER_IS_BETTER, Metric

Floats = NDArray[np.floating[Any]]
SMALLEST = 1e-12


@dataclass(frozen=True)
class Pairs:
    """What two models answer to the same rows, beside the truth and the block of each row; all of shape (rows,)."""

    metric: Metric
    truth: Floats
    ours: Floats
    theirs: Floats
    blocks: NDArray[Any]


@dataclass(frozen=True)
class Interval:
    """The ends of a gain's interval; `blocks` is what it rests on."""

    low: float
    high: float
    blocks: int


def relative_gain(metric: Metric, value: Any, champion: Any) -> Any:
    """Relative gain over the champion, positive where `value` is better; 0.05 is 5 %. Numbers or arrays."""
    gain = value - champion if metric in GREATER_IS_BETTER else champion - value
    return gain / np.maximum(np.abs(champion), SMALLEST)


def interval_of(pairs: Pairs, gain: float, confidence: float) -> Interval | None:
    """The interval of `gain`, or None with fewer than MIN_BLOCKS blocks or where the metric needs one of them."""
    from scipy.stats import t

    count = int(pairs.blocks.max()) + 1
    if count < MIN_BLOCKS:
        return None
    without = relative_gain(pairs.metric, without_each(pairs, pairs.ours), without_each(pairs, pairs.theirs))
    if not np.isfinite(without).all():
        return None
    error = np.sqrt((count - 1) / count * np.sum((without - without.mean()) ** 2))
    reach = float(t.ppf((1 + confidence) / 2, count - 1) * error)
    return Interval(gain - reach, gain + reach, count)


def without_each(pairs: Pairs, answers: Floats) -> Floats:
    """The metric without block 0, without block 1, and so on; shape (blocks,)."""
    if pairs.metric == "auc":
        return _auc_without_each(pairs.truth, answers, pairs.blocks)
    losses = _losses(pairs.metric, pairs.truth, answers)
    sums, sizes = np.bincount(pairs.blocks, losses), np.bincount(pairs.blocks)
    means = (sums.sum() - sums) / (sizes.sum() - sizes)
    return np.asarray(np.sqrt(means) if pairs.metric == "rmse" else means)


def _losses(metric: Metric, truth: Floats, answers: Floats) -> Floats:
    """What each row adds to the metric's mean (in rmse, before the root)."""
    errors = np.abs(answers - truth)
    if metric == "logLoss":
        least = np.finfo(float).eps  # as scikit-learn clips
        return np.asarray(-np.log(np.clip(1 - errors, least, 1 - least)))
    if metric == "accuracy":
        return np.asarray((answers >= 0.5) == (truth == 1), dtype=float)
    return errors if metric == "mae" else errors**2


def _auc_without_each(truth: Floats, answers: Floats, blocks: NDArray[Any]) -> Floats:
    """AUC is the share of pairs of a 1 and a 0 in the right order: pairs are counted by their two blocks."""
    count, positive = int(blocks.max()) + 1, truth == 1
    pairs = np.zeros((count, count))
    for block in range(count):
        negatives = np.sort(answers[~positive & (blocks == block)])
        below = [np.searchsorted(negatives, answers[positive], side=side) for side in ("left", "right")]
        pairs[:, block] = np.bincount(blocks[positive], np.mean(below, axis=0), minlength=count)
    positives, negatives_left = (
        np.bincount(blocks[positive], minlength=count),
        np.bincount(blocks[~positive], minlength=count),
    )
    right = pairs.sum() - pairs.sum(axis=0) - pairs.sum(axis=1) + np.diag(pairs)
    all_pairs = (positives.sum() - positives) * (negatives_left.sum() - negatives_left)
    with np.errstate(invalid="ignore", divide="ignore"):  # without the only block that has a class
        return np.asarray(right / all_pairs, dtype=float)
