"""Register: the model with everything needed to judge it later, once per pipeline run, in MLflow."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from components.register.reference import build_reference
from serinus.adapters.mlflow_client import (
    DATA_DIGEST_TAG,
    DIGEST_TAG,
    GIT_SHA_TAG,
    RUN_KEY_TAG,
    TRAINING_TAG,
    connect,
    ensure_experiment,
    translated,
)
from serinus.core.reference import REFERENCE_FILE
from serinus.training.config import TrainingConfig
from serinus.training.values import DataCard, GateDecision

CARD_FILE = "serinus/data-card.json"
EVALUATION_FILE = "serinus/evaluation.json"
SIGNATURE_TYPES = {"double": "double", "integer": "long", "string": "string", "boolean": "boolean"}


@dataclass(frozen=True)
class Candidate:
    """All that goes into one registered version. `predictions` are on the held-out rows."""

    model: Any
    trusted_types: list[str]
    train: pd.DataFrame
    predictions: "pd.Series[float]"
    card: DataCard
    decision: GateDecision


@dataclass(frozen=True)
class Origin:
    """Where a version comes from. `run_key` names the pipeline run: the same one never registers twice."""

    run_key: str
    git_sha: str
    training_digest: str


def register(candidate: Candidate, config: TrainingConfig, origin: Origin, registry_uri: str) -> str:
    """The registered version's number. Raises RegistryUnavailable."""
    with translated(registry_uri):
        client = connect(registry_uri)
        known = _registered(client, config.model, origin.run_key)
        return known or _register(client, candidate, config, origin, registry_uri)


def _register(client: Any, candidate: Candidate, config: TrainingConfig, origin: Origin, registry_uri: str) -> str:
    tags = _tags(candidate, origin)
    name = f"{config.model}-{candidate.decision.variant}"
    run = client.create_run(ensure_experiment(client, config.model, registry_uri), tags=tags, run_name=name)
    _log_run(client, run.info.run_id, candidate, config)
    model_id, location = _log_model(client, run.info.run_id, candidate, config)
    client.set_terminated(run.info.run_id)
    return _create_version(
        client, config.model, model_id=model_id, run_id=run.info.run_id, tags=tags, location=location
    )


def _registered(client: Any, model: str, run_key: str) -> str | None:
    found = client.search_model_versions(f"name = '{model}' and tags.`{RUN_KEY_TAG}` = '{run_key}'")
    return str(found[0].version) if found else None


def _tags(candidate: Candidate, origin: Origin) -> dict[str, str]:
    tags = {
        RUN_KEY_TAG: origin.run_key,
        DATA_DIGEST_TAG: candidate.card.digest,
        GIT_SHA_TAG: origin.git_sha,
        TRAINING_TAG: origin.training_digest,
    }
    return {name: value for name, value in tags.items() if value}


def _log_run(client: Any, run_id: str, candidate: Candidate, config: TrainingConfig) -> None:
    from mlflow.entities import Metric, Param

    variant = config.variant(candidate.decision.variant)
    params = {
        "variant": variant.name,
        "estimator": variant.estimator,
        "missing": variant.missing,
        "window": config.model_dump(mode="json")["window"],
        "rows": len(candidate.train),
        "split": config.split.by,
        **{f"estimator.{name}": value for name, value in variant.parameters.items()},
    }
    metrics = dict(candidate.decision.metrics)
    metrics |= {f"champion.{name}": value for name, value in (candidate.decision.champion_metrics or {}).items()}
    client.log_batch(
        run_id,
        metrics=[Metric(name, value, 0, 0) for name, value in metrics.items()],
        params=[Param(name, str(value)) for name, value in params.items()],
    )


def _log_model(client: Any, run_id: str, candidate: Candidate, config: TrainingConfig) -> tuple[str, str]:
    """(model id, where its artifacts are); model, reference, data card and evaluation are one folder."""
    import mlflow

    mlflow.set_tracking_uri(client.tracking_uri)
    with mlflow.start_run(run_id=run_id):
        info = mlflow.sklearn.log_model(
            candidate.model,
            name=config.model,
            signature=_signature(config, candidate),
            pip_requirements=_requirements(),
            skops_trusted_types=candidate.trusted_types,
        )
    with tempfile.TemporaryDirectory() as draft:
        _write_extras(Path(draft), candidate, config)
        client.log_model_artifacts(info.model_id, draft)
    return info.model_id, str(client.get_logged_model(info.model_id).artifact_location)


def _write_extras(folder: Path, candidate: Candidate, config: TrainingConfig) -> None:
    variant = config.variant(candidate.decision.variant)
    train = candidate.train
    if variant.missing != "impute":
        train = train.dropna(subset=config.feature_names)
    reference = build_reference(train, candidate.predictions, config, variant)
    (folder / REFERENCE_FILE).parent.mkdir(parents=True)
    (folder / REFERENCE_FILE).write_text(reference.model_dump_json(by_alias=True, indent=2))
    (folder / CARD_FILE).write_text(candidate.card.model_dump_json(by_alias=True, indent=2))
    (folder / EVALUATION_FILE).write_text(candidate.decision.model_dump_json(by_alias=True, indent=2))


def _create_version(client: Any, model: str, *, model_id: str, run_id: str, tags: dict[str, str], location: str) -> str:
    """Create the version with its digest in one call: it is never visible without."""
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    from serinus.artifact import directory_digest

    with tempfile.TemporaryDirectory() as copy:
        local = Path(download_artifacts(artifact_uri=location, dst_path=copy))
        digest = directory_digest(local)
    try:
        client.create_registered_model(model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    version = client.create_model_version(
        model, f"models:/{model_id}", run_id, tags={**tags, DIGEST_TAG: digest}, model_id=model_id
    )
    return str(version.version)


def _signature(config: TrainingConfig, candidate: Candidate) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    imputes = config.variant(candidate.decision.variant).missing == "impute"
    inputs = [ColSpec(SIGNATURE_TYPES[f.type], f.name, not (f.nullable and imputes)) for f in config.features]
    # What `predict` answers: a label, or a value.
    return ModelSignature(Schema(inputs), Schema([ColSpec("long" if config.task == "classification" else "double")]))


def _requirements() -> list[str]:
    """Pinned by name, because letting MLflow find them out takes ten seconds."""
    from importlib.metadata import version

    return [f"{name}=={version(name)}" for name in ("numpy", "pandas", "scikit-learn", "skops")]
