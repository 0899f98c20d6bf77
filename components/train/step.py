"""Train: one variant as a scikit-learn Pipeline, preprocessing included: training and serving cannot disagree."""

from importlib import import_module
from typing import Any

import pandas as pd

from serinus.core.errors import DataInvalid, TrainingFailed
from serinus.training.config import TrainingConfig
from serinus.training.variants import ALLOWED_LIBRARIES, Variant

RARE_ROWS = 20  # a category with fewer training rows is pooled with the ones never seen


def answerable(frame: pd.DataFrame, config: TrainingConfig, variant: Variant) -> "pd.Series[bool]":
    """The rows that the variant's model answers: all where it imputes, the complete ones where it does not."""
    if variant.missing == "impute":
        return pd.Series(True, index=frame.index)
    return frame[config.feature_names].notna().all(axis=1)


def build_pipeline(config: TrainingConfig, variant: Variant) -> Any:
    """The unfitted sklearn Pipeline of preprocessing and estimator."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = [f.name for f in config.features if f.type in ("double", "integer")]
    categories = [f.name for f in config.features if f.type in ("string", "boolean")]
    impute = [("impute", SimpleImputer(strategy="median"))] if variant.missing == "impute" else []
    # The dense result is what every estimator takes.
    one_hot = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=RARE_ROWS, sparse_output=False)
    columns = ColumnTransformer(
        [("numbers", Pipeline([*impute, ("scale", StandardScaler())]), numbers), ("categories", one_hot, categories)],
        verbose_feature_names_out=False,
    )
    return Pipeline([("columns", columns), ("estimator", make_estimator(config, variant))])


def make_estimator(config: TrainingConfig, variant: Variant) -> Any:
    """The variant's estimator. Raises TrainingFailed for what is not one, or does not fit the task."""
    from sklearn.base import BaseEstimator, is_classifier, is_regressor

    kind = _resolve(variant)
    if not (isinstance(kind, type) and issubclass(kind, BaseEstimator)):
        raise TrainingFailed(
            f"variants.{variant.name}: {variant.estimator} is not an estimator class; name one that is"
        )
    try:
        estimator = kind(**variant.parameters)
    except TypeError as error:
        raise TrainingFailed(f"variants.{variant.name}: {error}; correct its parameters") from error
    if not (is_classifier(estimator) if config.task == "classification" else is_regressor(estimator)):
        raise TrainingFailed(f"variants.{variant.name}: {variant.estimator} does not do {config.task}; choose another")
    return estimator


def train(rows: pd.DataFrame, config: TrainingConfig, variant: Variant) -> Any:
    """The fitted Pipeline of `variant`. Raises DataInvalid or TrainingFailed."""
    usable = rows[answerable(rows, config, variant)]
    if variant.missing == "reject" and len(usable) < len(rows):
        raise DataInvalid(
            f"variants.{variant.name} rejects missing values, and {len(rows) - len(usable)} of {len(rows)} training "
            "rows have some; correct the data or set missing: impute"
        )
    if not len(usable):
        raise DataInvalid(f"variants.{variant.name}: every training row misses a value; set missing: impute")
    try:
        return build_pipeline(config, variant).fit(usable[config.feature_names], usable[config.target])
    except ValueError as error:  # how scikit-learn reports parameters and data that it cannot use
        cause = " ".join(str(error).split())[:300]
        raise TrainingFailed(f"variants.{variant.name}: {cause}; correct its parameters or missing") from error


def save_model(model: Any, path: str) -> None:
    """Write `model` in the skops format. Raises TrainingFailed where it holds types of libraries not allowed."""
    import skops.io

    skops.io.dump(model, path)
    trusted_types(path)


def load_model(path: str) -> Any:
    """Read a model that `save_model` wrote; nothing but types of allowed libraries is created."""
    import skops.io

    return skops.io.load(path, trusted=trusted_types(path))


def trusted_types(path: str) -> list[str]:
    """The types in a skops file that must be trusted to load it, all of allowed libraries."""
    import skops.io

    types = [str(name) for name in skops.io.get_untrusted_types(file=path)]
    foreign = [name for name in types if name.split(".")[0] not in (*ALLOWED_LIBRARIES, "numpy", "scipy")]
    if foreign:
        raise TrainingFailed(
            f"the model holds types of other libraries ({', '.join(foreign)}); choose another estimator"
        )
    return types


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
