"""The estimator of a variant: its class by import path, its parameters, seed, class weights and early stopping."""

from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

from serinus.core.errors import TrainingFailed
from serinus.training.config import TrainingConfig
from serinus.training.variants import Variant

CLASSES = {"0": 0, "1": 1}  # by the names that a training file gives them


def make_estimator(config: TrainingConfig, variant: Variant) -> Any:
    """The variant's unfitted estimator. Raises TrainingFailed for what is not one, or does not fit the task."""
    from sklearn.base import is_classifier, is_regressor

    try:
        estimator = _estimator_class(variant)(**variant.parameters)
    except TypeError as error:
        raise TrainingFailed(f"variants.{variant.name}: {error}; correct its parameters") from error
    if not (is_classifier(estimator) if config.task == "classification" else is_regressor(estimator)):
        raise TrainingFailed(f"variants.{variant.name}: {variant.estimator} does not do {config.task}; choose another")
    _seed(estimator, config, variant)
    _stop_early(estimator, variant)
    if variant.class_weight is not None:
        _weigh_classes(estimator, config, variant)
    return estimator


def sample_weights(estimator: Any, target: "pd.Series[float]", variant: Variant) -> dict[str, Any]:
    """What `fit` of the Pipeline is given for class weights that the estimator has no parameter for; shape (rows,)."""
    from sklearn.utils.class_weight import compute_sample_weight
    from sklearn.utils.validation import has_fit_parameter

    if variant.class_weight is None or "class_weight" in estimator.get_params(deep=False):
        return {}
    if not has_fit_parameter(estimator, "sample_weight"):
        raise TrainingFailed(
            f"variants.{variant.name}: {variant.estimator} takes neither class nor sample weights; "
            "remove classWeight or choose another estimator"
        )
    weights: np.ndarray[Any, Any] = compute_sample_weight(_class_weight(variant), target)
    return {"estimator__sample_weight": weights}


def _estimator_class(variant: Variant) -> Any:
    from sklearn.base import BaseEstimator

    kind = _resolve(variant)
    if not (isinstance(kind, type) and issubclass(kind, BaseEstimator)):
        raise TrainingFailed(
            f"variants.{variant.name}: {variant.estimator} is not an estimator class; name one that is"
        )
    return kind


def _resolve(variant: Variant) -> Any:
    module, _, name = variant.estimator.rpartition(".")
    try:
        return getattr(import_module(module), name)
    except ImportError as error:
        raise TrainingFailed(
            f"variants.{variant.name}: {variant.estimator} cannot be imported ({error}); install its library "
            "in the pipeline's environment or choose another"
        ) from error
    except AttributeError as error:
        raise TrainingFailed(f"variants.{variant.name}: there is no {variant.estimator}; correct its name") from error


def _seed(estimator: Any, config: TrainingConfig, variant: Variant) -> None:
    """Set every random state that is not given. One that the variant sets to null on purpose stays unseeded."""
    for name, value in estimator.get_params().items():
        if name.split("__")[-1] == "random_state" and value is None and name not in variant.parameters:
            estimator.set_params(**{name: config.seed})


def _stop_early(estimator: Any, variant: Variant) -> None:
    """Turn on scikit-learn's early stopping; gradient boosting has it without a parameter `early_stopping`."""
    if variant.early_stopping is None:
        return
    asked = {
        "early_stopping": True,
        "n_iter_no_change": variant.early_stopping.rounds,
        "validation_fraction": variant.early_stopping.share,
    }
    known = estimator.get_params(deep=False)
    if not {"n_iter_no_change", "validation_fraction"} <= set(known):
        raise TrainingFailed(
            f"variants.{variant.name}: {variant.estimator} cannot stop early by itself; "
            "remove earlyStopping or choose another estimator"
        )
    _set(estimator, {name: value for name, value in asked.items() if name in known}, "earlyStopping", variant)


def _weigh_classes(estimator: Any, config: TrainingConfig, variant: Variant) -> None:
    if config.task != "classification":
        raise TrainingFailed(f"variants.{variant.name}: a {config.task} has no classes; remove classWeight")
    weight = _class_weight(variant)
    if "class_weight" in estimator.get_params(deep=False):
        _set(estimator, {"class_weight": weight}, "classWeight", variant)


def _class_weight(variant: Variant) -> Any:
    """`balanced`, or the weight of each class by its value; one that is not named weighs 1."""
    if not isinstance(variant.class_weight, dict):
        return variant.class_weight
    wrong = {name: w for name, w in variant.class_weight.items() if name not in CLASSES or not 0 < w < np.inf}
    if wrong:
        raise TrainingFailed(
            f"variants.{variant.name}: classWeight {wrong} is not a class 0 or 1 with a finite weight above 0; correct it"
        )
    return {value: variant.class_weight.get(name, 1.0) for name, value in CLASSES.items()}


def _set(estimator: Any, parameters: dict[str, Any], field: str, variant: Variant) -> None:
    """Set what `field` means, unless the variant says the same thing a second time."""
    given = {*variant.parameters, *(variant.search.parameters if variant.search else ())}
    twice = sorted(given & set(parameters))
    if twice:
        raise TrainingFailed(
            f"variants.{variant.name}: {', '.join(twice)} is given as a parameter and by {field}; remove one of the two"
        )
    estimator.set_params(**parameters)
