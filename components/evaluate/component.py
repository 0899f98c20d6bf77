"""Evaluate as a KFP component."""

from typing import List  # noqa: UP035  # KFP reads the annotation by this name

from kfp import dsl

from components.step_image import component


@component
def evaluate(
    training: str,
    models: dsl.Input[List[dsl.Model]],  # noqa: UP006
    holdout_rows: dsl.Input[dsl.Dataset],
    predictions: dsl.Output[dsl.Dataset],
    gathered: dsl.Output[dsl.Model],
) -> str:
    """Let every variant answer the held-out rows; returns the metrics by variant as JSON.

    `gathered` holds every variant's model under its name: KFP cannot hand a fan-in to a conditional task.
    """
    import json
    import shutil
    from pathlib import Path

    import pandas as pd

    from components.evaluate.step import predict_answerable, score
    from components.train.step import load_model
    from serinus.training.config import TrainingConfig
    from serinus.training.steps import step

    with step("evaluate") as report:
        config = TrainingConfig.model_validate_json(training)
        rows = pd.read_parquet(holdout_rows.path)
        answers = rows[[config.target]].copy()
        for model in models:
            variant = Path(model.path, "variant.txt").read_text()
            shutil.copytree(model.path, Path(gathered.path, variant))
            answers[variant] = predict_answerable(load_model(f"{model.path}/model.skops"), rows, config, variant)
        answers.to_parquet(predictions.path, index=False)
        metrics = {name: score(rows[config.target], answers[name], config) for name in answers.columns[1:]}
        report.say(
            ", ".join(f"{name} {config.metric} {m.get(config.metric, float('nan')):.4f}" for name, m in metrics.items())
        )
    return json.dumps(metrics)
