"""One turn for one ModelDeployment: what the queue does with a key."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from serinus.adapters.kubernetes_objects import Manifest
from serinus.core.decision import IDLE, Decision
from serinus.core.errors import SerinusError, SpecInvalid, StateConflict
from serinus.core.observation import Action, Verb
from serinus.core.state import Phase
from serinus.kubernetes.actions import ActionInvalid, action_of, action_text
from serinus.kubernetes.complaints import Complaint
from serinus.kubernetes.events import EventRecorder
from serinus.kubernetes.leader import NotLeading
from serinus.kubernetes.objects import ClusterObjects
from serinus.kubernetes.pacing import pause_after
from serinus.kubernetes.serving import ServingModeUnavailable, ServingRouter
from serinus.kubernetes.status_store import StatusStore
from serinus.kubernetes.telemetry import Telemetry
from serinus.ports import Clock, Key
from serinus.reconcile import Reconciler

log = logging.getLogger(__name__)

LASTING_SECONDS: Final = 300.0  # between looks at what only a person can mend; a change of the object wakes it at once
TRIES_IN_SILENCE: Final = 3  # what passes by itself sooner is in the log, and nowhere else
BAD: Final = {"Ready": "False", "Degraded": "True"}  # conditions, and the status that people should hear of
CONFLICTS_IN_SILENCE: Final = 10  # another writer was faster; who always is fights with us


@dataclass
class _Trouble:
    """What kept a deployment from being reconciled, and how often in a row."""

    message: str = ""
    times: int = 0


class Controller:
    """Reconciles by key. An error becomes a log line, and a condition and an Event once it lasts.

    `waited`: for how many seconds the key that is at work had waited for its turn. `poll`: see pause_after.
    """

    def __init__(
        self,
        objects: ClusterObjects,
        store: StatusStore,
        reconciler: Reconciler,
        *,
        serving: ServingRouter,
        events: EventRecorder,
        telemetry: Telemetry,
        clock: Clock,
        waited: Callable[[Key], float],
        poll: timedelta = IDLE,
    ) -> None:
        self._objects = objects
        self._store = store
        self._serving = serving
        self._reconciler = reconciler
        self._events = events
        self._telemetry = telemetry
        self._clock = clock
        self._waited = waited
        self._poll = poll
        self._troubles: dict[Key, _Trouble] = {}
        self._bad_actions: dict[Key, str] = {}
        self._quiet_turns: dict[Key, int] = {}
        self._conditions: dict[Key, dict[str, tuple[str, str]]] = {}  # status and reason, by type

    async def turn(self, key: Key) -> float | None:
        """One turn; the seconds until the next, or None if the deployment is gone. Raises what is to be tried again."""
        manifest = self._objects.living(key)
        if manifest is None:
            self._forget(key)
            return None
        began, result = time.perf_counter(), "ok"
        try:
            return await self._reconcile(key, manifest)
        except Exception as error:
            result = type(error).__name__
            if await self._report(key, error) and not await self._is_surely_under_way(key):
                return LASTING_SECONDS
            raise
        finally:
            self._telemetry.reconciled(time.perf_counter() - began, result)

    async def _reconcile(self, key: Key, manifest: Manifest) -> float:
        owner, why_invalid = self._objects.owner(key), self._objects.why_invalid(key)
        action = self._action(key, manifest)
        if owner is None or (why_invalid and not await self._goes_on(key, action)):
            raise SpecInvalid(why_invalid)
        late = timedelta(seconds=self._waited(key))
        decision = await self._reconciler.reconcile(key, owner.deployment, action, late, why_invalid)
        await self._store.settle(key)
        self._troubles.pop(key, None)
        self._telemetry.seen(key, decision.next_state, decision.trouble)
        self._tell_conditions(key, decision)
        self._quiet_turns[key] = quiet = 0 if decision.changed else self._quiet_turns.get(key, 0) + 1
        return pause_after(decision, owner.deployment.spec, quiet, self._clock.now(), self._poll).total_seconds()

    def _tell_conditions(self, key: Key, decision: Decision) -> None:
        """Say what only a condition tells, when it begins and when it ends; what was decided is told already."""
        found = {one.type: one for one in decision.next_state.conditions if one.type in BAD}
        before = self._conditions.get(key)
        self._conditions[key] = {name: (one.status, one.reason) for name, one in found.items()}
        if before is None:
            return
        for name, one in found.items():
            is_bad = one.status == BAD[name]
            is_told = one.reason == decision.reason if is_bad else decision.changed
            if before.get(name) != (one.status, one.reason) and not is_told:
                log.log(
                    logging.WARNING if is_bad else logging.INFO,
                    "%s", one.message, extra={"key": str(key), "reason": one.reason},
                )  # fmt: skip
                self._events.tell(key, one.reason, one.message, warning=is_bad, action="Observe")

    async def _goes_on(self, key: Key, action: Action | None) -> bool:
        """Whether there is something to do for a deployment whose spec is invalid. Raises StateUnreadable.

        What was never valid since the operator's start is not brought about; only a rollout is ended, or a person goes back.
        """
        state = await self._store.load(key)
        if state is None or not state.has_served:
            return False
        goes_back = (
            action is not None
            and (action.verb, state.phase) == (Verb.ROLLBACK, Phase.STABLE)
            and action.nonce != state.handled_nonce
        )
        return state.rollout is not None or goes_back or self._objects.was_valid(key)

    async def _is_surely_under_way(self, key: Key) -> bool:
        """Whether a rollout has begun and not ended; not where the state may be what cannot be read."""
        with suppress(SerinusError):
            state = await self._store.load(key)
            return state is not None and state.rollout is not None
        return False

    def _action(self, key: Key, manifest: Manifest) -> Action | None:
        """What a person asks for. What is not understood is answered once, and is no reason to stop."""
        try:
            return action_of(manifest)
        except ActionInvalid as error:
            if self._bad_actions.get(key) != action_text(manifest):
                self._bad_actions[key] = action_text(manifest)
                log.warning("%s", error, extra={"key": str(key), "reason": "ActionInvalid"})
                self._events.tell(key, "ActionInvalid", str(error), warning=True, action="Act")
            return None

    async def _report(self, key: Key, error: Exception) -> bool:
        """Say it where people look; True if trying again soon cannot help."""
        if isinstance(error, NotLeading):
            log.debug("%s", error, extra={"key": str(key)})
            return False
        complaint, trouble = Complaint.about(error), self._troubles.setdefault(key, _Trouble())
        lasting = isinstance(error, SerinusError) and not error.retriable
        trouble.times += 1
        if isinstance(error, StateConflict) and trouble.times < CONFLICTS_IN_SILENCE:
            log.debug("%s", error, extra={"key": str(key)})
            return False
        if complaint.message != trouble.message:
            trouble.message = complaint.message
            unknown = None if isinstance(error, SerinusError) else error
            log.error("%s", complaint.message, extra={"key": str(key), "reason": complaint.reason}, exc_info=unknown)
        if lasting or isinstance(error, ServingModeUnavailable) or trouble.times >= TRIES_IN_SILENCE:
            await self._complain(key, complaint)
        return lasting

    async def _complain(self, key: Key, complaint: Complaint) -> None:
        self._telemetry.complained(key, complaint.reason)
        try:
            if await self._store.complain(key, complaint):
                self._events.tell(key, complaint.reason, complaint.message, warning=True)
        except SerinusError as error:
            log.debug("the status cannot say so: %s", error, extra={"key": str(key)})

    def _forget(self, key: Key) -> None:
        self._objects.forget(key)
        self._store.forget(key)
        self._reconciler.forget(key)
        self._serving.forget(key)
        self._telemetry.forget(key)
        self._troubles.pop(key, None)
        self._bad_actions.pop(key, None)
        self._quiet_turns.pop(key, None)
        self._conditions.pop(key, None)
