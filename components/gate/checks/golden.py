"""Whether the variant reaches the floor on the golden rows, which no version is ever trained on."""

from typing import Any

import numpy as np
import pandas as pd

from components.gate.bounds import shortfalls
from components.gate.case import Case
from components.gate.verdict import say
from serinus.core.errors import DataInvalid
from serinus.training.config import TrainingConfig
from serinus.training.values import (
    GOLDEN_NOT_REACHED,
    GOLDEN_REACHED,
    GOLDEN_TRAINED_ON,
    NO_GOLDEN_ROWS,
    GateCheck,
    Metrics,
)


def golden(case: Case) -> GateCheck | None:
    """A model that has seen the golden rows proves nothing on them, so these are looked for in the training rows."""
    gate = case.config.gates.golden
    if gate is None:
        return None
    rows = case.golden
    if rows is None or not len(rows):
        message = "the golden source has no rows; correct gates.golden.source"
        return say("golden", "Inconclusive", NO_GOLDEN_ROWS, message, gate=gate)
    trained_on = seen_in_training(rows, case.train, case.config)
    if trained_on:
        message = (
            f"{trained_on} of {len(rows):,} golden rows are among the training rows of {case.variant}; "
            "remove them from the source of the training rows, or choose other golden rows"
        )
        numbers = {"trainedOn": float(trained_on), "rows": float(len(rows))}
        return say("golden", "Fail", GOLDEN_TRAINED_ON, message, numbers, gate=gate)
    metrics = _metrics(case, rows)
    missed = shortfalls(metrics, gate) + _unanswered(metrics, case.config)
    message = f"on {len(rows):,} golden rows {'; '.join(missed) or 'every bound is reached'}"
    numbers = {name: metrics[name] for name in (*gate.metrics, "coverage") if name in metrics}
    if missed:
        return say("golden", "Fail", GOLDEN_NOT_REACHED, message, numbers, gate=gate)
    return say("golden", "Pass", GOLDEN_REACHED, message, numbers, gate=gate)


def seen_in_training(rows: pd.DataFrame, train: pd.DataFrame, config: TrainingConfig) -> int:
    """How many of `rows` are also in `train`, told by a digest of every column that both have."""
    columns = [name for name in config.columns if name in rows.columns and name in train.columns]
    return int(np.isin(_digests(rows[columns], config), _digests(train[columns], config)).sum())


def _digests(rows: pd.DataFrame, config: TrainingConfig) -> "np.ndarray[Any, np.dtype[np.uint64]]":
    """One number per row; shape (rows,). A value is the same read as 1, as 1.0 or, in a boolean, as true."""
    kinds = {feature.name: str(feature.type) for feature in config.features} | {config.time_column: "time"}
    plain = pd.DataFrame({name: _plain(rows[name], kinds.get(str(name), "")) for name in rows.columns})
    return np.asarray(pd.util.hash_pandas_object(plain, index=False), dtype=np.uint64)


def _plain(column: "pd.Series[Any]", kind: str) -> "pd.Series[Any]":
    """The column in the one type of its kind; of a column that is no feature, its own type tells."""
    if kind == "time":
        return pd.to_datetime(column, utc=True).dt.as_unit("ns").astype("int64")
    if kind in ("double", "integer", "boolean") or (not kind and pd.api.types.is_numeric_dtype(column)):
        return pd.to_numeric(column, errors="coerce").astype(float)
    return column.map(str).where(column.notna(), "")


def _metrics(case: Case, rows: pd.DataFrame) -> Metrics:
    from components.evaluate.step import predict_answerable, score
    from components.train.step import load_model

    config = case.config
    absent = [name for name in (*config.feature_names, config.target) if name not in rows.columns]
    if absent:
        raise DataInvalid(f"the golden rows lack {', '.join(absent)}; correct gates.golden.source")
    if rows[config.target].isna().any():
        raise DataInvalid(f'the golden rows have no "{config.target}" in some rows; correct gates.golden.source')
    answers = predict_answerable(load_model(str(case.model / "model.skops")), rows, config, case.variant)
    return score(rows[config.target], answers, config)


def _unanswered(metrics: Metrics, config: TrainingConfig) -> list[str]:
    if metrics["coverage"] >= config.gates.min_coverage:
        return []
    return [f"only {metrics['coverage']:.1%} are answered and {config.gates.min_coverage:.1%} is asked for"]
