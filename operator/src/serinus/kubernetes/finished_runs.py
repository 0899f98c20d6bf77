"""Counts retraining runs that end, out of the memories that are seen one after the other."""

from contextlib import suppress

from prometheus_client import CollectorRegistry, Counter

from serinus.core.retraining.state import PastRun, RetrainingState, RunEnd
from serinus.kubernetes.families import OWN
from serinus.ports import Key


class FinishedRuns:
    """By the trigger that asked first, and outcome. Runs that had ended when a deployment was first seen do not count."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._counter = Counter(
            "serinus_retraining_runs_finished",
            "Retraining runs that ended.",
            [*OWN, "trigger", "outcome"],
            registry=registry,
        )
        self._known: dict[Key, frozenset[str]] = {}
        self._triggers: dict[Key, set[str]] = {}

    def seen(self, key: Key, memory: RetrainingState | None) -> None:
        """The deployment's latest memory."""
        runs = memory.runs if memory else ()
        if memory and memory.run:
            self._begin(key, memory.run.causes[0].trigger)  # a series that begins at 1 has no increase
        for run in runs:
            if run.key not in self._known.get(key, frozenset(one.key for one in runs)):
                self._count(key, run)
        self._known[key] = frozenset(one.key for one in runs)

    def forget(self, key: Key) -> None:
        """The deployment is gone, and its series with it."""
        self._known.pop(key, None)
        for trigger in self._triggers.pop(key, set()):
            for outcome in RunEnd:
                with suppress(KeyError):
                    self._counter.remove(key.namespace, key.name, trigger, str(outcome))

    def _begin(self, key: Key, trigger: str) -> None:
        self._triggers.setdefault(key, set()).add(trigger)
        for outcome in RunEnd:
            self._counter.labels(key.namespace, key.name, trigger, str(outcome))

    def _count(self, key: Key, run: PastRun) -> None:
        self._begin(key, run.causes[0])
        self._counter.labels(key.namespace, key.name, run.causes[0], str(run.outcome)).inc()
