"""A snapshot: rows and their card in a folder named by the digest of the rows, written whole or not at all, and kept."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from components.ingest.readers import address_of
from components.ingest.rows import Rows
from serinus.core.errors import StateUnwritable
from serinus.training.config import TrainingConfig
from serinus.training.sources import Source
from serinus.training.values import ColumnCard, DataCard

DATA_FILE = "data.parquet"
CARD_FILE = "data-card.json"


def data_card(rows: Rows, source: Source, config: TrainingConfig) -> DataCard:
    """Describe the rows: where they come from, and what is in them."""
    table, times = rows.table, rows.table[config.time_column]
    return DataCard(
        source=address_of(source),
        query=rows.query,
        rows=len(table),
        rows_in_window=rows.in_window,
        unlabelled=rows.unlabelled,
        first=times[0].as_py().isoformat() if len(table) else "",
        last=times[-1].as_py().isoformat() if len(table) else "",
        digest=rows.digest,
        undeclared=rows.undeclared,
        columns=tuple(_column_card(name, table[name], config) for name in table.column_names),
    )


def write_snapshot(rows: pa.Table, card: DataCard, root: Path) -> Path:
    """Write `root/<digest>/` with rows and card; a snapshot that is there is left as it is. Raises StateUnwritable."""
    folder = root / card.digest.removeprefix("sha256:")
    if folder.exists():
        return folder
    with _writing(folder):
        root.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=root))
        try:
            pq.write_table(rows, draft / DATA_FILE)
            (draft / CARD_FILE).write_text(card.model_dump_json(by_alias=True, indent=2))
            os.rename(draft, folder)
        except OSError:
            if not folder.exists():  # otherwise another run wrote the same rows first
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return folder


def copy_snapshot(folder: Path, target: Path) -> None:
    """Put the files of a snapshot into the folder `target`. Raises StateUnwritable."""
    with _writing(target):
        target.mkdir(parents=True, exist_ok=True)
        for name in (DATA_FILE, CARD_FILE):
            shutil.copyfile(folder / name, target / name)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StateUnwritable(
            f"snapshot {folder} cannot be written ({error.strerror or error}); make room there, or make it writable, "
            "and run again"
        ) from error


def _column_card(name: str, column: pa.ChunkedArray, config: TrainingConfig) -> ColumnCard:
    present = column.filter(pc.invert(pc.is_null(column, nan_is_null=True)))
    return ColumnCard(
        name=name,
        type=str(column.type),
        missing=len(column) - len(present),
        distinct=pc.count_distinct(present).as_py(),
        meaning=config.description(name),
    )
