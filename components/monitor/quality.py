"""How good the logged answers were, as far as their labels have come."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final, cast

import numpy as np
import pandas as pd

from components.evaluate.calibration import calibration_bins, expected_calibration_error
from components.evaluate.step import score
from components.monitor.log import Window
from components.monitor.values import LabelDelay, Quality
from serinus.core.errors import DataInvalid
from serinus.core.prediction_log import LABEL, LABEL_TIME, PREDICTION, TIME, VERSION
from serinus.training.config import TrainingConfig
from serinus.training.values import Metrics

MIN_LABELLED: Final = 30  # with fewer rows a metric says more about chance than about the model
HOURLY: Final = timedelta(days=2)  # windows up to this are shown by hour, longer ones by day
CALIBRATION_ERROR: Final = "calibrationError"


def check_answers(answers: pd.DataFrame, config: TrainingConfig) -> None:
    """Raise DataInvalid for answers and labels that the task cannot have."""
    predictions, labels = answers[PREDICTION].dropna(), answers[LABEL].dropna()
    if config.task == "classification":
        _refuse(predictions[~predictions.between(0, 1)], "a classification has a probability between 0 and 1")
        _refuse(labels[~labels.isin([0, 1])], "a classification has 0 or 1")
    else:
        for values in (predictions, labels):
            _refuse(values[~np.isfinite(values)], "a regression has a finite number")


def by_version(answers: pd.DataFrame, config: TrainingConfig, window: Window) -> tuple[Quality, ...]:
    """Every version over the whole window, the one with the most rows first."""
    versions = answers[VERSION].value_counts().index
    return tuple(_quality(answers[answers[VERSION] == one], config, str(one), window) for one in versions)


def by_period(answers: pd.DataFrame, config: TrainingConfig, window: Window) -> tuple[Quality, ...]:
    """Every version in every hour or day of the window that has rows, in order of time."""
    return tuple(_by_period(answers, config, window))


def _by_period(answers: pd.DataFrame, config: TrainingConfig, window: Window) -> Iterator[Quality]:
    length = timedelta(hours=1) if window.end - window.start <= HOURLY else timedelta(days=1)
    for (start, version), rows in answers.groupby([answers[TIME].dt.floor(length), VERSION]):
        began = cast("pd.Timestamp", start).to_pydatetime()
        yield _quality(rows, config, str(version), Window(max(began, window.start), min(began + length, window.end)))


def _refuse(wrong: "pd.Series[float]", expected: str) -> None:
    if len(wrong):
        raise DataInvalid(
            f"{wrong.name} is wrong in {len(wrong):,} rows of the prediction log, as {wrong.iloc[0]:g}, and {expected}; "
            "correct what writes the log, or task in the training file"
        )


def _quality(rows: pd.DataFrame, config: TrainingConfig, version: str, window: Window) -> Quality:
    answered = rows[rows[PREDICTION].notna()]
    labelled = answered[answered[LABEL].notna()]
    enough = len(labelled) >= MIN_LABELLED
    calibrated = enough and config.task == "classification"
    return Quality(
        version=version,
        start=window.start,
        end=window.end,
        rows=len(rows),
        labelled=len(labelled),
        unanswered=len(rows) - len(answered),
        metrics=_metrics(labelled, config) if enough else {},
        mean_prediction=float(answered[PREDICTION].mean()) if len(answered) else None,
        mean_label=float(labelled[LABEL].mean()) if enough else None,
        calibration=tuple(calibration_bins(labelled[LABEL], labelled[PREDICTION])) if calibrated else (),
        label_delay=_delay(labelled),
    )


def _metrics(labelled: pd.DataFrame, config: TrainingConfig) -> Metrics:
    """As in training, without what these rows do not define."""
    metrics = score(labelled[LABEL], labelled[PREDICTION], config)
    undefined = {"coverage"} if labelled[LABEL].nunique() > 1 else {"coverage", "auc"}
    if config.task == "classification":
        bins = calibration_bins(labelled[LABEL], labelled[PREDICTION])
        metrics |= {CALIBRATION_ERROR: expected_calibration_error(bins)}
    return {name: value for name, value in metrics.items() if name not in undefined}


def _delay(labelled: pd.DataFrame) -> LabelDelay | None:
    hours = ((labelled[LABEL_TIME] - labelled[TIME]).dt.total_seconds() / 3600).dropna()
    if not len(hours):
        return None
    return LabelDelay(median_hours=float(hours.median()), p90_hours=float(hours.quantile(0.9)))
