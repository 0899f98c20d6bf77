"""Ingest: read the source, cut the window, and keep it as an immutable, content-addressed snapshot with a data card."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import cast

import pandas as pd

from serinus.core.errors import DataInvalid
from serinus.training.config import TrainingConfig
from serinus.training.sources import FileSource, FunctionSource, Source
from serinus.training.values import ColumnCard, DataCard

DATA_FILE = "data.parquet"
CARD_FILE = "data-card.json"
SAMPLE_SEED = 0


def read_source(source: Source) -> pd.DataFrame:
    """All rows of the source. Raises DataInvalid where it cannot be read."""
    if isinstance(source, FunctionSource):
        module, name = source.function.split(":")
        return cast("Callable[[], pd.DataFrame]", getattr(import_module(module), name))()
    try:
        return pd.read_csv(source.path) if source.type == "csv" else pd.read_parquet(source.path)
    except (OSError, ValueError) as error:  # pandas' parser errors and pyarrow's are ValueErrors
        cause = " ".join(str(error).split())
        raise DataInvalid(f"source {source.path} is not readable as {source.type} ({cause}); correct source") from error


def select_window(frame: pd.DataFrame, config: TrainingConfig) -> pd.DataFrame:
    """The rows in [as_of - window, as_of), ordered by time; without `as_of` the window ends with the latest row."""
    times = _times(frame, config.time_column)
    inside = times.notna()
    if config.as_of is not None:
        inside &= (times < config.as_of) & (times >= config.as_of - config.window)
    elif times.notna().any():
        inside &= times > times.max() - config.window
    present = [column for column in config.columns if column in frame.columns]
    selected = frame.loc[inside, present].assign(**{config.time_column: times[inside]})
    return selected.sort_values(config.time_column, kind="stable", ignore_index=True)


def sample(frame: pd.DataFrame, max_rows: int | None) -> pd.DataFrame:
    """At most `max_rows` rows drawn with a fixed seed, in their former order."""
    if max_rows is None or len(frame) <= max_rows:
        return frame
    return frame.sample(max_rows, random_state=SAMPLE_SEED).sort_index().reset_index(drop=True)


def data_digest(frame: pd.DataFrame) -> str:
    """`sha256:<hex>` over column names, types and values; the same rows in the same order have the same digest."""
    header = ",".join(f"{name}:{dtype}" for name, dtype in frame.dtypes.items())
    digest = hashlib.sha256(header.encode())
    digest.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    return f"sha256:{digest.hexdigest()}"


def data_card(frame: pd.DataFrame, config: TrainingConfig, rows_in_window: int) -> DataCard:
    """Describe a snapshot."""
    times = frame[config.time_column]
    source = config.source.path if isinstance(config.source, FileSource) else config.source.function
    columns = tuple(
        ColumnCard(
            name=str(name),
            type=str(frame[name].dtype),
            missing=int(frame[name].isna().sum()),
            distinct=int(frame[name].nunique()),
        )
        for name in frame.columns
    )
    return DataCard(
        source=source,
        rows=len(frame),
        rows_in_window=rows_in_window,
        first=_iso(times.min()) if len(frame) else "",
        last=_iso(times.max()) if len(frame) else "",
        digest=data_digest(frame),
        columns=columns,
    )


def write_snapshot(frame: pd.DataFrame, card: DataCard, root: Path) -> Path:
    """Write `root/<digest>/` with data and card, whole or not at all; a snapshot that is there is left as it is."""
    folder = root / card.digest.removeprefix("sha256:")
    if folder.exists():
        return folder
    root.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=root))
    try:
        frame.to_parquet(draft / DATA_FILE, index=False)
        (draft / CARD_FILE).write_text(card.model_dump_json(by_alias=True, indent=2))
        os.rename(draft, folder)
    except OSError:
        shutil.rmtree(draft, ignore_errors=True)
        if not folder.exists():  # otherwise another run wrote the same rows first
            raise
    return folder


def ingest(config: TrainingConfig, root: Path) -> tuple[Path, DataCard]:
    """Read, cut and keep the rows that `config` asks for; returns the snapshot's folder and card."""
    in_window = select_window(read_source(config.source), config)
    rows = sample(in_window, config.max_rows)
    card = data_card(rows, config, len(in_window))
    return write_snapshot(rows, card, root), card


def _times(frame: pd.DataFrame, column: str) -> "pd.Series[datetime]":
    if column not in frame.columns:
        raise DataInvalid(
            f'time column "{column}" is missing; the source has {", ".join(map(str, frame.columns[:20]))}: '
            "correct timeColumn or the source"
        )
    times = pd.to_datetime(frame[column], utc=True, errors="coerce")
    bad = frame.loc[times.isna(), column]
    if len(bad):
        raise DataInvalid(
            f'time column "{column}" is not a time in {len(bad)} of {len(frame)} rows, as in {bad.iloc[0]!r}; '
            "correct these rows or remove them"
        )
    return cast("pd.Series[datetime]", times)


def _iso(moment: object) -> str:
    return cast("datetime", moment).isoformat()
