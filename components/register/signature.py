"""The signature of a variant's model, and the MLflow folder it is kept in."""

from pathlib import Path
from typing import Any

from serinus.training.config import TrainingConfig
from serinus.training.variants import Variant

SIGNATURE_TYPES = {"double": "double", "integer": "long", "string": "string", "boolean": "boolean"}


def model_signature(config: TrainingConfig, variant: Variant) -> Any:
    """The ModelSignature: the features in their order, and what `predict` answers, a label or a value."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    imputes = variant.missing == "impute"
    inputs = [ColSpec(SIGNATURE_TYPES[f.type], f.name, not (f.nullable and imputes)) for f in config.features]
    return ModelSignature(Schema(inputs), Schema([ColSpec("long" if config.task == "classification" else "double")]))


def save_mlflow_model(
    folder: Path,
    model: Any,
    trusted_types: list[str],
    config: TrainingConfig,
    variant: Variant,
    *,
    example: Any = None,
    description: Any = None,
) -> None:
    """Write the MLflow folder of a fitted `model` at `folder`, which must not be there yet or be empty.

    `example` is a data frame of features. `description`, an mlflow.models.Model, names the run and model it belongs to.
    """
    import mlflow.sklearn

    mlflow.sklearn.save_model(
        model,
        str(folder),
        mlflow_model=description,
        serialization_format="skops",
        signature=model_signature(config, variant),
        input_example=example,
        pip_requirements=requirements(variant),
        skops_trusted_types=trusted_types,
    )


def requirements(variant: Variant) -> list[str]:
    """What loading the model takes, pinned; named here because letting MLflow find it out takes ten seconds."""
    from importlib.metadata import version

    library = variant.estimator.partition(".")[0]
    names = ["numpy", "pandas", "scikit-learn", "skops", *([library] if library != "sklearn" else [])]
    return [f"{name}=={version(name)}" for name in names]
