"""What type a column has when its batches, files or texts do not agree. The order in which they came decides nothing."""

from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from serinus.core.errors import DataInvalid

LONG_WHOLE_NUMBER = r"^\s*[+-]?\d{16,}\s*$"  # does not survive as a floating-point number
NUMBER_OR_NOTHING = pa.float64()  # a column without any value, as pandas has it


def joined(tables: Sequence[pa.Table], columns: Iterable[str]) -> pa.Table:
    """All rows as one table, with those of `columns` that any table with rows has; the others' values are missing."""
    filled = [table for table in tables if table.num_rows] or tables
    present = {name for table in filled for name in table.column_names}
    return pa.table({name: _joined_column(filled, name) for name in columns if name in present})


def guessed(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of text as whole numbers, numbers or flags if every value is one, or else as it is."""
    if text.null_count == len(text):
        return text.cast(NUMBER_OR_NOTHING)
    trimmed = pc.utf8_trim_whitespace(text)
    if pc.all(pc.is_in(pc.utf8_lower(trimmed.drop_null()), pa.array(["true", "false"]))).as_py():
        return trimmed.cast(pa.bool_())
    for kind in (pa.int64(), pa.float64()):
        try:
            numbers = trimmed.cast(kind)
        except pa.ArrowInvalid:
            continue
        rounded = kind == pa.float64() and pc.any(pc.match_substring_regex(text, LONG_WHOLE_NUMBER)).as_py()
        return text if rounded else numbers
    return text


def from_values(values: Sequence[object]) -> pa.Array:
    """A column of Python values; if they are of several kinds, their texts."""
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([None if _is_missing(value) else _text(value) for value in values], pa.string())


def _joined_column(tables: Sequence[pa.Table], name: str) -> pa.ChunkedArray:
    parts = [table[name] if name in table.column_names else _nothing(table.num_rows) for table in tables]
    kind = _common(name, {_plain(name, part.type) for part in parts})
    try:
        parts = [part.cast(kind) for part in parts]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # a number too long for the common type
        kind = pa.string()
        parts = [_as_text(part) for part in parts]
    return pa.chunked_array([chunk for part in parts for chunk in part.chunks], kind)


def _plain(name: str, kind: pa.DataType) -> pa.DataType:
    """`kind` without how it is stored. Decimals become floating point, as pandas reads them from a database."""
    if pa.types.is_dictionary(kind):
        return _plain(name, kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_decimal(kind):
        return pa.float64()
    if pa.types.is_nested(kind):
        raise DataInvalid(
            f'column "{name}" holds {kind}; a model reads numbers, text and flags: unpack the column in the source'
        )
    return kind


def _common(name: str, kinds: set[pa.DataType]) -> pa.DataType:
    """The type that holds values of all `kinds`: text where they have nothing else in common."""
    kinds = kinds - {pa.null()}
    if len(kinds) < 2:
        return next(iter(kinds), NUMBER_OR_NOTHING)
    if all(pa.types.is_integer(kind) for kind in kinds):
        return pa.int64()
    if all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in kinds):
        return pa.float64()
    zones = {kind.tz for kind in kinds if pa.types.is_timestamp(kind)}
    if len(zones) == 1 and all(pa.types.is_timestamp(kind) for kind in kinds):
        return pa.timestamp("ns", zones.pop())
    return pa.string()


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return column.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.chunked_array([[None if value is None else str(value) for value in column.to_pylist()]], pa.string())


def _text(value: object) -> str:
    """As Arrow writes it, so that a value reads the same in whatever batch it came."""
    try:
        return str(pa.scalar(value).cast(pa.string()).as_py())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, OverflowError):
        return str(value)


def _is_missing(value: object) -> bool:
    return value is None or value != value  # noqa: PLR0124  # not a number, not a time


def _nothing(rows: int) -> pa.ChunkedArray:
    return pa.chunked_array([pa.nulls(rows)])
