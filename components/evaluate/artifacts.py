"""The best variant's numbers as the metrics that Kubeflow Pipelines shows in its dashboard."""

import math
from typing import Any

import pandas as pd

from components.evaluate.classification import roc_points
from serinus.training.evaluation import Evaluation


def log_metrics(artifact: Any, evaluation: Evaluation) -> None:
    """The best variant's metrics by name, and each variant's main metric as `<variant>.<metric>`; finite ones only."""
    shown = dict(evaluation.variant(evaluation.best).metrics)
    for one in evaluation.variants:
        if evaluation.metric in one.metrics:
            shown[f"{one.variant}.{evaluation.metric}"] = one.metrics[evaluation.metric]
    for name, value in shown.items():
        if math.isfinite(value):
            artifact.log_metric(name, value)


def log_classification(
    artifact: Any, truth: "pd.Series[float]", predictions: "pd.Series[float]", evaluation: Evaluation
) -> None:
    """The best variant's confusion matrix and ROC curve; nothing for a regression."""
    found = evaluation.variant(evaluation.best).confusion
    if found is None:
        return
    matrix = [[found.true_negatives, found.false_positives], [found.false_negatives, found.true_positives]]
    artifact.log_confusion_matrix(["0", "1"], matrix)
    for point in roc_points(truth, predictions):
        artifact.log_roc_data_point(*point)
