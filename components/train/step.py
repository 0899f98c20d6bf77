"""Train: one variant as a scikit-learn Pipeline, preprocessing included: training and serving cannot disagree."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from components.train.canonical import canonical
from components.train.estimator import make_estimator, sample_weights
from components.train.search import search
from serinus.core.errors import DataInvalid, TrainingFailed
from serinus.training.config import TrainingConfig
from serinus.training.values import SearchCandidate
from serinus.training.variants import ALLOWED_LIBRARIES, Variant

RARE_ROWS = 20  # a category with fewer training rows is pooled with the ones never seen


@dataclass(frozen=True)
class Trained:
    """A fitted Pipeline, the candidates that it was chosen from (none without a search), and a sentence on it."""

    model: Any
    candidates: tuple[SearchCandidate, ...]
    message: str


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


def train(rows: pd.DataFrame, config: TrainingConfig, variant: Variant) -> Any:
    """The fitted Pipeline of `variant`; the same rows give the same one. Raises DataInvalid or TrainingFailed."""
    return fit(rows, config, variant).model


def fit(rows: pd.DataFrame, config: TrainingConfig, variant: Variant) -> Trained:
    """The fitted Pipeline of `variant`, with its search where it has one. Raises DataInvalid or TrainingFailed.

    Numerical libraries get one thread: they add up in another order with another number, and the model would depend on
    the machine. What the estimator itself runs side by side is its `n_jobs`.
    """
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    usable = _usable(rows, config, variant)
    pipeline = build_pipeline(config, variant)
    try:
        with threadpool_limits(limits=1):
            return _fitted(pipeline, usable, config, variant)
    except ValueError as error:  # how scikit-learn reports parameters and data that it cannot use
        cause = " ".join(str(error).split())[:300]
        raise TrainingFailed(f"variants.{variant.name}: {cause}; correct its parameters or missing") from error


def _fitted(pipeline: Any, rows: pd.DataFrame, config: TrainingConfig, variant: Variant) -> Trained:
    weights = sample_weights(pipeline.named_steps["estimator"], rows[config.target], variant)
    if variant.search:
        found = search(variant.search, pipeline, rows, config, variant=variant, weights=weights)
        return Trained(found.model, found.candidates, f"{variant.estimator}, {found.message}")
    model = pipeline.fit(rows[config.feature_names], rows[config.target], **weights)
    return Trained(model, (), variant.estimator)


def _usable(rows: pd.DataFrame, config: TrainingConfig, variant: Variant) -> pd.DataFrame:
    """The rows to fit. Raises DataInvalid where values are missing that may not, or nothing is left to tell apart."""
    usable = rows[answerable(rows, config, variant)]
    if variant.missing == "reject" and len(usable) < len(rows):
        raise DataInvalid(
            f"variants.{variant.name} rejects missing values, and {len(rows) - len(usable)} of {len(rows)} training "
            "rows have some; correct the data or set missing: impute"
        )
    if not len(usable):
        raise DataInvalid(f"variants.{variant.name}: every training row misses a value; set missing: impute")
    if config.task == "classification" and usable[config.target].nunique() < 2:
        raise DataInvalid(
            f'variants.{variant.name}: all {len(usable)} rows to train on have the same "{config.target}"; '
            "widen window or change split or missing"
        )
    return usable


def save_model(model: Any, path: str) -> None:
    """Write `model` in the skops format: equal models give equal bytes.

    Raises TrainingFailed where it holds types of libraries not allowed, or where the file cannot be written.
    """
    import skops.io

    archive = canonical(skops.io.dumps(model))
    _allowed(skops.io.get_untrusted_types(data=archive))
    draft = Path(f"{path}.draft")
    try:
        draft.write_bytes(archive)
        os.replace(draft, path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise TrainingFailed(f"the model cannot be written to {path} ({error}); make room there") from error


def load_model(path: str) -> Any:
    """Read a model that `save_model` wrote; nothing but types of allowed libraries is created."""
    import skops.io

    return skops.io.load(path, trusted=trusted_types(path))


def trusted_types(path: str) -> list[str]:
    """The types in a skops file that must be trusted to load it, all of allowed libraries."""
    import skops.io

    return _allowed(skops.io.get_untrusted_types(file=path))


def _allowed(names: Sequence[object]) -> list[str]:
    types = [str(name) for name in names]
    foreign = [name for name in types if name.split(".")[0] not in (*ALLOWED_LIBRARIES, "numpy", "scipy")]
    if foreign:
        raise TrainingFailed(
            f"the model holds types of other libraries ({', '.join(foreign)}); choose another estimator"
        )
    return types
