"""A gateway whose counters tests can move on, and looks at it."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from serinus.core.analysis import Evidence, Look, SignalVerdict, judge, look
from serinus.core.observation import CounterSample, InstanceUp, MetricsSnapshot, RevisionStatus

START = datetime(2026, 3, 1, tzinfo=UTC)
LONG_AGO = START - timedelta(days=1)
CANDIDATE, STABLE = "candidate-1", "stable-1"
EDGES = (0.05, 0.1, 0.5, float("inf"))


@dataclass
class Gateway:
    """One counting process; it has counted since long before the rollout unless told otherwise."""

    name: str = "gateway"
    started_at: datetime = LONG_AGO
    codes: dict[str, Counter[int]] = field(default_factory=dict)
    slow: Counter[str] = field(default_factory=Counter)
    edges: tuple[float, ...] = EDGES

    def serve(self, revision: str, good: int, bad: int = 0, *, code: int = 500, slow: int = 0) -> None:
        self.codes.setdefault(revision, Counter()).update({200: good, code: bad})
        self.slow[revision] += slow

    def restart(self, at: datetime) -> None:
        self.started_at, self.codes, self.slow = at, {}, Counter()

    def sample(self, revision: str) -> CounterSample:
        codes = dict(self.codes[revision])
        total = sum(codes.values())
        buckets = {edge: total - (self.slow[revision] if edge < 0.5 else 0) for edge in self.edges}
        return CounterSample(revision, self.name, self.started_at, codes, buckets)


def snapshot(seconds: float, *gateways: Gateway) -> MetricsSnapshot:
    return MetricsSnapshot(
        START + timedelta(seconds=seconds),
        tuple(InstanceUp(gateway.name, gateway.started_at) for gateway in gateways),
        tuple(gateway.sample(revision) for gateway in gateways for revision in gateway.codes),
    )


def up(revision: str, *, ready: bool = True, restarts: int = 0) -> RevisionStatus:
    return RevisionStatus(revision, ready=ready, replicas=1, ready_replicas=int(ready), restarts=restarts)


def looked(
    evidence: Evidence,
    seen: MetricsSnapshot,
    *,
    weight: int | None = None,
    mirrored: bool = False,
    ready: bool = True,
    restarts: int = 0,
    stable_ready: bool = True,
) -> Evidence:
    candidate = up(CANDIDATE, ready=ready, restarts=restarts)
    return look(evidence, Look(seen, candidate, up(STABLE, ready=stable_ready), weight, mirrored))


def verdict(evidence: Evidence, name: str) -> SignalVerdict:
    return next(found for found in judge(evidence) if found.name == name)
