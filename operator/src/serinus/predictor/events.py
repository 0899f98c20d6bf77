"""From rows and answers to the events of the prediction log, with the columns that may leave the process."""

import hmac
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isnan
from typing import Any, Final

import orjson
from numpy.typing import NDArray

from serinus.predictor.decoding import Batch
from serinus.predictor.event_settings import EventSettings
from serinus.predictor.identity import row_ids
from serinus.predictor.schema import NUMERIC, Column

HASH_BYTES: Final = 16
# Tells a reader of the log, and who would ask a model about the row again, that this is not the value.
HASHED: Final = "hmac:"
Values = list[Any]


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that was answered. `at`: seconds since the epoch; `mirrored`: the client got another revision's answer."""

    request_id: str
    at: float
    batch: Batch
    predictions: NDArray[Any]
    mirrored: bool


class EventWriter:
    """Turns answered requests into events. Only inputs of the model are ever in them, and of those what settings allow."""

    def __init__(self, columns: Sequence[Column], settings: EventSettings) -> None:
        self._names: list[str] = []
        self._readers: list[Callable[[Batch], Values]] = []
        for column, read in zip(columns, _readers(columns), strict=True):
            if settings.features and column.name not in settings.dropped:
                self._names.append(column.name)
                hide = column.name in settings.hashed
                self._readers.append(_hashed(read, column.name, settings.key) if hide else read)

    def events(self, answered: Answered) -> list[dict[str, Any]]:
        """One event for each row."""
        time = datetime.fromtimestamp(answered.at, UTC)
        rows = answered.batch.rows
        ids, predictions = row_ids(answered.request_id, rows), _plain(answered.predictions)
        return [
            {"requestId": name, "time": time, "prediction": prediction, "features": features, "copy": answered.mirrored}
            for name, prediction, features in zip(ids, predictions, self._features(answered.batch), strict=True)
        ]

    def _features(self, batch: Batch) -> Iterable[dict[str, Any]]:
        if not self._readers:
            return ({} for _ in range(batch.rows))
        columns = [read(batch) for read in self._readers]
        return (dict(zip(self._names, row, strict=True)) for row in zip(*columns, strict=True))


def _readers(columns: Sequence[Column]) -> list[Callable[[Batch], Values]]:
    """How each column's values are found in a Batch, as JSON has them."""
    readers: list[Callable[[Batch], Values]] = []
    numbers = others = 0
    for column in columns:
        if column.type in NUMERIC:
            readers.append(_numbers(numbers, whole=column.type == "integer"))
            numbers += 1
        else:
            readers.append(_others(others))
            others += 1
    return readers


def _numbers(index: int, *, whole: bool) -> Callable[[Batch], Values]:
    if whole:
        return lambda batch: [None if isnan(value) else int(value) for value in batch.numbers[index].tolist()]
    return lambda batch: [None if isnan(value) else value for value in batch.numbers[index].tolist()]


def _others(index: int) -> Callable[[Batch], Values]:
    return lambda batch: batch.others[index]


def _hashed(read: Callable[[Batch], Values], name: str, key: bytes) -> Callable[[Batch], Values]:
    """Equal values of a column hash alike in every revision; what is missing stays missing."""
    prefix = name.encode() + b"\0"

    def hashed(value: Any) -> str | None:
        if value is None:
            return None
        return HASHED + hmac.digest(key, prefix + orjson.dumps(value), "sha256")[:HASH_BYTES].hex()

    return lambda batch: [hashed(value) for value in read(batch)]


def _plain(predictions: NDArray[Any]) -> list[Any]:
    """A number or a string per row; a class that is a boolean counts as 0 or 1."""
    values: list[Any] = predictions.tolist()
    return [int(value) if isinstance(value, bool) else value for value in values]
