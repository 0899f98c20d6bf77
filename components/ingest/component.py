"""Ingest as a KFP component."""

from kfp import dsl

from components.step_image import component


@component
def ingest(
    training: str, snapshot_root: str, snapshot: dsl.Output[dsl.Dataset], golden: dsl.Output[dsl.Dataset]
) -> str:
    """Keep the rows that the training file asks for as an immutable snapshot; returns their digest.

    `snapshot_root` is a folder, an address (s3://bucket/snapshots), or empty: beside the output. `golden` stays an empty
    folder where the training file declares no golden rows.
    """
    from pathlib import Path

    from components.ingest.step import ingest as run
    from components.ingest.step import ingest_golden, keep
    from serinus.training.config import TrainingConfig
    from serinus.training.steps import step

    with step("ingest") as report:
        config = TrainingConfig.model_validate_json(training)
        here = snapshot_root and "://" not in snapshot_root
        root = Path(snapshot_root) if here else Path(snapshot.path).parent / "snapshots"
        folder, card = run(config, root)
        said = (
            f"{card.rows:,} rows from {card.first[:16]} to {card.last[:16]}" if card.rows else "no rows in the window"
        )
        said += f", {card.unlabelled:,} without a label left out" if card.unlabelled else ""
        gold = ingest_golden(config, root)
        Path(golden.path).mkdir(parents=True, exist_ok=True)
        if gold is not None:
            kept = keep(gold[0], Path(golden.path), snapshot_root)
            golden.metadata.update({"digest": gold[1].digest, "rows": gold[1].rows, "address": kept})
            said += f"; {gold[1].rows:,} golden rows"
        kept = keep(folder, Path(snapshot.path), snapshot_root)
        snapshot.metadata.update({"digest": card.digest, "rows": card.rows, "address": kept})
        report.say(said)
    return card.digest
