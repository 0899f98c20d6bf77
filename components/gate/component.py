"""Gate as a KFP component."""

from typing import NamedTuple

from kfp import dsl

from components.step_image import component


@component
def gate(
    training: str,
    metrics: str,
    predictions: dsl.Input[dsl.Dataset],
    holdout_rows: dsl.Input[dsl.Dataset],
    registry_uri: str,
) -> NamedTuple("GateResult", [("better", bool), ("decision", str)]):  # type: ignore[valid-type]
    """Compare the best variant with the champion; `decision` is a GateDecision as JSON."""
    import json
    import tempfile
    from collections import namedtuple
    from pathlib import Path

    import pandas as pd

    from components.gate.champion import find_champion
    from components.gate.step import decide
    from serinus.training.config import TrainingConfig
    from serinus.training.steps import step

    with step("gate") as report, tempfile.TemporaryDirectory() as cache:
        config = TrainingConfig.model_validate_json(training)
        rows, answers = pd.read_parquet(holdout_rows.path), pd.read_parquet(predictions.path)
        champion = find_champion(config, registry_uri, rows, Path(cache))
        decision = decide(rows[config.target], answers, json.loads(metrics), champion, config)
        report.say(decision.message)
    GateResult = namedtuple("GateResult", ["better", "decision"])  # KFP wants the name of the annotation
    return GateResult(decision.better, decision.model_dump_json(by_alias=True))
