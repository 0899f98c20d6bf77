"""One reconcile: gather, decide, persist, apply, report. The only place that sequences input and output."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from serinus.core import reasons
from serinus.core.decision import Decision, Input
from serinus.core.errors import MetricsUnavailable, SerinusError
from serinus.core.looking import COUNTED
from serinus.core.observation import Action, MetricsSnapshot, Observation, Problem, ServingObservation
from serinus.core.recovery import recovered_state
from serinus.core.revision import Artifact, Revision, revision_of
from serinus.core.rollout import decide
from serinus.core.spec import ModelDeployment, ModelSource
from serinus.core.state import RolloutState, initial_state
from serinus.owed import Debts
from serinus.ports import Key, Ports

ASK_REGISTRY_EVERY = timedelta(seconds=10)

T = TypeVar("T", Artifact, Artifact | None)


@dataclass(frozen=True)
class Answered:
    """What the registry said of a model source, and when."""

    at: datetime
    answer: Any


@dataclass
class Reconciler:
    """Reconciles ModelDeployments. It keeps nothing but a short memory of the registry's answers."""

    ports: Ports
    _answered: dict[tuple[Key, str, ModelSource], Answered] = field(default_factory=dict)
    _debts: Debts = field(init=False)

    def __post_init__(self) -> None:
        self._debts = Debts(self.ports)

    async def reconcile(self, key: Key, deployment: ModelDeployment, action: Action | None = None) -> Decision:
        """Bring one ModelDeployment a step further.

        The new state is saved before the world is changed, so a crash in between is repaired by the next reconcile.
        Raises ServingUnavailable, StateConflict, StateUnreadable, StateUnwritable.
        """
        now = self.ports.clock.now()
        stored, serving = await self.ports.store.load(key), await self.ports.serving.observe(key)
        state = stored or await self._first_state(key, deployment, serving, now)
        observed = await self._gather(key, deployment, state, serving, action)
        decision = decide(Input(deployment.spec, state, observed, now))
        saved = await self._persist(key, state, decision.next_state)
        # What was not decided yet (a lost state, an absent registry) is no order to serve nothing.
        if decision.plan.served or not serving.revisions:
            await self.ports.serving.apply(key, decision.plan)
        if decision.changed:
            self.ports.journal.decided(key, now, decision)
        await self._debts.settle(key, saved)
        return decision

    async def _first_state(
        self, key: Key, deployment: ModelDeployment, serving: ServingObservation, now: datetime
    ) -> RolloutState:
        """Of a deployment that was never served, or whose state was lost while it is served."""
        promoted = await self._recent_answer(key, deployment.spec.model, self._promoted) if serving.known else None
        message = f"{deployment.metadata.name} was never served before"
        return recovered_state(serving, promoted, now) or initial_state(now, reasons.WAITING_FOR_READINESS, message)

    async def _gather(
        self,
        key: Key,
        deployment: ModelDeployment,
        state: RolloutState,
        serving: ServingObservation,
        action: Action | None,
    ) -> Observation:
        template = deployment.spec.serving.revision_template()
        source = deployment.spec.model
        target = await self._recent_answer(key, source, self._target)
        promoted = None if state.has_served else await self._recent_answer(key, source, self._promoted)
        return Observation(
            target=_as_revision(target, template),
            serving=serving,
            promoted=_as_revision(promoted, template) if promoted else None,
            metrics=await self._metrics(key) if state.phase in COUNTED else None,
            action=action,
        )

    async def _recent_answer(
        self, key: Key, source: ModelSource, ask: Callable[[ModelSource], Awaitable[T]]
    ) -> T | Problem:
        """What the registry answers, or answered less than ASK_REGISTRY_EVERY ago."""
        now = self.ports.clock.now()
        self._answered = {what: seen for what, seen in self._answered.items() if now - seen.at < ASK_REGISTRY_EVERY}
        question = (key, ask.__name__, source)
        if question not in self._answered:
            self._answered[question] = Answered(now, await _or_problem(ask(source)))
        answer: T | Problem = self._answered[question].answer
        return answer

    async def _target(self, source: ModelSource) -> Artifact:
        """What the spec names."""
        return await self.ports.registry.resolve(
            source.name, version=source.version or "", alias=source.alias or "", uri=source.uri or ""
        )

    async def _promoted(self, source: ModelSource) -> Artifact | None:
        """What the promoteAlias names: it is served first, so that a rebuilt system starts with a judged version."""
        if source.promote_alias is None:
            return None
        version = await self.ports.registry.alias_version(source.name, source.promote_alias)
        return await self.ports.registry.resolve(source.name, version=version) if version else None

    async def _metrics(self, key: Key) -> MetricsSnapshot | Problem:
        try:
            return await self.ports.metrics.read(key)
        except MetricsUnavailable as error:
            return Problem(reasons.METRICS_UNAVAILABLE, str(error))

    async def _persist(self, key: Key, before: RolloutState, after: RolloutState) -> RolloutState:
        if after == before and before.sequence:
            return before
        return await self.ports.store.save(key, after, expected=before.sequence)


async def _or_problem(question: Awaitable[T]) -> T | Problem:
    try:
        return await question
    except SerinusError as error:
        return Problem(reasons.TARGET_UNRESOLVED, str(error))


def _as_revision(answer: Artifact | Problem, template: dict[str, object]) -> Revision | Problem:
    return answer if isinstance(answer, Problem) else revision_of(answer, template)
