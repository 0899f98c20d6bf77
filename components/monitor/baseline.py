"""What the window is compared with: the reference of a registered version, or an earlier window of the log."""

import asyncio
import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from components.monitor.log import Part
from components.register.reference import build_reference
from serinus.adapters.mlflow_artifacts import ArtifactsHere
from serinus.adapters.mlflow_client import address
from serinus.adapters.mlflow_registry import MlflowRegistry
from serinus.artifact import verify_directory
from serinus.core.errors import DataInvalid, ModelVersionNotFound
from serinus.core.prediction_log import PREDICTION
from serinus.core.reference import REFERENCE_FILE, Reference
from serinus.training.config import TrainingConfig
from serinus.training.values import Metrics

EVALUATION_FILE = "serinus/evaluation.json"  # what register keeps of the gate's decision
INSTEAD = "or compare with an earlier part of the log, by a reference window"


@dataclass(frozen=True)
class Baseline:
    """`described` says where the reference comes from; `metrics` are the version's at registration, if known."""

    reference: Reference
    described: str
    metrics: Metrics = field(default_factory=dict)


def registered_baseline(config: TrainingConfig, registry_uri: str, version: str) -> Baseline:
    """What training left beside `version`.

    Raises ModelVersionNotFound, ArtifactCorrupted, DataInvalid or RegistryUnavailable.
    """
    with tempfile.TemporaryDirectory() as cache:
        registry = MlflowRegistry(registry_uri, ArtifactsHere(registry_uri, Path(cache)))
        try:
            artifact = asyncio.run(registry.resolve(config.model, version=version))
        except ModelVersionNotFound as error:
            raise ModelVersionNotFound(
                f'version "{version}" of model "{config.model}" is not in the registry at {address(registry_uri)}; '
                f"name a version that is, correct the registry's address, {INSTEAD}"
            ) from error
        folder = Path(artifact.uri)
        verify_directory(folder, artifact.digest)
        label = f'version "{version}" of model "{config.model}"'
        return Baseline(_reference(folder, label), f"training of version {version}", _metrics(folder))


def logged_baseline(config: TrainingConfig, part: Part, version: str, described: str) -> Baseline:
    """The rows of an earlier window, counted as training counts its rows. Raises DataInvalid where there is none."""
    features = tuple(feature for feature in config.features if feature.name in part.columns)
    rows = part.frame([*(feature.name for feature in features), PREDICTION], version)
    if not features or not len(rows):
        raise DataInvalid(
            f"version {version} answered no row with a feature of the training file in the reference window {described}; "
            "name a longer one, or none, to compare with the registered reference"
        )
    known = config.model_copy(update={"features": features})
    reference = build_reference(rows, rows[PREDICTION], known, config.variants[0])
    return Baseline(reference, f"the log of {described}")


def _reference(folder: Path, label: str) -> Reference:
    file = folder / REFERENCE_FILE
    if not file.is_file():
        raise DataInvalid(
            f"{label} was registered without {REFERENCE_FILE}; register one that the training pipeline made, {INSTEAD}"
        )
    try:
        return Reference.model_validate_json(file.read_bytes())
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:3])
        raise DataInvalid(
            f"{REFERENCE_FILE} of {label} is not a reference ({problems}); train again, {INSTEAD}"
        ) from error


def _metrics(folder: Path) -> Metrics:
    """The held-out metrics, if they were kept."""
    file = folder / EVALUATION_FILE
    metrics = json.loads(file.read_bytes()).get("metrics", {}) if file.is_file() else {}
    return {str(name): float(value) for name, value in metrics.items()}
