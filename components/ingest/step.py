"""Ingest: read what the training file asks of its source, and keep it as an immutable, content-addressed snapshot."""

from pathlib import Path

from components.ingest.order import data_digest
from components.ingest.rows import golden_rows, training_rows
from components.ingest.snapshot import CARD_FILE, DATA_FILE, copy_snapshot, data_card, write_snapshot
from serinus.training.config import TrainingConfig
from serinus.training.values import DataCard

__all__ = ["CARD_FILE", "DATA_FILE", "data_digest", "ingest", "ingest_golden", "keep"]


def ingest(config: TrainingConfig, root: Path) -> tuple[Path, DataCard]:
    """Keep the rows of the window below `root`; returns the snapshot's folder and card."""
    rows = training_rows(config)
    card = data_card(rows, config.source, config)
    return write_snapshot(rows.table, card, root), card


def ingest_golden(config: TrainingConfig, root: Path) -> tuple[Path, DataCard] | None:
    """Keep the golden rows in the same way; None where the training file has none."""
    golden = config.gates.golden
    if golden is None:
        return None
    rows = golden_rows(config, golden.source)
    card = data_card(rows, golden.source, config)
    return write_snapshot(rows.table, card, root), card


def keep(folder: Path, target: Path, snapshot_root: str) -> str:
    """Put a snapshot's files into the step's output folder `target`, and at `snapshot_root` if that is an address.

    Returns where the snapshot is kept: nothing without a `snapshot_root`, because then it is gone with the pod, and the
    output itself is what lasts.
    """
    from components.ingest.publish import publish

    kept = publish(folder, snapshot_root) if "://" in snapshot_root else str(folder) if snapshot_root else ""
    copy_snapshot(folder, target)
    return kept
