"""Ingest as a KFP component."""

from kfp import dsl

from components.step_image import component


@component
def ingest(training: str, snapshot_root: str, snapshot: dsl.Output[dsl.Dataset]) -> str:
    """Keep the rows that the training file asks for as an immutable snapshot; returns their digest."""
    import shutil
    from pathlib import Path

    from components.ingest.step import CARD_FILE, DATA_FILE
    from components.ingest.step import ingest as run
    from serinus.training.config import TrainingConfig
    from serinus.training.steps import step

    with step("ingest") as report:
        target = Path(snapshot.path)
        root = Path(snapshot_root) if snapshot_root else target.parent / "snapshots"
        folder, card = run(TrainingConfig.model_validate_json(training), root)
        target.mkdir(parents=True, exist_ok=True)
        for name in (DATA_FILE, CARD_FILE):
            shutil.copyfile(folder / name, target / name)
        snapshot.metadata.update({"digest": card.digest, "rows": card.rows})
        report.say(f"{card.rows:,} rows from {card.first[:16]} to {card.last[:16]}")
    return card.digest
