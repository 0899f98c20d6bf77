"""The columns a model takes, in order: from the training reference, else the MLflow signature, else the estimator."""

from dataclasses import dataclass
from typing import Any, Literal

from serinus.core.reference import FeatureType, Reference
from serinus.predictor.errors import ModelUnloadable

ColumnType = FeatureType | Literal["any"]
NUMERIC: frozenset[ColumnType] = frozenset({"double", "integer"})

_MLFLOW_TYPES: dict[str, FeatureType] = {
    "double": "double",
    "float": "double",
    "integer": "integer",
    "long": "integer",
    "string": "string",
    "boolean": "boolean",
}


@dataclass(frozen=True)
class Column:
    """One input column. Type `any` is that of a column of which nothing but the name is known."""

    name: str
    type: ColumnType
    nullable: bool


def from_reference(reference: Reference) -> tuple[Column, ...]:
    """The columns as training saw them."""
    return tuple(Column(feature.name, feature.type, feature.nullable) for feature in reference.features)


def from_signature(signature: Any, allow_nan: bool) -> tuple[Column, ...] | None:
    """The columns of an MLflow signature, or None if it names none. Numbers are nullable if the estimator takes NaN."""
    inputs = None if signature is None else signature.inputs
    if inputs is None or not inputs.has_input_names() or inputs.is_tensor_spec():
        return None
    return tuple(_from_spec(spec, allow_nan) for spec in inputs.inputs)


def from_estimator(estimator: Any, allow_nan: bool) -> tuple[Column, ...]:
    """The columns that a fitted scikit-learn estimator remembers. Raises ModelUnloadable if it remembers none."""
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None:
        return tuple(Column(str(name), "any", True) for name in names)
    count = getattr(estimator, "n_features_in_", None)
    if count is None:
        raise ModelUnloadable(
            f"nothing says which columns {type(estimator).__name__} takes: it has no reference, no signature and no "
            "n_features_in_; log the model with a signature"
        )
    return tuple(Column(f"x{index}", "double", allow_nan) for index in range(count))


def _from_spec(spec: Any, allow_nan: bool) -> Column:
    kind = _MLFLOW_TYPES.get(getattr(spec.type, "name", ""))
    if kind is None:
        return Column(spec.name, "any", True)
    return Column(spec.name, kind, not spec.required or (kind == "double" and allow_nan))
