"""One policy over the whole history: the real Reconciler, looked at as often as it would look at what changes."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from serinus.backtest.bins import ReplayBins
from serinus.backtest.clock import ReplayClock
from serinus.backtest.fits import Fits
from serinus.backtest.history import History
from serinus.backtest.memory import MemoryJournal, MemoryRegistry, MemoryStore
from serinus.backtest.pipeline import ReplayPipeline
from serinus.backtest.quality import ReplayQuality
from serinus.backtest.serving import ReplayMetrics, ReplayServing
from serinus.backtest.traffic import Traffic
from serinus.backtest.versions import Answers
from serinus.core.decision import SOON, Decision
from serinus.core.errors import DataInvalid
from serinus.core.plan import Role
from serinus.core.retraining.schedule import next_moment
from serinus.core.spec import ModelDeployment, ScheduleTrigger
from serinus.core.state import Phase, RolloutState, Stage
from serinus.ports import Key, Ports
from serinus.reconcile import Reconciler
from serinus.training.config import TrainingConfig

FIRST_RUN: Final = "first"
AT_REST: Final = frozenset({Phase.STABLE, Phase.ROLLED_BACK, Phase.FAILED})
WAITING: Final = frozenset({Phase.PAUSED, Phase.AWAITING_APPROVAL})
MOST_AT_ONCE: Final = 100  # looks a second apart, after which nothing that should happen at once will


@dataclass(frozen=True)
class Span:
    """What is replayed: requests after `start` up to `end`, with a look every `look` while nothing is under way."""

    start: datetime
    end: datetime
    look: timedelta

    def next_look(self, now: datetime) -> datetime:
        """The first regular look after `now`."""
        return self.start + ((now - self.start) // self.look + 1) * self.look


@dataclass
class Replay:
    """The world of the policy `name`, and the loop over it. `fits` and `answers` may be shared with other policies."""

    name: str
    history: History
    deployment: ModelDeployment
    config: TrainingConfig
    span: Span
    fits: Fits
    answers: Answers
    seed: int = 0
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    store: MemoryStore = field(default_factory=MemoryStore)
    serving: ReplayServing = field(default_factory=ReplayServing)
    looks: int = 0
    causes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = ReplayClock(self.span.start)
        self.registry = MemoryRegistry(self.config.model)
        self.pipeline = ReplayPipeline(self.config, self.clock, self.fits, self.registry)
        self.traffic = Traffic(self.history, self.answers, self.seed)
        self.key = Key(self.deployment.metadata.namespace, self.deployment.metadata.name)
        ports = Ports(
            store=self.store,
            serving=self.serving,
            metrics=ReplayMetrics(self.clock, self.traffic, self.serving),
            registry=self.registry,
            journal=self.journal,
            clock=self.clock,
            quality=ReplayQuality(self.clock, self.history, self.traffic),
            bins=ReplayBins(self.clock, self.history, self.traffic),
            trainings=self.pipeline,
            runner=self.pipeline,
        )
        # The registry in memory answers at once, and what it answers changes within a second of the replay.
        self._reconciler = Reconciler(ports, good_for=timedelta())

    def run(self) -> None:
        """Replay from the first version on. Raises DataInvalid where no first version can be had.

        Numerical libraries get one thread, as in training: the last digits depend on their number.
        """
        from threadpoolctl import threadpool_limits

        with threadpool_limits(limits=1):
            self._train_first()
            self.traffic.skip(self.history.before(self.span.start))
            asyncio.run(self._replay())

    def _train_first(self) -> None:
        first = self.pipeline.run(FIRST_RUN)
        if not first.version:
            raise DataInvalid(
                f"there is no version to begin with on {self.span.start:%Y-%m-%d %H:%M} ({first.reason}: "
                f"{first.message}); begin later by --start, or correct the training file"
            )
        self.pipeline.runs[FIRST_RUN] = first

    async def _replay(self) -> None:
        now, at_once = self.span.start, 0
        while now <= self.span.end:
            runs = len(self.pipeline.runs)
            decision = await self._look(now)
            then = self._then(now, decision, trained=len(self.pipeline.runs) > runs, at_once=at_once)
            at_once = at_once + 1 if then - now <= SOON else 0
            now = then
        self._serve_until(self.span.end)

    async def _look(self, now: datetime) -> Decision:
        self._serve_until(now)
        self.looks += 1
        decision = await self._reconciler.reconcile(self.key, self.deployment)
        for one in self.serving.plan.served:
            self.traffic.know(one.revision.id, self.registry.versions[one.revision.artifact.version])
        memory = decision.next_state.retraining
        if memory is not None:
            self.causes |= {run.key: run.causes for run in memory.runs}
            self.causes |= {memory.run.key: tuple(cause.trigger for cause in memory.run.causes)} if memory.run else {}
        return decision

    def _serve_until(self, now: datetime) -> None:
        self.clock.set(now)
        plan = self.serving.plan
        candidate = [one.revision.id for one in plan.served if one.role is Role.CANDIDATE]
        mirror = dict.fromkeys(candidate, plan.mirror) if plan.mirror else {}
        self.traffic.advance(self.history.before(now), dict(plan.weights), mirror)

    def _then(self, now: datetime, decision: Decision, *, trained: bool, at_once: int) -> datetime:
        """When to look next: at the evidence as often as the policy says, at what is about to happen at once."""
        state = decision.next_state
        if state.rollout is not None and _is_judged(state):
            return now + state.rollout.policy.interval
        if at_once < MOST_AT_ONCE and (trained or decision.changed or _is_busy(self.store.state)):
            return now + SOON
        return min([self.span.next_look(now), *self._scheduled(now)])

    def _scheduled(self, now: datetime) -> Iterator[datetime]:
        """When a Schedule trigger is due next: the operator wakes up for that, too."""
        retraining = self.deployment.spec.retraining
        for trigger in retraining.triggers if retraining else ():
            if isinstance(trigger, ScheduleTrigger):
                yield next_moment(trigger.cron, trigger.time_zone, now)


def _is_busy(state: RolloutState | None) -> bool:
    """Whether something is under way that goes on by itself: a rollout between two stages, a training run."""
    if state is None:
        return True
    memory = state.retraining
    training = memory is not None and (memory.run is not None or (bool(memory.wanted) and memory.hold is None))
    return training or state.phase not in AT_REST


def _is_judged(state: RolloutState) -> bool:
    """Whether the rollout waits for evidence or for a person."""
    analysed = state.phase is Phase.PROGRESSING and state.rollout is not None and state.rollout.stage is Stage.ANALYSING
    return analysed or state.phase in WAITING
