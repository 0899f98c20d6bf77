"""Permutation importance: how much worse a variant gets without what one feature tells.

Breiman, "Random forests" (Machine Learning 45, 2001), section 10, as scikit-learn computes it.
"""

from typing import Any

import pandas as pd

from components.evaluate.step import scorer
from components.train.step import answerable
from serinus.training.config import TrainingConfig
from serinus.training.evaluation import Importance

SAMPLE_ROWS, REPEATS = 500, 2  # what importance costs is bounded by these: a slow model is asked 1 + 2 x features times


def importances(model: Any, rows: pd.DataFrame, config: TrainingConfig, variant: str) -> list[Importance]:
    """The features by how much the metric loses, the largest loss first; from a drawn sample of the answered rows."""
    from sklearn.inspection import permutation_importance
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    usable = rows[answerable(rows, config, config.variant(variant))]
    if not len(usable):
        return []
    sample = usable.sample(min(len(usable), SAMPLE_ROWS), random_state=config.seed)
    with threadpool_limits(limits=1):  # on so few rows threads wait for each other longer than they work
        lost = permutation_importance(
            model,
            sample[config.feature_names],
            sample[config.target],
            scoring=scorer(config),
            n_repeats=REPEATS,
            random_state=config.seed,
        )
    found = [
        Importance(feature=name, mean=float(mean), deviation=float(deviation))
        for name, mean, deviation in zip(config.feature_names, lost.importances_mean, lost.importances_std, strict=True)
    ]
    return sorted(found, key=lambda one: -one.mean)
