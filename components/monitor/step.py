"""Monitor: the last window of the prediction log against the reference, and its answers against the labels that came."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pandas as pd

from components.monitor import sentences
from components.monitor.baseline import Baseline, logged_baseline, registered_baseline
from components.monitor.comparing import compare
from components.monitor.counting import Counts
from components.monitor.log import Part, PredictionLog, Window
from components.monitor.quality import by_period, by_version, check_answers
from components.monitor.values import MonitoringReport
from serinus.core.drift import DriftLimits
from serinus.core.errors import DataInvalid, SpecInvalid
from serinus.core.prediction_log import VERSION
from serinus.core.reference import Reference
from serinus.core.spec.duration import parse_duration
from serinus.training.config import TrainingConfig


@dataclass(frozen=True)
class Question:
    """What is reported on: the `window` of the log before `end`, and what it is compared with.

    `version` is the one whose rows are compared; empty: the one with the most rows. The reference is what training left
    beside it in the registry, or the `reference_window` of the log before the window.
    """

    log: str
    registry_uri: str
    end: datetime
    window: timedelta
    version: str = ""
    reference_window: timedelta | None = None
    limits: DriftLimits = field(default_factory=DriftLimits)

    @property
    def current(self) -> Window:
        """The window that is reported on."""
        return _before(self.end, self.window)

    @property
    def before(self) -> Window | None:
        """The window that it is compared with, if it is one of the log."""
        return _before(self.current.start, self.reference_window) if self.reference_window else None


def moment(text: str) -> datetime:
    """The time that `text` names in ISO 8601, in UTC; now, where it is empty. Raises SpecInvalid."""
    try:
        named = datetime.fromisoformat(text) if text else datetime.now(UTC)
    except ValueError as error:
        raise SpecInvalid(f'asOf: "{text}" is not a time; write one as in 2026-01-31T00:00:00Z') from error
    return named.replace(tzinfo=UTC) if named.tzinfo is None else named.astimezone(UTC)


def duration(name: str, text: str) -> timedelta:
    """The duration `text` of the argument `name`, longer than zero. Raises SpecInvalid."""
    try:
        length = parse_duration(text)
    except ValueError as error:
        raise SpecInvalid(f"{name}: {error}") from error
    if not length:
        raise SpecInvalid(f"{name}: {text} is too short; write a duration longer than zero, as in 24h")
    return length


def monitor(config: TrainingConfig, question: Question) -> MonitoringReport:
    """The report on one window. Raises DataInvalid, ModelVersionNotFound or RegistryUnavailable."""
    log, window = PredictionLog(question.log), question.current
    answers = log.answers(window)
    check_answers(answers, config)
    version = _version(answers, question, log.root)
    baseline = _baseline(config, question, log, version)
    declared = {feature.name: feature.categories for feature in config.features}
    counts = _count(baseline.reference, declared, log.part(window, baseline.reference.features), version)
    features, prediction = compare(baseline.reference, counts, question.limits)
    drift, versions = (*features, prediction), by_version(answers, config, window)
    own = next(one for one in versions if one.version == version)
    return MonitoringReport(
        model=config.model,
        version=version,
        log=log.root,
        reference=baseline.described,
        start=window.start,
        end=window.end,
        rows=len(answers),
        drift=features,
        prediction=prediction,
        versions=versions,
        periods=by_period(answers, config, window),
        registered_metrics=baseline.metrics,
        notes=tuple(sentences.notes(drift, own, nameless=len(answers) - sum(one.rows for one in versions))),
        message=sentences.message(features, prediction, own, baseline.metrics),
    )


def _before(end: datetime, length: timedelta) -> Window:
    try:
        return Window(end - length, end)
    except OverflowError as error:
        raise SpecInvalid(f"the window before {end.isoformat()} begins before the year 1; name a later end") from error


def _version(answers: pd.DataFrame, question: Question, log: str) -> str:
    """The version that is asked for, or the one with the most rows."""
    rows = answers[VERSION].value_counts()
    if not len(rows):
        raise DataInvalid(f"no row of {log} from {question.current} says which version answered it")
    if question.version and question.version not in rows:
        raise DataInvalid(
            f"version {question.version} answered nothing in {log} from {question.current}, "
            f"but version {', '.join(map(str, rows.index))} did; name one of these or another window"
        )
    return question.version or str(rows.index[0])


def _baseline(config: TrainingConfig, question: Question, log: PredictionLog, version: str) -> Baseline:
    if question.before is None:
        return registered_baseline(config, question.registry_uri, version)
    return logged_baseline(config, log.part(question.before, config.features), version, str(question.before))


def _count(reference: Reference, declared: Mapping[str, Sequence[str]], part: Part, version: str) -> Counts:
    counts = Counts(reference, part.columns, declared)
    if not counts.features:
        names = ", ".join(feature.name for feature in reference.features)
        raise DataInvalid(f"the prediction log has none of the features {names}; log each by its own name")
    counts.add(part.batches(counts.columns, version))
    return counts
