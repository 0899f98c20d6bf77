"""The rule that no feature alone predicts the label too well: such a one mostly holds what is known only afterwards."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from components.validate.rules import RuleCheck
from serinus.training.config import TrainingConfig, TrainingFeature

Numbers: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

MAX_ROWS = 50_000  # the standard error of an AUC near 0.99 is then well below 0.001
MIN_ROWS = 20  # with label 0 and with label 1 (in a regression: together) for a verdict at all
FOLDS = 5
SEED = 0


@dataclass(frozen=True)
class Measure:
    """How well scores rank the labels: 1 is perfect. `reversed` is the score of the opposite order."""

    name: str
    score: Callable[[Numbers, Numbers], float]
    reversed: Callable[[float], float]
    enough: Callable[[Numbers], bool]

    def either_way(self, values: Numbers, labels: Numbers) -> float:
        """The score of values that may fall where the label grows."""
        score = self.score(values, labels)
        return max(score, self.reversed(score))


def leakage_checks(frame: pd.DataFrame, config: TrainingConfig, usable: list[TrainingFeature]) -> Iterator[RuleCheck]:
    """The rule for each of the `usable` features; all labels must be valid."""
    measure, most = _MEASURES[config.task], config.table.max_single_feature_auc
    rows = _sample(frame, config)
    labels = rows[config.target].to_numpy(dtype=float)
    for feature in usable:
        rule = RuleCheck(column=feature.name, rule="leak", asked=f"{measure.name} with the label at most {most:g}")
        score = _strength(rows[feature.name], labels, feature, measure)
        if score is None:
            yield rule.skipped(f"fewer than {MIN_ROWS} rows of a label to judge by")
        elif score <= most:
            yield rule.told(f"{measure.name} {score:.3f}")
        else:
            yield rule.broken(
                f"alone it predicts the label with {measure.name} {score:.4f}, so it seems to hold what is known only "
                "afterwards; remove it from features or raise schema.maxSingleFeatureAuc"
            )


def auc(scores: Numbers, labels: Numbers) -> float:
    """Area under the ROC curve by the rank sum of Mann and Whitney (1947); ties count half. Shapes (rows,)."""
    positive = labels == 1
    ones, zeros = int(positive.sum()), int((~positive).sum())
    ranks = pd.Series(scores).rank().to_numpy()
    return float((ranks[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def rank_correlation(scores: Numbers, labels: Numbers) -> float:
    """Spearman's (1904): the correlation of the ranks; 0 where one side is constant. Shapes (rows,)."""
    a, b = pd.Series(scores).rank(), pd.Series(labels).rank()
    if a.nunique() < 2 or b.nunique() < 2:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def out_of_fold_means(values: "pd.Series[Any]", labels: Numbers) -> Numbers:
    """Per row the mean label of the rows with the same value in the other folds, drawn to the mean of all where few.

    A missing value is a value. Out of fold, so that a value seen once says nothing of its own label.
    """
    codes, found = pd.factorize(values, use_na_sentinel=False)
    folds = np.random.default_rng(SEED).permutation(len(labels)) % FOLDS
    cells = codes * FOLDS + folds
    sums = np.bincount(cells, labels, len(found) * FOLDS).reshape(-1, FOLDS)
    counts = np.bincount(cells, minlength=len(found) * FOLDS).reshape(-1, FOLDS)
    others, rows = sums.sum(1, keepdims=True) - sums, counts.sum(1, keepdims=True) - counts
    means: Numbers = (others + labels.mean()) / (rows + 1)
    return means[codes, folds]


def _strength(column: "pd.Series[Any]", labels: Numbers, feature: TrainingFeature, measure: Measure) -> float | None:
    """How well the feature alone ranks the labels; None where too few rows tell.

    A category ranks by its mean label, a number by its value where it has one, and by whether it has one.
    """
    if not measure.enough(labels):
        return None
    if feature.type in ("string", "boolean"):
        return measure.score(out_of_fold_means(column, labels), labels)
    missing = column.isna().to_numpy()
    scores = [measure.either_way(missing.astype(float), labels)]
    if measure.enough(labels[~missing]):
        scores.append(measure.either_way(column[~missing].to_numpy(dtype=float), labels[~missing]))
    return max(scores)


def _sample(frame: pd.DataFrame, config: TrainingConfig) -> pd.DataFrame:
    """At most MAX_ROWS rows, the same each time; of a rare label all there is, up to a half: AUC does not mind."""
    order = np.random.default_rng(SEED).permutation(len(frame))
    if config.task == "regression":
        return frame.iloc[order[:MAX_ROWS]]
    positive = frame[config.target].to_numpy(dtype=float)[order] == 1
    half = MAX_ROWS // 2
    return frame.iloc[np.concatenate([order[positive][:half], order[~positive][:half]])]


def _both_enough(labels: Numbers) -> bool:
    return bool(min((labels == 1).sum(), (labels == 0).sum()) >= MIN_ROWS)


def _rows_enough(labels: Numbers) -> bool:
    return len(labels) >= MIN_ROWS


_MEASURES = {
    "classification": Measure("AUC", auc, lambda score: 1 - score, _both_enough),
    "regression": Measure("rank correlation", rank_correlation, lambda score: -score, _rows_enough),
}
