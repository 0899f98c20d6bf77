"""Search: the best parameters of a variant's estimator by cross-validation, scikit-learn's grid or drawn candidates."""

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from components.train.folds import Fold, folds
from serinus.core.errors import TrainingFailed
from serinus.training.config import TrainingConfig
from serinus.training.gates import GREATER_IS_BETTER
from serinus.training.values import SearchCandidate
from serinus.training.variants import Range, Search, Variant

ESTIMATOR = "estimator__"  # where the Pipeline keeps the estimator's parameters
ERROR = re.compile(r"^[\w.]*(?:Error|Exception): (.+)$", re.MULTILINE)  # the last line of a traceback


@dataclass(frozen=True)
class Found:
    """The Pipeline with the best parameters, fitted on all rows; the candidates, best first; what became of them."""

    model: Any
    candidates: tuple[SearchCandidate, ...]
    message: str


@dataclass(frozen=True)
class LogIntegers:
    """Whole numbers from `low` to `high`, drawn evenly in the logarithm, as scipy's distributions are drawn from."""

    low: int
    high: int

    def rvs(self, size: Any = None, random_state: Any = None) -> Any:
        """Numbers of shape `size`: each stands for the reals that round to it, so both ends are as likely as their due."""
        from scipy.stats import loguniform

        drawn = loguniform(self.low - 0.5, self.high + 0.5).rvs(size=size, random_state=random_state)
        return np.clip(np.rint(drawn), self.low, self.high).astype(int)


def distribution(values: Range) -> Any:
    """What scikit-learn draws a parameter from; `high` is among the whole numbers drawn."""
    from scipy.stats import loguniform, randint, uniform

    low, high = values.low, values.high
    if isinstance(low, int) and isinstance(high, int):
        return LogIntegers(low, high) if values.scale == "log" else randint(low, high + 1)
    return loguniform(low, high) if values.scale == "log" else uniform(low, high - low)


def search(
    asked: Search,
    pipeline: Any,
    rows: pd.DataFrame,
    config: TrainingConfig,
    *,
    variant: Variant,
    weights: dict[str, Any],
) -> Found:
    """Try the candidates on folds of `rows` and fit the best on all of them.

    `weights` are what `fit` is given beside the rows. Raises TrainingFailed where no candidate can be fitted.
    """
    _parameters_exist(pipeline, asked, variant)
    tuner = _tuner(pipeline, asked, _folds(rows, config, asked, variant), config)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            tuner.fit(rows[config.feature_names], rows[config.target], **weights)
        except ValueError as error:
            raise _none_fitted([str(error)], variant) from error
    told = _told(caught)
    candidates = _candidates(tuner, config)
    if not candidates:
        raise _none_fitted(told, variant)
    return Found(tuner.best_estimator_, candidates, _message(candidates, len(tuner.cv_results_["params"]), told))


def _folds(rows: pd.DataFrame, config: TrainingConfig, asked: Search, variant: Variant) -> list[Fold]:
    try:
        return folds(rows, config, asked.folds)
    except ValueError as error:
        raise TrainingFailed(
            f"variants.{variant.name}: the training rows do not part into {asked.folds} folds ({error}); "
            "set fewer search.folds or widen window"
        ) from error


def _told(caught: Iterable[warnings.WarningMessage]) -> list[str]:
    """Each different warning once; they go on to the log too."""
    different = {str(warning.message): warning for warning in caught}
    for warning in different.values():
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return list(different)


def _parameters_exist(pipeline: Any, asked: Search, variant: Variant) -> None:
    known = pipeline.named_steps["estimator"].get_params()
    unknown = [name for name in asked.parameters if name not in known]
    if unknown:
        raise TrainingFailed(
            f"variants.{variant.name}: {variant.estimator} has no parameter {', '.join(unknown)} to search; "
            f"it has {', '.join(known)}"
        )


def _tuner(pipeline: Any, asked: Search, parts: list[Fold], config: TrainingConfig) -> Any:
    from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

    from components.evaluate.step import scorer

    space: dict[str, Any] = {
        ESTIMATOR + name: distribution(values) if isinstance(values, Range) else values
        for name, values in asked.parameters.items()
    }
    if asked.candidates is None:
        return GridSearchCV(pipeline, space, scoring=scorer(config), cv=parts)
    return RandomizedSearchCV(
        pipeline, space, n_iter=asked.candidates, scoring=scorer(config), cv=parts, random_state=config.seed
    )


def _candidates(tuner: Any, config: TrainingConfig) -> tuple[SearchCandidate, ...]:
    """Those that could be fitted and scored on every fold, best first. Seconds are left out: they differ between runs."""
    scores = tuner.cv_results_["mean_test_score"]
    found = [_candidate(tuner, place, config) for place, score in enumerate(scores) if np.isfinite(score)]
    return tuple(sorted(found, key=lambda candidate: candidate.rank))


def _candidate(tuner: Any, place: int, config: TrainingConfig) -> SearchCandidate:
    """The candidate at `place` of scikit-learn's results, whose scores are negated where less is better."""
    results, sign = tuner.cv_results_, 1 if config.metric in GREATER_IS_BETTER else -1
    return SearchCandidate(
        parameters={name.removeprefix(ESTIMATOR): _plain(value) for name, value in results["params"][place].items()},
        metric=config.metric,
        score=sign * float(results["mean_test_score"][place]),
        deviation=float(results["std_test_score"][place]),
        rank=int(results["rank_test_score"][place]),
        chosen=bool(place == tuner.best_index_),
    )


def _plain(value: Any) -> Any:
    """A drawn number as Python's own, as JSON has them."""
    return value.item() if isinstance(value, np.generic) else value


def _message(candidates: tuple[SearchCandidate, ...], tried: int, told: Iterable[str]) -> str:
    best = next(candidate for candidate in candidates if candidate.chosen)
    chosen = ", ".join(f"{name}={_short(value)}" for name, value in best.parameters.items())
    failed = tried - len(candidates)
    message = f"best of {tried} candidates: {chosen} ({best.metric} {best.score:.4f} over the folds)"
    return f"{message}; {failed} failed ({_causes(told)})" if failed else message


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _none_fitted(told: Iterable[str], variant: Variant) -> TrainingFailed:
    return TrainingFailed(
        f"variants.{variant.name}: no candidate of its search could be fitted and scored on every fold "
        f"({_causes(told)}); correct search"
    )


def _causes(told: Iterable[str]) -> str:
    """The different errors in what scikit-learn says of failed fits, or the beginning of what it says."""
    texts = list(told)
    causes = dict.fromkeys(cause for text in texts for cause in ERROR.findall(text))
    return " ".join("; ".join(causes or texts).split())[:300]
