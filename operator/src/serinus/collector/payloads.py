"""Rows in the payloads of KServe's protocols, V1 and V2 (Open Inference Protocol), as predictors are sent and answer them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import ValidationError as Invalid

from serinus.collector.messages import BodyInvalid, Event, Items, PredictionBatch, sentence_of

if TYPE_CHECKING:
    from serinus.collector.halves import Half

Features = Mapping[str, Any]


def batch_of(half: "Half", request: bytes, response: bytes, request_id: str) -> PredictionBatch:
    """The rows that a request asked about, with what was answered to them. Raises BodyInvalid.

    `request_id`: the client's, from the header X-Request-Id; else it is V2's `id`, else the event's.
    """
    asked, answered = _object(request, "request"), _object(response, "response")
    features, answers = features_in(asked), answers_in(answered)
    if len(features) != len(answers):
        raise BodyInvalid(f"the request has {len(features)} rows and the response {len(answers)} answers")
    name = request_id or _text(asked.get("id")) or half.event_id
    try:
        events = [
            Event(request_id=row_id, time=half.time, prediction=answer, features=dict(values))
            for row_id, answer, values in zip(row_ids(name, len(features)), answers, features, strict=True)
        ]
    except Invalid as error:
        raise BodyInvalid(f"the payload is not what can be kept: {sentence_of(error)}") from None
    return PredictionBatch(half.deployment, half.revision, Items(tuple(enumerate(events))), version=half.version)


def row_ids(request_id: str, rows: int) -> list[str]:
    """A request with one row gives it its own id; of several, each has its place behind it."""
    return [request_id] if rows == 1 else [f"{request_id}/{index}" for index in range(rows)]


def features_in(request: Features) -> list[Features]:
    """The values of each row by column. Values without names go by their place: 0, 1, ... Raises BodyInvalid."""
    if isinstance(request.get("instances"), list):
        return [_by_name(row) for row in request["instances"]]
    if isinstance(request.get("inputs"), list):
        return _rows_of(request["inputs"])
    raise BodyInvalid('the request has neither "instances" (V1) nor "inputs" (V2)')


def answers_in(response: Features) -> list[Any]:
    """One answer for each row. Of two probabilities it is that of class 1. Raises BodyInvalid."""
    if isinstance(response.get("predictions"), list):
        return [_answer(one) for one in response["predictions"]]
    if isinstance(response.get("outputs"), list) and response["outputs"]:
        tensor = response["outputs"][0]
        return [_answer(one) for one in _values(tensor, _length(tensor))]
    raise BodyInvalid('the response has neither "predictions" (V1) nor "outputs" (V2)')


def _rows_of(inputs: Sequence[Any]) -> list[Features]:
    """A tensor of n values is a column of its name; one of n times m values is m columns, named by their places."""
    length = _length(inputs[0]) if inputs else 0
    found: list[dict[str, Any]] = [{} for _ in range(length)]
    for tensor in inputs:
        values, prefix = _values(tensor, length), tensor["name"] if len(inputs) > 1 else ""
        for row, value in zip(found, values, strict=True):
            row.update(_by_name(value, prefix) if isinstance(value, list) else {tensor["name"]: value})
    return list(found)


def _length(tensor: Any) -> int:
    shape = tensor.get("shape") if isinstance(tensor, dict) else None
    if not (isinstance(shape, list) and shape and all(type(one) is int and one >= 0 for one in shape)):
        raise BodyInvalid("a tensor has no shape")
    return int(shape[0])


def _values(tensor: Any, length: int) -> list[Any]:
    """What belongs to each of `length` rows: a value, or a list of them."""
    if _length(tensor) != length or not isinstance(tensor.get("name"), str) or not isinstance(tensor.get("data"), list):
        raise BodyInvalid(f"a tensor has no name, no data in JSON, or not {length} rows")
    data: list[Any] = tensor["data"]
    if len(data) == length and not (length == 1 and tensor["shape"][1:] not in ([], [1])):
        return [one[0] if isinstance(one, list) and len(one) == 1 else one for one in data]
    if not length or len(data) % length:
        raise BodyInvalid(f"tensor {tensor['name'][:70]} has {len(data)} values for {length} rows")
    width = len(data) // length
    return [data[row * width : (row + 1) * width] for row in range(length)]


def _by_name(row: Any, prefix: str = "") -> Features:
    if isinstance(row, dict):
        return row
    if isinstance(row, list):
        return {f"{prefix}{index}": value for index, value in enumerate(row)}
    return {f"{prefix}0": row}


def _answer(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    if len(value) in (1, 2):
        return value[-1]
    raise BodyInvalid(f"an answer has {len(value)} numbers; a row has one, or the probabilities of two classes")


def _object(body: bytes, what: str) -> Features:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BodyInvalid(f"the {what} is not JSON ({error})") from None
    if not isinstance(found, dict):
        raise BodyInvalid(f"the {what} is not a JSON object")
    return found


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
