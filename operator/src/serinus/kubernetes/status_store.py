"""The memory of a ModelDeployment in its status (port StateStore)."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from serinus.adapters.kubernetes_objects import MODEL_DEPLOYMENT, Manifest
from serinus.core.drift import DRIFTED
from serinus.core.elapsed import has_passed
from serinus.core.errors import SerinusError, ServingUnavailable, StateConflict, StateUnwritable
from serinus.core.state import Condition, RolloutState
from serinus.core.status import status_of
from serinus.kubernetes.checkpoint import decoded, fitting
from serinus.kubernetes.complaints import Complaint, with_complaint
from serinus.kubernetes.objects import ClusterObjects
from serinus.ports import Clock, Key


@dataclass
class _Known:
    """What this process knows of one deployment's memory: the newest state, and what of it stands in the status.

    `face` is what people see of the state that was written (None: there is none), `sequence` that state's.
    """

    uid: str
    checkpoint: str
    state: RolloutState | None
    face: dict[str, Any] | None
    sequence: int
    written_at: datetime
    version: str = ""  # the resourceVersion from which the reconcile under way has started
    generation: int = 0
    complained: bool = False

    @property
    def stands_in_memory_alone(self) -> bool:
        """Whether the newest state is newer than the one that was written."""
        return self.state is not None and self.state.sequence != self.sequence


class StatusStore:
    """Writes a status when a person would notice the difference, and the growing evidence once in a while.

    In between the newest state stands in memory. A crash loses that: the next run goes on from the checkpoint's
    counters, so nothing counts twice.
    """

    def __init__(self, objects: ClusterObjects, clock: Clock, evidence_every: timedelta) -> None:
        self._objects = objects
        self._clock = clock
        self._evidence_every = evidence_every
        self._known: dict[Key, _Known] = {}

    async def load(self, key: Key) -> RolloutState | None:
        """The newest state, or None where the status has none (any more). Raises StateUnreadable."""
        known = self._looked_up(key)
        return known.state if known else None

    async def save(self, key: Key, state: RolloutState, expected: int) -> RolloutState:
        """See the port. Raises StateConflict, StateUnreadable, StateUnwritable."""
        known = self._known.get(key) or self._looked_up(key)
        if known is None:
            raise StateConflict(f"ModelDeployment {key} is gone; there is nothing to save")
        sequence = known.state.sequence if known.state else 0
        if sequence != expected:
            raise StateConflict(
                f"{key} is at sequence {sequence}, not {expected}; another writer was faster, start again"
            )
        saved = state.model_copy(update={"sequence": sequence + 1})
        if self._is_due(known, saved):
            return await self._write(key, known, saved)
        known.state = saved
        return saved

    async def change(self, key: Key, change: Callable[[RolloutState], RolloutState]) -> None:
        """Change the newest state between two reconciles, and write it at once. A state that stays as it is is not written.

        Raises StateConflict, StateUnreadable, StateUnwritable.
        """
        former = self._known.get(key)
        under_way = (former.version, former.generation) if former else None
        known = self._looked_up(key)
        if known is None or known.state is None:
            raise StateConflict(f"ModelDeployment {key} was not reconciled yet; try again")
        after, newest = change(known.state), known.version
        if under_way is not None:  # a reconcile goes on from what it has read; the object may be newer
            known.version, known.generation = under_way
        if after != known.state:
            known.version = newest
            await self._write(key, known, after.model_copy(update={"sequence": after.sequence + 1}))

    async def settle(self, key: Key) -> None:
        """Write what a reconcile that went well leaves to be said: its generation, and no complaint any more.

        Raises StateConflict, StateUnwritable.
        """
        known = self._known.get(key)
        manifest = self._objects.living(key)
        if known is None or known.state is None or manifest is None:
            return
        if known.complained or manifest.get("status", {}).get("observedGeneration") != known.generation:
            await self._write(key, known, known.state)

    async def complain(self, key: Key, complaint: Complaint) -> bool:
        """Say in the status what keeps the deployment from being reconciled; True if that is new.

        The state stands as it was, readable or not. Raises StateConflict, StateUnwritable.
        """
        manifest = self._objects.living(key)
        if manifest is None:
            return False
        status = with_complaint(
            manifest.get("status", {}), complaint, manifest["metadata"]["generation"], self._clock.now()
        )
        if key in self._known:
            self._known[key].complained = True
        if status is None:
            return False
        await self._send("merge", _body(key, manifest["metadata"]["resourceVersion"], status))
        return True

    async def flush(self) -> None:
        """Write every state that stands in memory alone; those that cannot be written are left to their checkpoints."""
        unwritten = [key for key, known in self._known.items() if known.stands_in_memory_alone]
        await asyncio.gather(*map(self._flush_one, unwritten))

    async def _flush_one(self, key: Key) -> None:
        generation = self._known[key].generation  # what was reconciled; the object may have a newer one
        with contextlib.suppress(SerinusError):
            known = self._looked_up(key)
            if known is not None and known.state is not None and known.stands_in_memory_alone:
                known.generation = generation
                await self._write(key, known, known.state)

    def forget(self, key: Key) -> None:
        """The deployment is gone."""
        self._known.pop(key, None)

    def _looked_up(self, key: Key) -> _Known | None:
        """What is known, brought up to date with the object as it was last seen. Raises StateUnreadable."""
        manifest = self._objects.living(key)
        if manifest is None:
            self.forget(key)
            return None
        meta, checkpoint = manifest["metadata"], manifest.get("status", {}).get("checkpoint", "")
        known = self._known.get(key)
        if known is None or (known.uid, known.checkpoint) != (meta["uid"], checkpoint):
            known = self._known[key] = self._read(meta["uid"], checkpoint, manifest)
        known.version, known.generation = meta["resourceVersion"], meta["generation"]
        return known

    def _read(self, uid: str, checkpoint: str, manifest: Manifest) -> _Known:
        state = decoded(checkpoint) if checkpoint else None
        face, sequence = (_noticeable(state), state.sequence) if state else (None, 0)
        known = _Known(uid, checkpoint, state, face, sequence, self._clock.now())
        shown = manifest.get("status", {}).get("conditions")
        known.complained = state is not None and shown != status_of(state)["conditions"]
        return known

    def _is_due(self, known: _Known, saved: RolloutState) -> bool:
        if known.face != _noticeable(saved):
            return True
        return has_passed(self._evidence_every, known.written_at, self._clock.now())

    async def _write(self, key: Key, known: _Known, state: RolloutState) -> RolloutState:
        state, checkpoint = fitting(state)
        status = {**status_of(state), "observedGeneration": known.generation, "checkpoint": checkpoint}
        written = await self._send("update", _body(key, known.version, status))
        known.state, known.face, known.sequence = state, _noticeable(state), state.sequence
        known.checkpoint, known.written_at, known.complained = checkpoint, self._clock.now(), False
        known.version = written["metadata"]["resourceVersion"]
        return state

    async def _send(self, verb: str, manifest: Manifest) -> Manifest:
        try:
            return await self._objects.write_status(verb, MODEL_DEPLOYMENT, manifest)
        except ServingUnavailable as error:
            raise StateUnwritable(f"the status cannot be written: {error}") from error


def _body(key: Key, version: str, status: dict[str, Any]) -> dict[str, Any]:
    """What the status subresource takes."""
    return {
        "apiVersion": MODEL_DEPLOYMENT.api_version,
        "kind": MODEL_DEPLOYMENT.kind,
        "metadata": {"name": key.name, "namespace": key.namespace, "resourceVersion": version},
        "status": status,
    }


def _noticeable(state: RolloutState) -> dict[str, Any]:
    """The state without what grows at every look: evidence, numbers, and sentences that count seconds and requests."""
    rollout = state.rollout
    quiet = {"sequence": 0, "conditions": _without_counts(state), "drift": state.drift and state.drift.face}
    if rollout is None:
        return {**dict(state), **quiet}
    growing = {"evidence": None, "curve": (), "looked_at": None, "hold_seconds": 0.0}
    return {**dict(state), **quiet, "message": "", "rollout": rollout.model_copy(update=growing)}


def _without_counts(state: RolloutState) -> tuple[Condition, ...]:
    """The conditions without the messages that count."""
    counting = {one.type for one in state.conditions} if state.rollout else {DRIFTED}
    return tuple(one.model_copy(update={"message": ""}) if one.type in counting else one for one in state.conditions)
