"""The MLflow model folder of a variant: what is registered, and what the gate serves to judge it. One code for both."""

from pathlib import Path
from typing import Any

import pandas as pd

from components.register.reference import build_reference
from components.train.step import answerable
from serinus.core.reference import REFERENCE_FILE, Reference
from serinus.training.config import TrainingConfig
from serinus.training.variants import Variant

SIGNATURE_TYPES = {"double": "double", "integer": "long", "string": "string", "boolean": "boolean"}


def signature_of(config: TrainingConfig, variant: Variant) -> Any:
    """The model's signature; a column may be missing where it is nullable and the variant imputes."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    imputes = variant.missing == "impute"
    inputs = [ColSpec(SIGNATURE_TYPES[f.type], f.name, not (f.nullable and imputes)) for f in config.features]
    # What `predict` answers: a label, or a value.
    return ModelSignature(Schema(inputs), Schema([ColSpec("long" if config.task == "classification" else "double")]))


def requirements(variant: Variant) -> list[str]:
    """What loading the model takes, pinned; named here because letting MLflow find it out takes ten seconds."""
    from importlib.metadata import version

    library = variant.estimator.partition(".")[0]
    names = ["numpy", "pandas", "scikit-learn", "skops", *([library] if library != "sklearn" else [])]
    return [f"{name}=={version(name)}" for name in names]


def reference_of(
    train: pd.DataFrame, predictions: "pd.Series[float]", config: TrainingConfig, variant: Variant
) -> Reference:
    """The reference over the rows that the variant was trained on and its `predictions` on the held-out ones."""
    return build_reference(train[answerable(train, config, variant)], predictions, config, variant)


def write_reference(folder: Path, reference: Reference) -> None:
    """Put the reference where the predictor looks for it."""
    file = folder / REFERENCE_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(reference.model_dump_json(by_alias=True, indent=2))


def write_model_folder(
    folder: Path,
    model_file: Path,
    *,
    train: pd.DataFrame,
    predictions: "pd.Series[float]",
    config: TrainingConfig,
    variant: Variant,
    example: pd.DataFrame | None = None,
    mlflow_model: Any = None,
) -> None:
    """Write to `folder`, which is not there yet, what `python -m serinus.predictor` serves.

    `example`: rows of features. `mlflow_model`: an mlflow.models.Model that names the run and model it belongs to.
    """
    import mlflow.sklearn

    from components.train.step import load_model, trusted_types

    mlflow.sklearn.save_model(
        load_model(str(model_file)),
        str(folder),
        mlflow_model=mlflow_model,
        serialization_format="skops",
        signature=signature_of(config, variant),
        input_example=example,
        pip_requirements=requirements(variant),
        skops_trusted_types=trusted_types(str(model_file)),
    )
    write_reference(folder, reference_of(train, predictions, config, variant))
