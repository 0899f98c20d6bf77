"""Evaluate as a KFP component."""

from typing import List  # noqa: UP035  # KFP reads the annotation by this name

from kfp import dsl

from components.step_image import component


@component
def evaluate(  # noqa: PLR0917  # KFP calls by name
    training: str,
    models: dsl.Input[List[dsl.Model]],  # noqa: UP006
    holdout_rows: dsl.Input[dsl.Dataset],
    predictions: dsl.Output[dsl.Dataset],
    gathered: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
    classification: dsl.Output[dsl.ClassificationMetrics],
    report: dsl.Output[dsl.HTML],
    evaluation: dsl.Output[dsl.Artifact],
) -> str:
    """Let every variant answer the held-out rows; returns the metrics by variant as JSON.

    `gathered` holds every variant's model under its name: KFP cannot hand a fan-in to a conditional task. `evaluation`
    is a folder with everything that was measured, its plots and its report.
    """
    import json
    import shutil
    from pathlib import Path

    import pandas as pd

    from components.evaluate.artifacts import log_classification, log_metrics
    from components.evaluate.evaluation import evaluate_variants, save_evaluation
    from components.train.folder import MODEL_FILE, VARIANT_FILE
    from components.train.step import load_model
    from serinus.training.config import TrainingConfig
    from serinus.training.evaluation import REPORT_FILE
    from serinus.training.steps import step

    with step("evaluate") as told:
        config = TrainingConfig.model_validate_json(training)
        rows = pd.read_parquet(holdout_rows.path)
        names = [Path(model.path, VARIANT_FILE).read_text() for model in models]
        for name, model in zip(names, models, strict=True):
            shutil.copytree(model.path, Path(gathered.path, name))
        fitted = ((name, load_model(str(Path(gathered.path, name, MODEL_FILE)))) for name in names)
        answers, found = evaluate_variants(fitted, rows, config)
        answers.to_parquet(predictions.path, index=False)
        save_evaluation(found, Path(evaluation.path))
        shutil.copyfile(Path(evaluation.path, REPORT_FILE), report.path)
        log_metrics(metrics, found)
        log_classification(classification, rows[config.target], answers[found.best], found)
        for logged in (metrics, classification):  # without a file, a rerun takes the step for one that did not end
            Path(logged.path).write_text(json.dumps(logged.metadata))
        told.say(found.summary)
    return json.dumps({one.variant: one.metrics for one in found.variants})
