"""What a state owes to registry and journal, done until it is confirmed: an alias to move, rollouts to record.

The debts stand in the state, so no crash forgets them; each is done once however often it is tried.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from serinus.core.elapsed import has_passed
from serinus.core.errors import ModelVersionNotFound, SerinusError
from serinus.core.state import Rejection, RolloutRecord, RolloutState
from serinus.ports import Key, Ports, Quarantine

TRY_AGAIN_AFTER = timedelta(seconds=10)
LONGEST_PUT_OFF = timedelta(minutes=1)


@dataclass
class Debts:
    """Settles debts, and remembers when it failed last, so that a dead registry is not asked at every reconcile.

    While the registry `is_late` with other answers, debts wait for a while: they hold up few turns.
    """

    ports: Ports
    is_late: Callable[[], bool]
    _failed_at: dict[Key, datetime] = field(default_factory=dict)
    _put_off_since: dict[Key, datetime] = field(default_factory=dict)

    async def settle(self, key: Key, state: RolloutState) -> RolloutState:
        """Do what the state owes; the state as it was saved then, with what is still owed and why.

        Raises StateConflict, StateUnwritable.
        """
        if not (state.alias_move or state.unrecorded):
            self.forget(key)
            return state
        now, failed_at = self.ports.clock.now(), self._failed_at.get(key)
        if failed_at and not has_passed(TRY_AGAIN_AFTER, failed_at, now):
            return state
        if self.is_late() and not has_passed(LONGEST_PUT_OFF, self._put_off_since.setdefault(key, now), now):
            return state
        self._put_off_since.pop(key, None)
        after = await self._move_alias(key, await self._record_rollouts(key, state))
        if after.alias_move or after.unrecorded:
            self._failed_at[key] = now
        if after == state:
            return state
        return await self.ports.store.save(key, after, expected=state.sequence)

    def forget(self, key: Key) -> None:
        """Nothing is owed (any more)."""
        self._failed_at.pop(key, None)
        self._put_off_since.pop(key, None)

    async def _move_alias(self, key: Key, state: RolloutState) -> RolloutState:
        move = state.alias_move
        if move is None:
            return state
        try:
            await self.ports.registry.move_alias(move.model, move.alias, move.version, owner=str(key))
        except SerinusError as error:  # of a conflict, too: a person may have mended it
            return _with_problem(state, error)
        return _with_problem(state, None, alias_move=None)

    async def _record_rollouts(self, key: Key, state: RolloutState) -> RolloutState:
        """Record the oldest first. A model given by uri alone has no version in the registry to record it beside."""
        owed = list(state.unrecorded)
        try:
            for record in owed:
                self.ports.journal.finished(key, record)
            while owed:
                if owed[0].to_version:
                    with suppress(ModelVersionNotFound):  # deleted since; the journal has the record
                        quarantine = quarantine_of(owed[0], state.rejected)
                        await self.ports.registry.record_rollout(str(key), owed[0], quarantine=quarantine)
                owed.pop(0)
        except SerinusError as error:
            return _with_problem(state, error, unrecorded=tuple(owed))
        return _with_problem(state, None, unrecorded=())


def quarantine_of(record: RolloutRecord, rejected: Iterable[Rejection]) -> Quarantine | None:
    """The version that the rollout has rejected: its candidate, or what a person went back from."""
    rejection = next((one for one in rejected if one.rollout_id == record.id), None)
    if rejection is None:
        return None
    version = record.to_version if rejection.revision == record.revision else record.from_version
    return Quarantine(version, rejection.reason) if version else None


def _with_problem(state: RolloutState, error: SerinusError | None, **changes: object) -> RolloutState:
    """The state with what went wrong last."""
    reason, problem = (type(error).__name__, str(error)) if error else ("", "")
    return state.model_copy(update={"registry_reason": reason, "registry_problem": problem, **changes})
