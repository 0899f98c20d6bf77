"""The rows that a training file asks for, as one table: the window, the columns, typed, in canonical order."""

from dataclasses import dataclass

import pyarrow as pa

from components.ingest.columns import guessed, joined
from components.ingest.order import in_order
from components.ingest.prediction_log import labelled
from components.ingest.readers import Reader, asked_of, reader_of
from components.ingest.window import Window
from serinus.core.errors import DataInvalid
from serinus.training.config import TrainingConfig
from serinus.training.sources import Source
from serinus.training.windows import length_of


@dataclass(frozen=True)
class Rows:
    """`table` in canonical order, with its digest; how many rows the window has, how many more have no label; the query.

    `undeclared` are the columns of the source that nobody asked for.
    """

    table: pa.Table
    digest: str
    in_window: int
    unlabelled: int
    query: str
    undeclared: tuple[str, ...] = ()


def training_rows(config: TrainingConfig) -> Rows:
    """The rows of the longest window, at most `max_rows`. A column that no row has is not in the table; there may be no row."""
    return rows_of(reader_of(config.source, config.time_column, config.target), config)


def rows_of(reader: Reader, config: TrainingConfig) -> Rows:
    """As `training_rows`, from a reader that is open already."""
    window = _window(reader, config)
    table, unlabelled = _read(reader, config, window)
    ordered, digest = in_order(table, config.time_column, config.max_rows)
    which = f"{config.time_column} in {window}" if window else "no row"
    undeclared = tuple(sorted(reader.times.beside - set(config.columns)))
    return Rows(ordered, digest, len(table), unlabelled, asked_of(config.source, config.columns, which), undeclared)


def all_rows(reader: Reader, config: TrainingConfig) -> pa.Table:
    """Every row that has a time, of whatever window, in the order of the source."""
    return _read(reader, config, None)[0]


def golden_rows(config: TrainingConfig, source: Source) -> Rows:
    """All rows of `source`. Raises DataInvalid where there is none, or a feature or the target is missing."""
    reader = reader_of(source, config.time_column, config.target)
    table, unlabelled = _read(reader, config, None)
    missing = [name for name in [*config.feature_names, config.target] if name not in table.column_names]
    if not len(table) or missing:
        what = "no rows" if not len(table) else f"no column {', '.join(missing)}"
        raise DataInvalid(f"the golden rows of {config.model} have {what}; correct gates.golden.source")
    ordered, digest = in_order(table, config.time_column)
    return Rows(ordered, digest, len(table), unlabelled, asked_of(source, config.columns, "every row"))


def _window(reader: Reader, config: TrainingConfig) -> Window | None:
    """The window, or None where it would end with the latest row and there is none."""
    length = length_of(config.longest_window)
    if config.as_of is not None:
        return Window.before(config.as_of, length)
    latest = reader.latest()
    return None if latest is None else Window.up_to(latest, length)


def _read(reader: Reader, config: TrainingConfig, window: Window | None) -> tuple[pa.Table, int]:
    """The rows of `window` (None: all) with their types, and how many more of it have no label."""
    kept: list[pa.Table] = []
    unlabelled = 0
    for batch in reader.batches(config.columns, window):
        rows = reader.times.read(batch)
        rows = rows if window is None else window.cut(rows, config.time_column)
        with_label = rows if reader.label is None else labelled(rows, reader.label)
        unlabelled += len(rows) - len(with_label)
        kept.append(with_label)
    reader.times.check()
    table = joined(kept, config.columns)
    return (_typed(table, config) if reader.text_only else table), unlabelled


def _typed(text: pa.Table, config: TrainingConfig) -> pa.Table:
    """`text` with the type each column shows, but for the features that are declared as text."""
    stay = {feature.name for feature in config.features if feature.type == "string"} | {config.time_column}
    return pa.table({name: text[name] if name in stay else guessed(text[name]) for name in text.column_names})
