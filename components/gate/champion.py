"""The champion's answers on the held-out rows, from the registry."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from components.evaluate.step import answers
from components.gate.case import Champion
from serinus.adapters.mlflow_artifacts import ArtifactsHere
from serinus.adapters.mlflow_client import connect, is_new_registry, translated
from serinus.adapters.mlflow_registry import MlflowRegistry
from serinus.artifact import verify_directory
from serinus.core.errors import TrainingFailed
from serinus.core.reference import REFERENCE_FILE, Reference
from serinus.training.config import TrainingConfig


def find_champion(config: TrainingConfig, registry_uri: str, rows: pd.DataFrame, cache: Path) -> Champion | None:
    """The version that the alias names, with its answers; None where there is no registry, model or alias yet."""
    if is_new_registry(registry_uri):
        return None
    registry = MlflowRegistry(registry_uri, ArtifactsHere(registry_uri, cache))
    version = asyncio.run(registry.alias_version(config.model, config.registry.alias))
    if version is None:
        return None
    artifact = asyncio.run(registry.resolve(config.model, version=version))
    verify_directory(Path(artifact.uri), artifact.digest)
    created = _created(registry_uri, config.model, version)
    return Champion(version, _answers(Path(artifact.uri), version, rows, config), created)


def _created(registry_uri: str, model: str, version: str) -> datetime:
    """When the version was registered."""
    with translated(registry_uri):
        found = connect(registry_uri).get_model_version(model, version)
    return datetime.fromtimestamp(found.creation_timestamp / 1000, UTC)


def _answers(folder: Path, version: str, rows: pd.DataFrame, config: TrainingConfig) -> "pd.Series[float]":
    names, required = _inputs(folder, config)
    absent = [name for name in names if name not in rows.columns]
    if absent:
        raise TrainingFailed(
            f"champion version {version} of {config.model} needs {', '.join(absent)}, which the snapshot lacks; "
            "keep these features, or move the alias away to start anew"
        )
    usable = rows[required].notna().all(axis=1)
    predictions = pd.Series(np.nan, index=rows.index)
    if usable.any():
        predictions[usable] = answers(_model(folder, version, config), rows.loc[usable, names], config)
    return predictions


def _model(folder: Path, version: str, config: TrainingConfig) -> Any:
    import mlflow.sklearn
    from mlflow.exceptions import MlflowException

    try:
        return mlflow.sklearn.load_model(str(folder))
    except (MlflowException, ImportError) as error:
        cause = " ".join(str(error).split())[:300]
        raise TrainingFailed(
            f"champion version {version} of {config.model} cannot be loaded as a scikit-learn model ({cause}); "
            f"move the alias {config.registry.alias} to one that can, or away to start anew"
        ) from error


def _inputs(folder: Path, config: TrainingConfig) -> tuple[list[str], list[str]]:
    """(the champion's features, those it needs a value in); a champion registered by hand is taken to have ours."""
    file = folder / REFERENCE_FILE
    if not file.is_file():
        return config.feature_names, []
    features = Reference.model_validate_json(file.read_text()).features
    return [f.name for f in features], [f.name for f in features if not f.nullable]
