"""One order for the same rows however they came: by time, then by a hash of the row. The digest and samples go by it."""

import hashlib
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

Hashes = np.ndarray[Any, np.dtype[np.uint64]]


def in_order(rows: pa.Table, time_column: str, max_rows: int | None = None) -> tuple[pa.Table, str]:
    """`rows` in canonical order, and their digest.

    Of more than `max_rows` those with the smallest hashes are kept: drawn as by lot, and the same whatever the order.
    """
    hashes = row_hashes(rows)
    times = rows[time_column].cast(pa.int64()).to_numpy()
    order = np.lexsort((hashes, times))
    if max_rows is not None and len(order) > max_rows:
        drawn = np.zeros(len(order), dtype=bool)
        drawn[np.lexsort((times, hashes))[:max_rows]] = True
        order = order[drawn[order]]
    return rows.take(pa.array(order)).replace_schema_metadata(None), _digest(rows.schema, hashes[order])


def data_digest(rows: pa.Table) -> str:
    """`sha256:<hex>` over column names, types and values; the same rows in the same order have the same digest."""
    return _digest(rows.schema, row_hashes(rows))


def row_hashes(rows: pa.Table) -> Hashes:
    """A hash of 64 bits for each row, from its values alone."""
    if not len(rows):
        return np.empty(0, dtype=np.uint64)
    columns: dict[str, pa.ChunkedArray] = {}
    for number, name in enumerate(rows.column_names):
        column = rows[name]
        if pa.types.is_integer(column.type) and column.null_count:  # pandas would round it to floating point
            columns[f"{number}?"], column = pc.is_null(column), column.fill_null(0)
        columns[str(number)] = column
    frame: pd.DataFrame = pa.table(columns).to_pandas(strings_to_categorical=True)  # each text is hashed once
    return np.asarray(pd.util.hash_pandas_object(frame, index=False), dtype=np.uint64)


def _digest(schema: pa.Schema, hashes: Hashes) -> str:
    digest = hashlib.sha256(",".join(f"{field.name}:{field.type}" for field in schema).encode())
    digest.update(hashes.tobytes())
    return f"sha256:{digest.hexdigest()}"
