"""Request values to typed columns: the fast path checks whole columns, the slow one finds the cell to blame."""

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serinus.predictor.errors import InputRejected
from serinus.predictor.schema import NUMERIC, Column

FloatArray = NDArray[np.float64]

# JSON numbers beyond this lose digits in half of all parsers (RFC 7493, section 2.2).
MAX_INTEGER = 2**53

_TYPES: dict[str, frozenset[type]] = {
    "double": frozenset({int, float}),
    "integer": frozenset({int, float}),
    "string": frozenset({str}),
    "boolean": frozenset({bool}),
    "any": frozenset({int, float, str, bool}),
}
_EXPECTED = {
    "double": "a number",
    "integer": f"a whole number between -2^53 and 2^53 ({MAX_INTEGER})",
    "string": "a string",
    "boolean": "true or false",
    "any": "a number, a string, true or false",
}
_NULL = type(None)


@dataclass(frozen=True)
class Batch:
    """The rows of one request, column by column.

    `numbers`: shape (numeric columns, rows), NaN where a value is missing. `others`: for each other column a list with
    a value per row, None where it is missing. Both in the order of the schema.
    """

    rows: int
    numbers: FloatArray
    others: tuple[list[Any], ...]


class Decoder:
    """Turns values into a Batch, or raises InputRejected with a sentence that names the row and the column."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = tuple(columns)
        self._names = [column.name for column in columns]
        self._allowed = [_TYPES[column.type] | ({_NULL} if column.nullable else set()) for column in columns]
        self._numeric = [i for i, column in enumerate(columns) if column.type in NUMERIC]
        self._others = [i for i, column in enumerate(columns) if column.type not in NUMERIC]
        numeric = [columns[i] for i in self._numeric]
        self._whole = np.array([i for i, column in enumerate(numeric) if column.type == "integer"], dtype=np.intp)
        self._required = np.array([not column.nullable for column in numeric], dtype=np.bool_)

    @property
    def names(self) -> list[str]:
        """The column names in order."""
        return self._names

    def rows(self, instances: object) -> Batch:
        """A Batch from V1 instances: objects of column and value (columns that are not known are ignored), or lists."""
        if not isinstance(instances, list) or not instances:
            raise InputRejected('"instances" is not a list of at least one row; send {"instances": [{column: value}]}')
        kinds = set(map(type, instances))
        if kinds == {dict}:
            return self.columns(self._by_name(instances))
        if kinds == {list}:
            return self.columns(self._by_position(instances))
        raise self._wrong_kind(instances)

    def columns(self, values: list[list[Any]]) -> Batch:
        """A Batch from one list of values per column, all of the same length."""
        if not all(
            allowed.issuperset(map(type, column)) for allowed, column in zip(self._allowed, values, strict=True)
        ):
            raise self._wrong_value(values)
        rows = len(values[0])
        try:
            numbers = np.array([values[i] for i in self._numeric], dtype=np.float64).reshape(len(self._numeric), rows)
        except OverflowError:
            raise self._wrong_value(values) from None
        if not self._fits(numbers):
            raise self._wrong_value(values)
        return Batch(rows, numbers, tuple(values[i] for i in self._others))

    def _by_name(self, rows: list[dict[str, Any]]) -> list[list[Any]]:
        try:
            return [[row[name] for row in rows] for name in self._names]
        except KeyError:
            raise self._missing(rows) from None

    def _by_position(self, rows: list[list[Any]]) -> list[list[Any]]:
        for index, row in enumerate(rows):
            if len(row) != len(self._names):
                raise InputRejected(
                    f"row {index} has {len(row)} values, but the model takes {len(self._names)}, in this order: "
                    f"{_listed(self._names)}"
                )
        return [list(column) for column in zip(*rows, strict=True)]

    def _fits(self, numbers: FloatArray) -> bool:
        """Whether numbers are finite (or missing where they may be) and whole where they must be."""
        if not np.isfinite(numbers).all():
            missing = np.isnan(numbers)
            if np.isinf(numbers).any() or missing[self._required].any():
                return False
        if not self._whole.size:
            return True
        whole = numbers[self._whole]
        bad = (np.trunc(whole) != whole) & ~np.isnan(whole) | (np.abs(whole) > MAX_INTEGER)
        return not bad.any()

    def _wrong_kind(self, rows: list[Any]) -> InputRejected:
        first = type(rows[0])
        index = next((i for i, row in enumerate(rows) if type(row) not in (dict, list) or type(row) is not first), 0)
        return InputRejected(
            f"row {index} is {_shown(rows[index])}; send each row as an object of column and value, or all rows as "
            f"lists of {len(self._names)} values"
        )

    def _missing(self, rows: list[dict[str, Any]]) -> InputRejected:
        index, missing = next(
            (i, [name for name in self._names if name not in row])
            for i, row in enumerate(rows)
            if not row.keys() >= set(self._names)
        )
        unknown = [name for name in rows[index] if name not in set(self._names)]
        hint = f" (it has {_listed(unknown)}, which the model does not know)" if unknown else ""
        return InputRejected(f"row {index} has no column {_listed(missing)}{hint}; send every column, null if missing")

    def _wrong_value(self, values: list[list[Any]]) -> InputRejected:
        return InputRejected(next(_complaints(self._columns, values)))


def _complaints(columns: Sequence[Column], values: list[list[Any]]) -> Iterator[str]:
    """A sentence for each cell that does not fit, row by row."""
    for row in range(len(values[0])):
        for column, cells in zip(columns, values, strict=True):
            if not cell_fits(column, cells[row]):
                expected = _EXPECTED[column.type] + (" or null" if column.nullable else "")
                yield f'row {row}, column "{column.name}": expected {expected}, got {_shown(cells[row])}'


def cell_fits(column: Column, value: object) -> bool:
    """Whether one value fits its column: what the fast path decides for whole columns."""
    if value is None:
        return column.nullable
    if type(value) not in _TYPES[column.type]:
        return False
    if column.type not in NUMERIC or not isinstance(value, int | float):
        return True
    if isinstance(value, float) and math.isnan(value):
        return column.nullable
    if column.type == "integer":
        return abs(value) <= MAX_INTEGER and value == int(value)
    return abs(value) <= sys.float_info.max


def _shown(value: object) -> str:
    kinds = {dict: "an object", list: "a list", str: "the string ", bool: "", int: "", float: "", _NULL: "null"}
    kind = kinds.get(type(value), f"a {type(value).__name__}")
    if isinstance(value, dict | list) or value is None:
        return kind
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return kind + (text if len(text) <= 60 else text[:57] + "...")


def _listed(names: list[str]) -> str:
    shown = ", ".join(f'"{name[:60]}"' for name in names[:10])
    return shown + (f" and {len(names) - 10} more" if len(names) > 10 else "")
