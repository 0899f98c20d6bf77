"""The evaluation of the variants, put together from its parts, and the folder it is kept in."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from components.evaluate.calibration import calibration_bins, expected_calibration_error
from components.evaluate.classification import confusion
from components.evaluate.importance import importances
from components.evaluate.periods import period_metrics
from components.evaluate.plots import draw_plots
from components.evaluate.report import html_report
from components.evaluate.slices import slice_metrics
from components.evaluate.step import best_variant, predict_answerable, score
from serinus.training.config import TrainingConfig
from serinus.training.evaluation import EVALUATION_FILE, REPORT_FILE, Evaluation, VariantEvaluation
from serinus.training.folders import whole_folder


def evaluate_variants(
    models: Iterable[tuple[str, Any]], rows: pd.DataFrame, config: TrainingConfig
) -> tuple[pd.DataFrame, Evaluation]:
    """(the target and each variant's answers on the held-out `rows`, what was measured); `models` come with their names."""
    answers, found = rows[[config.target]].copy(), []
    for name, model in models:
        answers[name] = predict_answerable(model, rows, config, name)
        found.append(evaluate_variant(model, rows, answers[name], config, name))
    best = best_variant({one.variant: one.metrics for one in found}, config)
    evaluation = Evaluation(model=config.model, metric=config.metric, rows=len(rows), best=best, variants=tuple(found))
    return answers, evaluation


def evaluate_variant(
    model: Any, rows: pd.DataFrame, predictions: "pd.Series[float]", config: TrainingConfig, variant: str
) -> VariantEvaluation:
    """Everything that is measured of one variant, from its `predictions` on the held-out `rows`."""
    truth, classifies = rows[config.target], config.task == "classification"
    bins = calibration_bins(truth, predictions) if classifies else []
    slices = [one for column in judged_columns(config) for one in slice_metrics(rows, predictions, config, column)]
    return VariantEvaluation(
        variant=variant,
        metrics=score(truth, predictions, config),
        slices=tuple(slices),
        periods=tuple(period_metrics(rows, predictions, config)),
        calibration=tuple(bins),
        calibration_error=expected_calibration_error(bins) if bins else None,
        confusion=confusion(truth, predictions) if classifies else None,
        importance=tuple(importances(model, rows, config, variant)),
    )


def judged_columns(config: TrainingConfig) -> list[str]:
    """The columns that the training file asks to look at by slice, without repetition."""
    asked = [part.columns for part in (config.gates.slices, config.gates.fairness) if part]
    return list(dict.fromkeys(column for columns in asked for column in columns))


def save_evaluation(evaluation: Evaluation, folder: Path) -> None:
    """Write the evaluation as JSON, its plots as PNG and its report as `folder`. Raises TrainingFailed."""
    plots = draw_plots(evaluation)
    with whole_folder(folder) as draft:
        (draft / EVALUATION_FILE).write_text(evaluation.model_dump_json(by_alias=True, indent=2))
        (draft / REPORT_FILE).write_text(html_report(evaluation, plots), encoding="utf-8")
        for name, image in plots.items():
            (draft / name).write_bytes(image)
