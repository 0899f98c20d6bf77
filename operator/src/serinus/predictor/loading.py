"""From an MLflow model directory to something that predicts."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from serinus.core.reference import REFERENCE_FILE, Feature, Reference
from serinus.predictor.decoding import Batch, Decoder
from serinus.predictor.errors import ModelUnloadable
from serinus.predictor.frames import BuildInput, input_builder
from serinus.predictor.schema import Column, from_estimator, from_reference, from_signature
from serinus.predictor.tensors import check_predictions


@dataclass(frozen=True)
class LoadedModel:
    """A model that has answered once. `example`: a row as V1 takes it. `classes`: the labels of a classifier, as text."""

    columns: tuple[Column, ...]
    decoder: Decoder
    build_input: BuildInput
    method: str
    answer: Callable[[Any], NDArray[Any]]
    reference: Reference | None
    example: object
    classes: tuple[str, ...] = ()

    def predict(self, batch: Batch) -> NDArray[Any]:
        """One prediction per row. Raises ModelFailed, and whatever the estimator raises."""
        return check_predictions(np.asarray(self.answer(self.build_input(batch))), batch.rows)


def load_model(directory: Path) -> LoadedModel:
    """Load, and ask once. Raises ModelUnloadable."""
    reference = read_reference(directory / REFERENCE_FILE)
    try:
        estimator, metadata = _load_sklearn(directory)
        model = _assemble(directory, estimator, metadata, reference)
        model.predict(model.decoder.rows([model.example]))
    except ModelUnloadable:
        raise
    except Exception as error:
        raise ModelUnloadable(
            f"model {directory} does not load or does not answer its warm-up row: {type(error).__name__}: "
            f"{str(error).strip() or 'no message'}; check it with mlflow.sklearn.load_model"
        ) from error
    return model


def read_reference(path: Path) -> Reference | None:
    """The training reference, or None if the model has none. Raises ModelUnloadable if it breaks its schema."""
    if not path.is_file():
        return None
    try:
        return Reference.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ModelUnloadable(f'{path}: field "{where}": {first["msg"]}; train the model again') from error


def _load_sklearn(directory: Path) -> tuple[Any, Any]:
    import mlflow.sklearn
    from mlflow.models import Model

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    metadata = Model.load(str(directory))
    if mlflow.sklearn.FLAVOR_NAME not in metadata.flavors:
        raise ModelUnloadable(
            f"model {directory} has the flavors {', '.join(metadata.flavors)}; this server serves sklearn: log the "
            "model with mlflow.sklearn, or choose another serving runtime"
        )
    return mlflow.sklearn.load_model(str(directory)), metadata


def _assemble(directory: Path, estimator: Any, metadata: Any, reference: Reference | None) -> LoadedModel:
    columns = _columns(estimator, metadata, reference)
    if not columns:
        raise ModelUnloadable(f"model {directory} takes no columns; train it with at least one feature")
    named = getattr(estimator, "feature_names_in_", None) is not None
    method = reference.prediction.method if reference else "predict"
    example = _example(directory, columns, reference)
    answer = _answer(estimator, method)
    build_input, classes = input_builder(columns, named=named), _classes(estimator)
    return LoadedModel(columns, Decoder(columns), build_input, method, answer, reference, example, classes)


def _classes(estimator: Any) -> tuple[str, ...]:
    return tuple(map(str, np.asarray(getattr(estimator, "classes_", ())).ravel().tolist()))


def _columns(estimator: Any, metadata: Any, reference: Reference | None) -> tuple[Column, ...]:
    if reference:
        return from_reference(reference)
    allow_nan = _allows_nan(estimator)
    return from_signature(metadata.signature, allow_nan) or from_estimator(estimator, allow_nan)


def _allows_nan(estimator: Any) -> bool:
    from sklearn.utils import get_tags

    return bool(get_tags(estimator).input_tags.allow_nan)


def _answer(estimator: Any, method: str) -> Callable[[Any], NDArray[Any]]:
    """`predict`, or the probability of the positive class (the second of two)."""
    if method == "predict":
        predict: Callable[[Any], NDArray[Any]] = estimator.predict
        return predict
    probabilities = getattr(estimator, "predict_proba", None)
    classes = getattr(estimator, "classes_", ())
    if probabilities is None or len(classes) != 2:
        raise ModelUnloadable(
            f"the reference asks for predict_proba of two classes, but {type(estimator).__name__} has "
            f"{len(classes)} classes; set its prediction method to predict"
        )
    return lambda values: np.asarray(probabilities(values))[:, 1]


def _example(directory: Path, columns: tuple[Column, ...], reference: Reference | None) -> object:
    """A typical row: from the reference, else the input example that was logged, else zeros."""
    if reference:
        return [_typical(feature) for feature in reference.features]
    logged = _logged_example(directory)
    return [_zero(column) for column in columns] if logged is None else logged


def _logged_example(directory: Path) -> object:
    """The first row of serving_input_example.json, in V1's terms, or None."""
    path = directory / "serving_input_example.json"
    if not path.is_file():
        return None
    content = json.loads(path.read_bytes())
    split = content.get("dataframe_split")
    if split:
        return dict(zip(split["columns"], split["data"][0], strict=True))
    inputs = content.get("inputs")
    return inputs[0] if isinstance(inputs, list) and inputs else None


def _zero(column: Column) -> object:
    return {"double": 0.0, "integer": 0, "string": "", "boolean": False, "any": 0.0}[column.type]


def _typical(feature: Feature) -> object:
    """The middle of a numeric feature's bins, the first category of another."""
    if feature.type == "boolean":
        return False
    if feature.type == "string":
        return feature.categories[0] if feature.categories else ""
    middle = feature.edges[len(feature.edges) // 2] if feature.edges else 0.0
    return middle if feature.type == "double" else round(middle)
