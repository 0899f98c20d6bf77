"""Validate as a KFP component."""

from kfp import dsl

from components.step_image import component


@component
def validate(training: str, snapshot: dsl.Input[dsl.Dataset], snapshot_root: str, report: dsl.Output[dsl.HTML]) -> int:
    """Fail unless the snapshot keeps every declared rule; returns its number of rows.

    `report` is written in both cases, and once more under `snapshot_root`: of a failed task KFP keeps no artifact.
    """
    from datetime import UTC, datetime
    from pathlib import Path

    import pandas as pd

    from components.validate.last import LastGood, read_last, write_last, write_whole
    from components.validate.report import html_report, summary
    from components.validate.step import check_snapshot, refuse_broken
    from serinus.training.config import TrainingConfig
    from serinus.training.steps import step
    from serinus.training.values import DataCard

    with step("validate") as told:
        config, now = TrainingConfig.model_validate_json(training), datetime.now(UTC)
        card = DataCard.model_validate_json(Path(snapshot.path, "data-card.json").read_text(encoding="utf-8"))
        frame = pd.read_parquet(Path(snapshot.path, "data.parquet"))
        last = read_last(snapshot_root, config.model) if config.table.max_row_change is not None else None
        checks = check_snapshot(frame, card, config, now=now, last=last)
        page = html_report(checks, card, config)
        Path(report.path).write_text(page, encoding="utf-8")
        refuse_broken(checks, config, write_whole(snapshot_root, f"{config.model}.html", page))
        write_last(snapshot_root, config.model, LastGood(digest=card.digest, rows=card.rows_in_window, time=now))
        told.say(summary(checks))
    return len(frame)
