"""What /metrics says: outcomes of all that comes in, how well each revision did, how much waits."""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from serinus.collector.losses import row_losses
from serinus.collector.outcomes import Judged, Kind, LabelOutcome, LoggedOutcome, PredictionOutcome
from serinus.collector.settings import CollectorSettings
from serinus.core.quality import Comparison

OTHER: Final = "other"  # deployments beyond the bound, together
HOUR, DAY = 3600.0, 86_400.0
LAG_EDGES: Final = (1.0, 10.0, 60.0, 600.0, HOUR, 6 * HOUR, DAY, 3 * DAY, 7 * DAY, 14 * DAY, 30 * DAY)
OUTCOMES: Final[tuple[tuple[type[Kind], str, str], ...]] = (
    (PredictionOutcome, "serinus_collector_predictions", "Predictions by what became of them."),
    (LabelOutcome, "serinus_collector_labels", "Labels by what became of them."),
    (LoggedOutcome, "serinus_collector_logged_events", "CloudEvents of KServe's logger by what became of them."),
)


class Telemetry:
    """Counters since the start of this process, at most `max_series` revisions and deployments."""

    def __init__(self, settings: CollectorSettings) -> None:
        self._settings = settings
        self.registry = CollectorRegistry()
        self._deployments: set[str] = set()
        self._revisions: OrderedDict[tuple[str, str], set[tuple[Any, ...]]] = OrderedDict()
        self._outcomes = {
            kind: Counter(name, text, ["deployment", "outcome"], registry=self.registry)
            for kind, name, text in OUTCOMES
        }
        revision = ["deployment", "revision"]
        self._labelled = Counter(
            "serinus_labelled", "Answers to clients whose label has come in time.", revision, registry=self.registry
        )
        self._loss = Counter(
            "serinus_loss_sum", "Sum of the losses of labelled answers.", [*revision, "loss"], registry=self.registry
        )
        self._confusion = Counter(
            "serinus_confusion", "Labelled answers by class.", [*revision, "label", "predicted"], registry=self.registry
        )
        self._lag = Histogram(
            "serinus_label_lag_seconds",
            "From an answer to its label.",
            revision,
            buckets=LAG_EDGES,
            registry=self.registry,
        )
        self._compared = Gauge(
            "serinus_compared_rows",
            "Rows of the comparison asked for last, and those of them with a label.",
            [*revision, "stable", "labelled"],
            registry=self.registry,
        )
        self._compared_loss = Gauge(
            "serinus_compared_loss",
            "Sum of the losses of both on the rows of the comparison asked for last.",
            [*revision, "stable", "of"],
            registry=self.registry,
        )
        self.refused = Counter(
            "serinus_collector_refused", "Requests that were not taken.", ["reason"], registry=self.registry
        )
        self.failures = Counter(
            "serinus_collector_failures", "Work in the background that failed.", ["work"], registry=self.registry
        )

    def gauge(self, name: str, text: str, value: Callable[[], float]) -> None:
        """A gauge that is asked when it is scraped."""
        Gauge(name, text, registry=self.registry).set_function(value)

    def count(self, deployment: str, counts: Iterable[tuple[Kind, int]]) -> None:
        """So many more of each outcome."""
        if deployment not in self._deployments:
            if len(self._deployments) < self._settings.max_series:
                self._deployments.add(deployment)
            else:
                deployment = OTHER
        for outcome, number in counts:
            if number:
                self._outcomes[type(outcome)].labels(deployment, outcome.value).inc(number)

    def judged(self, rows: Sequence[Judged]) -> None:
        """Rows that have met their labels."""
        by_revision: dict[tuple[str, str], list[Judged]] = defaultdict(list)
        for row in rows:
            by_revision[row.deployment, row.revision].append(row)
        for (deployment, revision), some in by_revision.items():
            self._labelled.labels(*self._kept(deployment, revision)).inc(len(some))
            for row in some:
                self._lag.labels(deployment, revision).observe(max(0.0, row.lag_seconds))
            self._judge(deployment, revision, [row for row in some if row.prediction is not None])

    def compared(self, deployment: str, candidate: str, stable: str, comparison: Comparison) -> None:
        """The comparison that was asked for last."""
        labels = self._kept(deployment, candidate)
        cohorts = comparison.cohorts
        self._set(self._compared, (*labels, stable, "false"), sum(one.rows for one in cohorts))
        self._set(self._compared, (*labels, stable, "true"), sum(one.labelled for one in cohorts))
        self._set(self._compared_loss, (*labels, stable, "candidate"), sum(one.candidate_loss for one in cohorts))
        self._set(self._compared_loss, (*labels, stable, "stable"), sum(one.stable_loss for one in cohorts))

    def text(self) -> bytes:
        """In Prometheus' format."""
        return generate_latest(self.registry)

    def _judge(self, deployment: str, revision: str, rows: Sequence[Judged]) -> None:
        if not rows:
            return
        predictions = np.array([row.prediction for row in rows], np.float64)
        labels = np.array([row.label for row in rows], np.float64)
        if self._settings.is_classifier(deployment):
            # A label that waited while the deployment's losses were changed may be any number.
            of_a_class = np.isin(labels, (0.0, 1.0))
            predictions, labels = predictions[of_a_class], labels[of_a_class]
        for loss in self._settings.losses_of(deployment):
            total = float(row_losses(loss, np.inf, predictions, labels).sum())
            self._add(self._loss, (deployment, revision, loss), total)
        if self._settings.is_classifier(deployment):
            for label, predicted in zip(labels, predictions >= self._settings.threshold, strict=True):
                self._add(self._confusion, (deployment, revision, f"{label:g}", f"{int(predicted)}"), 1)

    def _add(self, metric: Counter, labels: tuple[str, ...], number: float) -> None:
        metric.labels(*labels).inc(number)
        self._revisions[labels[0], labels[1]].add((metric, *labels))

    def _set(self, metric: Gauge, labels: tuple[str, ...], number: float) -> None:
        metric.labels(*labels).set(number)
        self._revisions[labels[0], labels[1]].add((metric, *labels))

    def _kept(self, deployment: str, revision: str) -> tuple[str, str]:
        """The revision's labels; the one that was heard of longest ago goes if there are too many."""
        key = (deployment, revision)
        self._revisions.setdefault(key, {(self._labelled, *key), (self._lag, *key)})
        self._revisions.move_to_end(key)
        while len(self._revisions) > self._settings.max_series:
            for metric, *labels in self._revisions.popitem(last=False)[1]:
                metric.remove(*labels)
        return key
