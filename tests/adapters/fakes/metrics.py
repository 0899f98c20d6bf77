"""A metrics source in memory."""

from collections import Counter
from datetime import datetime, timedelta

from serinus.core.errors import MetricsUnavailable
from serinus.core.observation import CounterSample, InstanceUp, MetricsSnapshot
from serinus.ports import Clock, Key

EDGES_SECONDS = (0.01, 0.1, 1.0)


class FakeMetrics:
    """Implements serinus.ports.MetricsSource: counts what `count` is told, as one instance."""

    def __init__(self, clock: Clock) -> None:
        self.up = True
        self._clock = clock
        self._started_at: datetime = clock.now()
        self._codes: dict[tuple[Key, str], Counter[int]] = {}
        self._seconds: dict[tuple[Key, str], list[float]] = {}

    async def read(self, key: Key) -> MetricsSnapshot:
        if not self.up:
            raise MetricsUnavailable("the fake metrics source is down; set `up`")
        return MetricsSnapshot(
            at=self._clock.now(),
            instances=(InstanceUp("fake", self._started_at),),
            samples=tuple(self._sample(*counted) for counted in sorted(self._codes) if counted[0] == key),
        )

    def _sample(self, key: Key, revision: str) -> CounterSample:
        seconds = self._seconds[key, revision]
        buckets = {edge: sum(one <= edge for one in seconds) for edge in EDGES_SECONDS}
        return CounterSample(revision, "fake", self._started_at, dict(self._codes[key, revision]), buckets)

    def count(self, key: Key, revision: str, code: int, requests: int = 1, seconds: float = 0.005) -> None:
        """Count requests that took `seconds` each."""
        self._codes.setdefault((key, revision), Counter())[code] += requests
        self._seconds.setdefault((key, revision), []).extend([seconds] * requests)

    def restart(self) -> None:
        """Begin to count from zero, as a new instance of the counting process does."""
        self._started_at = max(self._clock.now(), self._started_at + timedelta(microseconds=1))
        self._codes.clear()
        self._seconds.clear()
