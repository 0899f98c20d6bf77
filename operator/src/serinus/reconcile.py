"""One reconcile: gather, decide, persist, apply, report. The only place that sequences input and output."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from serinus.answers import GOOD_FOR, RegistryAnswers
from serinus.core import reasons
from serinus.core.decision import NOT_LATE, Decision, Input
from serinus.core.errors import MetricsUnavailable, RegistryUnavailable
from serinus.core.looking import COUNTED
from serinus.core.observation import Action, MetricsSnapshot, Observation, Problem, ServingObservation, Verb
from serinus.core.recovery import recovered_state
from serinus.core.revision import Artifact, Revision, revision_of
from serinus.core.rollout import decide
from serinus.core.spec import ModelDeployment
from serinus.core.state import RolloutState, initial_state
from serinus.gathering.inputs import ask_for_inputs
from serinus.gathering.signals import ask_for_signals
from serinus.gathering.training import ask_for_training
from serinus.launching import Launcher
from serinus.owed import Debts
from serinus.ports import Key, Ports
from serinus.turns import Turns


@dataclass
class Reconciler:
    """Reconciles ModelDeployments.

    It keeps nothing but a short memory of the registry's answers, each `good_for` so long, and the order in which
    deployments wait for a training run.
    """

    ports: Ports
    good_for: timedelta = GOOD_FOR
    turns: Turns = field(default_factory=Turns)
    _answers: RegistryAnswers = field(init=False)
    _debts: Debts = field(init=False)
    _launcher: Launcher = field(init=False)

    def __post_init__(self) -> None:
        self._answers = RegistryAnswers(self.ports.registry, self.ports.clock, good_for=self.good_for)
        self._debts = Debts(self.ports, self._answers.is_late)
        self._launcher = Launcher(self.ports, self.turns)

    async def reconcile(
        self,
        key: Key,
        deployment: ModelDeployment,
        action: Action | None = None,
        late: timedelta = NOT_LATE,
        invalid: str = "",
    ) -> Decision:
        """Bring one ModelDeployment a step further. `late`: for how long it had to wait for this.

        `invalid` says what is wrong with its spec as it stands; `deployment` is then what was valid before. No other
        revision is brought up for it, and what serves, a rollout under way and requests of people go on.

        The new state is saved before the world is changed, so a crash in between is repaired by the next reconcile.
        Raises ServingUnavailable, StateConflict, StateUnreadable, StateUnwritable, and RegistryUnavailable where the
        state was lost and only the registry knows what was judged.
        """
        now = self.ports.clock.now()
        stored, serving = await self.ports.store.load(key), await self.ports.serving.observe(key)
        state = stored or await self._first_state(key, deployment, serving, now)
        observed = await self._gather(key, deployment, state, serving, action, invalid=invalid)
        decision = decide(Input(deployment.spec, state, observed, now, late, str(key)))
        saved = await self._persist(key, state, decision.next_state)
        try:
            # What was not decided yet (a lost state, an absent registry) is no order to serve nothing.
            if decision.plan.served or not serving.revisions:
                await self.ports.serving.apply(key, decision.plan)
        finally:
            # It is decided, whether or not the world follows at once: the next reconcile only applies it again.
            if decision.changed:
                self.ports.journal.decided(key, now, decision)
            for note in decision.notes:
                self.ports.journal.noted(key, now, note)
        # Debts first: what keeps a run from being started must not keep the alias from its version.
        saved = await self._debts.settle(key, saved)
        await self._launcher.settle(key, saved, deployment.spec.retraining, observed.training)
        return decision

    def forget(self, key: Key) -> None:
        """The ModelDeployment is gone."""
        self._debts.forget(key)
        self._launcher.forget(key)

    async def _first_state(
        self, key: Key, deployment: ModelDeployment, serving: ServingObservation, now: datetime
    ) -> RolloutState:
        """Of a deployment that was never served, or whose state was lost while it is served."""
        promoted = await self._answers.promoted(deployment.spec.model) if serving.known else None
        if isinstance(promoted, Problem):
            # What serves goes on serving; guessed from the weights, a candidate could be taken for judged.
            raise RegistryUnavailable(f"the state was lost, and what was promoted cannot be asked: {promoted.message}")
        message = f"{deployment.metadata.name} was never served before"
        return recovered_state(serving, promoted, now) or initial_state(now, reasons.WAITING_FOR_READINESS, message)

    async def _gather(
        self,
        key: Key,
        deployment: ModelDeployment,
        state: RolloutState,
        serving: ServingObservation,
        action: Action | None,
        *,
        invalid: str,
    ) -> Observation:
        template = deployment.spec.serving.revision_template()
        source = deployment.spec.model
        # Who asks for another try has just registered a version, say, and means the registry as it is now.
        anew = action is not None and action.verb is Verb.RETRY and action.nonce != state.handled_nonce
        target = Problem(reasons.SPEC_INVALID, invalid) if invalid else await self._answers.target(source, anew=anew)
        promoted = None if state.has_served else await self._answers.promoted(source, anew=anew)
        # Each may be away: together they hold up a rollback by the longest patience. How long the counts may take is for
        # their source to say: a Prometheus that was given more time must not be cut off.
        metrics, signals, training, inputs = await asyncio.gather(
            self._metrics(key, state),
            ask_for_signals(self.ports, key, state, serving),
            ask_for_training(self.ports, key, deployment.spec, state, action),
            ask_for_inputs(self.ports, key, deployment.spec, state),
        )
        return Observation(
            target=_as_revision(target, template),
            serving=serving,
            promoted=_as_revision(promoted, template) if promoted else None,
            metrics=metrics,
            action=action,
            quality=signals.quality,
            queries=signals.queries,
            answers=signals.answers,
            inputs=inputs,
            watched=training.watched,
            labelled=training.labelled,
            run=training.run,
            training=training.training,
        )

    async def _metrics(self, key: Key, state: RolloutState) -> MetricsSnapshot | Problem | None:
        if state.phase not in COUNTED:
            return None
        try:
            return await self.ports.metrics.read(key)
        except MetricsUnavailable as error:
            return Problem(reasons.METRICS_UNAVAILABLE, str(error))

    async def _persist(self, key: Key, before: RolloutState, after: RolloutState) -> RolloutState:
        if after == before and before.sequence:
            return before
        return await self.ports.store.save(key, after, expected=before.sequence)


def _as_revision(answer: Artifact | Problem, template: dict[str, object]) -> Revision | Problem:
    return answer if isinstance(answer, Problem) else revision_of(answer, template)
