"""The predictor's side of the prediction log: which answers are told, and how many were."""

from collections.abc import Iterator, Sequence
from time import time
from typing import Any

from numpy.typing import NDArray
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from serinus.predictor.collector import LABELS
from serinus.predictor.decoding import Batch
from serinus.predictor.events import Answered
from serinus.predictor.identity import Identity
from serinus.predictor.outbox import Outbox
from serinus.predictor.sampling import is_sampled

REASONS = ("full", "refused", "shutdown", "shape")


class PredictionLog:
    """Takes answers that belong to the sample into the outbox; a request never waits for it."""

    def __init__(self, outbox: Outbox, sample_rate: float) -> None:
        self._outbox = outbox
        self._rate = sample_rate

    def add(self, identity: Identity, batch: Batch, predictions: NDArray[Any]) -> None:
        """Log one request's answers. A copy under an id that no client knows can meet neither its twin nor a label."""
        if (identity.mirrored and not identity.given) or not is_sampled(identity.request_id, self._rate):
            return
        if predictions.ndim != 1:  # several numbers for a row: the log has one
            self._outbox.drop(batch.rows, "shape")
        else:
            self._outbox.put(Answered(identity.request_id, time(), batch, predictions, identity.mirrored))


class EventCounters(Collector):
    """How many events were sent and dropped."""

    def __init__(self, labels: Sequence[str], outbox: Outbox) -> None:
        self._labels = list(labels)
        self._outbox = outbox

    def describe(self) -> list[Metric]:
        """Nothing: registering must not read the counts."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Both families, with zeros for what has not happened."""
        sent = CounterMetricFamily(
            "serinus_prediction_events_sent", "Predictions that the collector has taken.", labels=LABELS
        )
        sent.add_metric(self._labels, self._outbox.sent)
        yield sent
        dropped = CounterMetricFamily(
            "serinus_prediction_events_dropped",
            "Predictions that were not logged, by reason.",
            labels=[*LABELS, "reason"],
        )
        for reason in REASONS:
            dropped.add_metric([*self._labels, reason], self._outbox.dropped[reason])
        yield dropped
