"""Cases for the gates to judge: answers given by hand, or by models that were really trained."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from components.evaluate.step import predict_answerable, score
from components.gate.case import Case, Champion
from components.split.step import split
from components.train.step import save_model, train
from serinus.training.config import TrainingConfig
from serinus.training.gates import Gates
from serinus.training.values import GateCheck, GateDecision
from serinus.training.variants import Variant

NOW = datetime(2024, 2, 1, tzinfo=UTC)
LINEAR = "sklearn.linear_model.LogisticRegression"


def asking(config: TrainingConfig, **gates: Any) -> TrainingConfig:
    """`config` with these gates, as they are written in a training file."""
    return config.model_copy(update={"gates": Gates.model_validate(gates)})


def with_variant(config: TrainingConfig, **fields: Any) -> TrainingConfig:
    """`config` with the one variant "v"."""
    return config.model_copy(
        update={"variants": (Variant.model_validate({"name": "v", "estimator": LINEAR} | fields),)}
    )


def rows_of(truth: Any, *, at: Any = None, **columns: Any) -> pd.DataFrame:
    """Held-out rows with this target, an hour apart unless `at` gives the hour of each."""
    hours = np.arange(len(truth)) if at is None else np.asarray(at)
    return pd.DataFrame(
        {"at": pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(hours, unit="h"), "late": truth, **columns}
    )


def answered(
    config: TrainingConfig,
    rows: pd.DataFrame,
    predictions: Any,
    champion: Any = None,
    *,
    created: datetime | None = None,
) -> Case:
    """The variant "v" that answers so, beside champion version 3, which answers so."""
    ours = pd.Series(predictions, index=rows.index, dtype=float)
    return Case(
        config=config,
        variant="v",
        rows=rows,
        predictions=ours,
        metrics=score(rows["late"], ours, config),
        train=rows.iloc[:0],
        model=Path("nowhere"),
        now=NOW,
        champion=None
        if champion is None
        else Champion("3", pd.Series(champion, index=rows.index, dtype=float), created),
    )


def trained(config: TrainingConfig, trips: pd.DataFrame, folder: Path, *, holdout: pd.DataFrame | None = None) -> Case:
    """The first variant of `config`, trained as the pipeline does; `holdout` replaces the rows that are held out."""
    rows, held_out = split(trips, config)
    held_out = held_out if holdout is None else holdout
    variant = config.variants[0]
    model = train(rows, config, variant)
    folder = folder / variant.name
    folder.mkdir(exist_ok=True)
    save_model(model, str(folder / "model.skops"))
    predictions = predict_answerable(model, held_out, config, variant.name)
    case = answered(config, held_out, predictions)
    return replace(case, variant=variant.name, train=rows, model=folder)


def check(decision: GateDecision, name: str) -> GateCheck:
    """What the gate `name` said."""
    return {one.name: one for one in decision.checks}[name]
