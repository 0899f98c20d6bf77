"""Serving without processes: a revision is ready at once, and the route takes every weight."""

from dataclasses import dataclass, field

from serinus.backtest.clock import ReplayClock
from serinus.backtest.traffic import Traffic
from serinus.core.observation import CounterSample, InstanceUp, MetricsSnapshot, RevisionStatus, ServingObservation
from serinus.core.plan import Role, ServingPlan
from serinus.ports import Key

INSTANCE = "replay"


@dataclass
class ReplayServing:
    """Implements serinus.ports.ServingBackend."""

    plan: ServingPlan = field(default_factory=ServingPlan)

    async def observe(self, key: Key) -> ServingObservation:
        """Everything that was asked for, as it was asked for."""
        candidate = next((one.revision.id for one in self.plan.served if one.role is Role.CANDIDATE), "")
        return ServingObservation(
            revisions={
                one.revision.id: RevisionStatus(one.revision.id, True, one.capacity, one.capacity)
                for one in self.plan.served
            },
            weights=dict(self.plan.weights),
            url=f"replay://{key}",
            known={one.revision.id: one.revision for one in self.plan.served},
            stable=next((one.revision.id for one in self.plan.served if one.role is Role.STABLE), ""),
            mirror={candidate: self.plan.mirror} if candidate and self.plan.mirror else {},
            addresses={one.revision.id: f"replay://{one.revision.id}" for one in self.plan.served},
        )

    async def apply(self, key: Key, plan: ServingPlan) -> None:
        """It is so at once."""
        self.plan = plan


@dataclass
class ReplayMetrics:
    """Implements serinus.ports.MetricsSource: every row is a request; one that is refused is answered 400, none is slow."""

    clock: ReplayClock
    traffic: Traffic
    serving: ReplayServing

    def __post_init__(self) -> None:
        self._started_at = self.clock.now()

    async def read(self, key: Key) -> MetricsSnapshot:
        """What was counted so far, as one instance."""
        return MetricsSnapshot(
            at=self.clock.now(),
            instances=(InstanceUp(INSTANCE, self._started_at),),
            samples=tuple(self._sample(revision, codes) for revision, codes in self.traffic.codes.items()),
        )

    def _sample(self, revision: str, codes: dict[int, int]) -> CounterSample:
        total = sum(codes.values())
        edges = (*self.serving.plan.latency_edges_seconds, float("inf"))
        return CounterSample(revision, INSTANCE, self._started_at, dict(codes), dict.fromkeys(edges, total))
