"""Open Inference Protocol (V2) tensors to and from columns and predictions."""

import math
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serinus.predictor.errors import InputRejected, ModelFailed
from serinus.predictor.schema import Column

_DATATYPES = {"double": "FP64", "integer": "INT64", "string": "BYTES", "boolean": "BOOL", "any": "BYTES"}
_KINDS = {"f": "FP64", "i": "INT64", "u": "INT64", "b": "BOOL"}


def columns_of(inputs: list[Any], names: list[str]) -> list[list[Any]]:
    """One list per column from kserve InferInputs: a tensor per column ([n] or [n, 1]), or one [n, columns]."""
    by_name = {tensor.name: tensor for tensor in inputs}
    missing = [name for name in names if name not in by_name]
    if not missing:
        return _same_length({name: _column(by_name[name]) for name in names})
    if len(inputs) == 1:
        return _matrix(inputs[0], names)
    raise InputRejected(
        f'the request has no input "{missing[0]}"; send one tensor per column ({len(names)} in all), or a single '
        f"tensor of shape [rows, {len(names)}]"
    )


def metadata(columns: tuple[Column, ...]) -> list[dict[str, Any]]:
    """The inputs as `GET /v2/models/NAME` describes them; -1 stands for the number of rows."""
    return [{"name": column.name, "datatype": _DATATYPES[column.type], "shape": [-1]} for column in columns]


def output_of(name: str, predictions: NDArray[Any]) -> Any:
    """A kserve InferOutput of predictions, shape (rows,) or (rows, outputs)."""
    from kserve import InferOutput

    datatype = _KINDS.get(predictions.dtype.kind, "BYTES")
    if datatype == "BYTES":
        data: Any = [str(value) for value in predictions.ravel().tolist()]
    else:
        data = predictions.astype({"FP64": np.float64, "INT64": np.int64, "BOOL": np.bool_}[datatype])
    return InferOutput(name=name, shape=list(predictions.shape), datatype=datatype, data=data)


def check_predictions(predictions: NDArray[Any], rows: int) -> NDArray[Any]:
    """The predictions, if there is one per row and every number is finite. Raises ModelFailed."""
    if predictions.shape[:1] != (rows,):
        raise ModelFailed(f"the model answered an array of shape {predictions.shape} to {rows} rows")
    if predictions.dtype.kind == "f" and not np.isfinite(predictions).all():
        row = int(np.argwhere(~np.isfinite(predictions))[0][0])
        raise ModelFailed(f"the model answered {predictions[row]} to row {row}, which is not a finite number")
    return predictions


def _values(tensor: Any) -> list[Any]:
    data: list[Any] = tensor.data
    while data and isinstance(data[0], list):
        if not all(isinstance(part, list) for part in data):
            raise InputRejected(f'input "{tensor.name}" mixes lists and values in "data"; send it flat or fully nested')
        data = list(chain.from_iterable(data))
    if any(size < 0 for size in tensor.shape) or math.prod(tensor.shape) != len(data):
        raise InputRejected(f'input "{tensor.name}" has shape {tensor.shape}, but {len(data)} values; make them agree')
    return data


def _column(tensor: Any) -> list[Any]:
    values = _values(tensor)
    if tensor.shape not in ([len(values)], [len(values), 1]) or not values:
        raise InputRejected(
            f'input "{tensor.name}" has shape {tensor.shape}; send [rows] or [rows, 1], at least one row'
        )
    return values


def _same_length(columns: dict[str, list[Any]]) -> list[list[Any]]:
    first, *_ = columns
    for name, values in columns.items():
        if len(values) != len(columns[first]):
            raise InputRejected(
                f'input "{name}" has {len(values)} rows, but "{first}" has {len(columns[first])}; send as many for each'
            )
    return list(columns.values())


def _matrix(tensor: Any, names: list[str]) -> list[list[Any]]:
    values = _values(tensor)
    width = len(names)
    if len(tensor.shape) != 2 or tensor.shape[1] != width or not values:
        raise InputRejected(
            f'input "{tensor.name}" has shape {tensor.shape}; send [rows, {width}] with at least one row and the '
            f"columns in this order: {', '.join(names[:20])}"
        )
    return [values[index::width] for index in range(width)]
