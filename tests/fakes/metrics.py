"""The fake metrics source for a lot of traffic."""

from collections import Counter

from serinus.core.observation import CounterSample
from serinus.ports import Clock, Key
from tests.adapters.fakes.metrics import EDGES_SECONDS, FakeMetrics


class BulkMetrics(FakeMetrics):
    """Counts durations rather than listing them, so that a million requests cost as much as one."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._durations: dict[tuple[Key, str], Counter[float]] = {}

    def _sample(self, key: Key, revision: str) -> CounterSample:
        durations = self._durations[key, revision].items()
        buckets = {edge: sum(count for one, count in durations if one <= edge) for edge in EDGES_SECONDS}
        return CounterSample(revision, "fake", self._started_at, dict(self._codes[key, revision]), buckets)

    def count(self, key: Key, revision: str, code: int, requests: int = 1, seconds: float = 0.005) -> None:
        self._codes.setdefault((key, revision), Counter())[code] += requests
        self._durations.setdefault((key, revision), Counter())[seconds] += requests

    def restart(self) -> None:
        super().restart()
        self._durations.clear()
