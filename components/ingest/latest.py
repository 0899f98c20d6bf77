"""The latest time among rows."""

from collections.abc import Iterable

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.times import TimeColumn


def latest_of(batches: Iterable[pa.Table], times: TimeColumn) -> pd.Timestamp | None:
    """The latest time in `batches`, or None without rows. Raises DataInvalid as `times.check`."""
    latest: int | None = None
    for rows in batches:
        found = pc.max(times.read(rows)[times.name].cast(pa.int64())).as_py()
        latest = (
            max(found, latest) if found is not None and latest is not None else (latest if found is None else found)
        )
    times.check()
    return None if latest is None else pd.Timestamp(latest, tz="UTC")
