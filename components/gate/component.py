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
    evaluation: dsl.Input[dsl.Artifact],
    snapshot: dsl.Input[dsl.Dataset],
    registry_uri: str,
    run_key: str,
    job_id: str,
    git_sha: str,
    images: str,
    report: dsl.Output[dsl.HTML],
    summary: dsl.Output[dsl.Markdown],
) -> NamedTuple("GateResult", [("better", bool), ("decision", str)]):  # type: ignore[valid-type]
    """Ask every gate of the best variant, and record the run; `decision` is a GateDecision as JSON.

    `models` has a folder for each variant, `golden` a data.parquet where golden rows are declared. `report` and `summary`
    are the report card.
    """
    import json
    import tempfile
    from collections import namedtuple
    from datetime import UTC, datetime
    from pathlib import Path

    import pandas as pd

    from components.evaluate.step import best_variant
    from components.gate.case import Case
    from components.gate.champion import find_champion
    from components.gate.record import Recording, record
    from components.gate.report import html_card, markdown_card
    from components.gate.step import judge
    from components.register.candidate import origin_of
    from components.split.window import rows_of_variant
    from serinus.training.config import TrainingConfig
    from serinus.training.steps import step
    from serinus.training.values import DataCard

    with step("gate") as said, tempfile.TemporaryDirectory() as cache:
        config = TrainingConfig.model_validate_json(training)
        scores, rows = json.loads(metrics), pd.read_parquet(holdout_rows.path)
        variant = best_variant(scores, config)
        card = DataCard.model_validate_json(Path(snapshot.path, "data-card.json").read_text(encoding="utf-8"))
        case = Case(
            config=config,
            variant=variant,
            rows=rows,
            predictions=pd.read_parquet(predictions.path)[variant],
            metrics=scores[variant],
            train=rows_of_variant(pd.read_parquet(train_rows.path), config, config.variant(variant), card.latest),
            model=Path(models.path, variant),
            now=config.as_of or datetime.now(UTC),
            golden=pd.read_parquet(f"{golden.path}/data.parquet") if config.gates.golden else None,
            champion=find_champion(config, registry_uri, rows, Path(cache)),
        )
        decision = judge(case)
        html = html_card(decision, model=config.model, data_digest=card.digest)
        markdown = markdown_card(decision, model=config.model, data_digest=card.digest)
        Path(report.path).write_text(html, encoding="utf-8")
        Path(summary.path).write_text(markdown, encoding="utf-8")
        kept = snapshot.metadata.get("address") or snapshot.uri
        recording = Recording(
            origin=origin_of(
                training, run_key=run_key, job_id=job_id, git_sha=git_sha, images=images, snapshot_uri=kept
            ),
            card=card,
            metrics=scores,
            decision=decision,
            report_html=html,
            report_markdown=markdown,
            models=Path(models.path),
            evaluation=Path(evaluation.path),
        )
        record(registry_uri, config, recording)
        said.say(decision.message)
    GateResult = namedtuple("GateResult", ["better", "decision"])  # KFP wants the name of the annotation
    return GateResult(decision.better, decision.model_dump_json(by_alias=True))
