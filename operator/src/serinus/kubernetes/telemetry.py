"""What Prometheus is told of the operator. Gauges about deployments follow from their latest states at each scrape."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
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
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from serinus.core.planning import candidate_weight, mirrored_share
from serinus.core.rollout import latest_evidence
from serinus.core.state import Outcome, Phase, RolloutState
from serinus.ports import Key

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@dataclass(frozen=True)
class _Seen:
    """A deployment. `phase`: None before its first reconcile. `trouble`: the reason of it, empty where there is none."""

    phase: Phase | None = None
    weight: int = 0
    mirror: int = 0
    evidence: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    trouble: str = ""


class Telemetry(Collector):
    """Counters that the parts of the operator add to, and the deployments' states as they were last decided."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._deployments: dict[Key, _Seen] = {}
        self._api = self._counter("api_requests", "Answers of the API server.", "verb", "kind", "code")
        self._decisions = self._counter("decisions", "Decisions a person would notice.", "reason")
        self._rollouts = self._counter("rollouts_finished", "Rollouts that ended.", "outcome")
        for outcome in Outcome:  # a series that begins at 1 has no increase
            self._rollouts.labels(str(outcome))
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

    def finished(self, outcome: Outcome) -> None:
        """A rollout ended."""
        self._rollouts.labels(str(outcome)).inc()

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
        """Whether this replica works."""
        self._leader.set(leads)

    def seen(self, key: Key, state: RolloutState, trouble: str = "") -> None:
        """The deployment's latest state, and the reason of its trouble."""
        self._deployments[key] = _Seen(
            state.phase, candidate_weight(state), mirrored_share(state), latest_evidence(state), trouble
        )

    def complained(self, key: Key, reason: str) -> None:
        """The deployment could not be reconciled."""
        self._deployments[key] = replace(self._deployments.get(key, _Seen()), trouble=reason)

    def forget(self, key: Key) -> None:
        """The deployment is gone, and its series with it."""
        self._deployments.pop(key, None)

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)

    def collect(self) -> Iterable[Metric]:
        """The gauges about deployments."""
        phases = GaugeMetricFamily("serinus_deployments", "ModelDeployments by phase.", labels=["phase"])
        for phase in Phase:
            phases.add_metric([str(phase)], sum(seen.phase is phase for seen in self._deployments.values()))
        weights = GaugeMetricFamily(
            "serinus_candidate_weight", "The candidate's share in percent.", labels=["namespace", "deployment"]
        )
        mirrors = GaugeMetricFamily(
            "serinus_candidate_mirror",
            "The share of requests that is copied to the candidate, in percent.",
            labels=["namespace", "deployment"],
        )
        evidence = GaugeMetricFamily(
            "serinus_signal",
            "The latest numbers of a signal of the rollout under way.",
            labels=["namespace", "deployment", "signal", "number"],
        )
        troubles = GaugeMetricFamily(
            "serinus_trouble",
            "1 for a deployment that is not as it was asked for, or whose rollout cannot be judged.",
            labels=["namespace", "deployment", "phase", "reason"],
        )
        for key, seen in self._deployments.items():
            if seen.trouble:
                troubles.add_metric([key.namespace, key.name, str(seen.phase or ""), seen.trouble], 1)
            weights.add_metric([key.namespace, key.name], seen.weight)
            mirrors.add_metric([key.namespace, key.name], seen.mirror)
            for signal, numbers in seen.evidence.items():
                for name, value in numbers.items():
                    evidence.add_metric([key.namespace, key.name, signal, name], value)
        return phases, weights, mirrors, evidence, troubles

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"serinus_{name}", text, labels, registry=self.registry)
