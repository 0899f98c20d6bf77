"""What Prometheus is told of the operator. Gauges about deployments follow from their latest states at each scrape."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from serinus.core.state import Outcome, RolloutState
from serinus.kubernetes.deployment_metrics import Seen, deployment_metrics, seen
from serinus.kubernetes.families import OWN
from serinus.kubernetes.finished_runs import FinishedRuns
from serinus.ports import Key

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Telemetry(Collector):
    """Counters that the parts of the operator add to, and the deployments' states as they were last decided."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._deployments: dict[Key, Seen] = {}
        self._api = self._counter("api_requests", "Answers of the API server.", "verb", "kind", "code")
        self._decisions = self._counter("decisions", "Decisions a person would notice.", "reason")
        self._rollouts = self._counter("rollouts_finished", "Rollouts that ended.", *OWN, "outcome")
        self._runs = FinishedRuns(self.registry)
        self._dropped = self._counter("events_dropped", "Kubernetes Events that were not written.")
        self._missed = self._counter("relist_missed", "Changes that a list found and no watch had told.", "kind")
        self._asked = self._counter(
            "registry_questions", "Questions that the model registry was asked.", "what", "result"
        )
        self._watches = self._counter("watch_starts", "Times all watches were started.")
        self._seconds = Histogram(
            "serinus_reconcile_seconds", "Time of one reconcile.", ("result",), buckets=SECONDS, registry=self.registry
        )
        self._leader = Gauge("serinus_leader", "1 while this replica works.", registry=self.registry)
        self.registry.register(self)

    def watch_queue(self, depth: Callable[[], int], at_work: Callable[[], int]) -> None:
        """Where to ask for the queue's size."""
        depth_gauge = Gauge("serinus_queue_depth", "Deployments that wait for a worker.", registry=self.registry)
        depth_gauge.set_function(depth)
        Gauge("serinus_queue_at_work", "Deployments at work.", registry=self.registry).set_function(at_work)

    def answered(self, verb: str, kind: str, code: int) -> None:
        """The API server answered; code 0: it did not."""
        self._api.labels(verb, kind, str(code)).inc()

    def reconciled(self, seconds: float, result: str) -> None:
        """A reconcile is over; `result` is ok or the name of the error."""
        self._seconds.labels(result).observe(seconds)

    def decided(self, reason: str) -> None:
        """A decision that a person would notice."""
        self._decisions.labels(reason).inc()

    def finished(self, key: Key, outcome: Outcome) -> None:
        """A rollout ended."""
        self._rollouts.labels(*_labels(key), str(outcome)).inc()

    def event_dropped(self) -> None:
        """A Kubernetes Event was not written."""
        self._dropped.inc()

    def registry_asked(self, what: str, result: str) -> None:
        """The model registry was asked; `result` is ok or the name of the error."""
        self._asked.labels(what, result).inc()

    def missed(self, kind: str, changes: int) -> None:
        """A list found changes that no watch had told."""
        self._missed.labels(kind).inc(changes)

    def watching(self) -> None:
        """All watches were started."""
        self._watches.inc()

    def leading(self, leads: bool) -> None:
        """Whether this replica works. One that does not knows of no deployment: its numbers would be old."""
        self._leader.set(leads)
        for key in () if leads else tuple(self._deployments):
            self.forget(key)

    def seen(self, key: Key, state: RolloutState, trouble: str = "") -> None:
        """The deployment's latest state, and the reason of its trouble."""
        self._begin(key)
        self._deployments[key] = seen(state, trouble)
        self._runs.seen(key, state.retraining)

    def complained(self, key: Key, reason: str) -> None:
        """The deployment could not be reconciled."""
        self._begin(key)
        self._deployments[key] = replace(self._deployments.get(key, Seen()), trouble=reason)

    def forget(self, key: Key) -> None:
        """The deployment is gone, and its series with it."""
        self._deployments.pop(key, None)
        self._runs.forget(key)
        for outcome in Outcome:
            with suppress(KeyError):
                self._rollouts.remove(*_labels(key), str(outcome))

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)

    def collect(self) -> Iterable[Metric]:
        """The gauges about deployments."""
        return deployment_metrics(self._deployments)

    def _begin(self, key: Key) -> None:
        """Let the deployment's counters be there from 0 on: a series that begins at 1 has no increase."""
        if key not in self._deployments:
            for outcome in Outcome:
                self._rollouts.labels(*_labels(key), str(outcome))

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"serinus_{name}", text, labels, registry=self.registry)


def _labels(key: Key) -> tuple[str, str]:
    return key.namespace, key.name
