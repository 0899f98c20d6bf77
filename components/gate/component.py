"""Gate as a KFP component."""

from typing import NamedTuple

from kfp import dsl

from components.step_image import component


@component
def gate(  # noqa: PLR0917  # KFP calls by name
    training: str,
    metrics: str,
    predictions: dsl.Input[dsl.Dataset],
    models: dsl.Input[dsl.Model],
    train_rows: dsl.Input[dsl.Dataset],
    holdout_rows: dsl.Input[dsl.Dataset],
    golden: dsl.Input[dsl.Dataset],
    data_digest: str,
    registry_uri: str,
    report: dsl.Output[dsl.HTML],
    summary: dsl.Output[dsl.Markdown],
) -> NamedTuple("GateResult", [("better", bool), ("decision", str)]):  # type: ignore[valid-type]
    """Ask every gate of the best variant; `decision` is a GateDecision as JSON, `report` and `summary` its report card.

    `models` has a folder for each variant, `golden` a data.parquet where golden rows are declared.
    """
    import json
    import tempfile
    from collections import namedtuple
    from datetime import UTC, datetime
    from pathlib import Path

    import pandas as pd

    from components.gate.case import Case
    from components.gate.champion import find_champion
    from components.gate.report import html_card, markdown_card
    from components.gate.step import best_variant, judge
    from serinus.training.config import TrainingConfig
    from serinus.training.steps import step

    with step("gate") as said, tempfile.TemporaryDirectory() as cache:
        config = TrainingConfig.model_validate_json(training)
        scores, rows = json.loads(metrics), pd.read_parquet(holdout_rows.path)
        variant = best_variant(scores, config)
        case = Case(
            config=config,
            variant=variant,
            rows=rows,
            predictions=pd.read_parquet(predictions.path)[variant],
            metrics=scores[variant],
            train=pd.read_parquet(train_rows.path),
            model=Path(models.path, variant),
            now=config.as_of or datetime.now(UTC),
            golden=pd.read_parquet(f"{golden.path}/data.parquet") if config.gates.golden else None,
            champion=find_champion(config, registry_uri, rows, Path(cache)),
        )
        decision = judge(case)
        Path(report.path).write_text(html_card(decision, model=config.model, data_digest=data_digest))
        Path(summary.path).write_text(markdown_card(decision, model=config.model, data_digest=data_digest))
        said.say(decision.message)
    GateResult = namedtuple("GateResult", ["better", "decision"])  # KFP wants the name of the annotation
    return GateResult(decision.better, decision.model_dump_json(by_alias=True))
