"""One replica works at a time: the holder of a Lease (coordination.k8s.io/v1).

The holder may write until the lease's duration has passed since it *sent* its last renewal, by a clock that nobody can
set. Another replica takes over when it has seen no renewal for that duration by its own clock, so never before that.
"""

import asyncio
import logging
import math
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from serinus.adapters.kubernetes_objects import Kind
from serinus.core.errors import SerinusError, ServingUnavailable
from serinus.kubernetes.api import Api, ApiUnavailable

log = logging.getLogger(__name__)

LEASE: Final = Kind("coordination.k8s.io", "v1", "Lease", "leases")
NOT_FOUND: Final = 404
CONFLICT: Final = 409


class LeadershipLost(SerinusError):
    """Another replica works now; this one must end, and may start again to stand by."""


class NotLeading(ServingUnavailable):
    """The lease was not renewed in time, so another replica may be at work: nothing is written meanwhile."""


@dataclass(frozen=True)
class Term:
    """Where the Lease stands, who asks for it, and its times in seconds."""

    namespace: str
    name: str
    identity: str
    duration: float
    renew_every: float
    retry_every: float


class Leadership:
    """Implements `serinus.kubernetes.api.Fence`. `identity` is made unique: a restarted replica is another one."""

    def __init__(self, api: Api, term: Term, now: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._term = term
        self._now = now
        self._holder = f"{term.identity}_{uuid.uuid4().hex[:8]}"
        self._lease: dict[str, Any] | None = None  # as it was last read or written
        self._seen_at = 0.0  # when it was last seen to change
        self._valid_until = 0.0
        self._released = False
        self._one_at_a_time = asyncio.Lock()

    @property
    def leads(self) -> bool:
        """Whether this replica may write now."""
        return self._now() < self._valid_until

    def check(self) -> None:
        """Raise NotLeading unless this replica may write now."""
        if not self.leads:
            raise NotLeading(
                f"Lease {self._term.namespace}/{self._term.name} was not renewed in time; nothing is written until it is"
            )

    async def acquire(self) -> None:
        """Stand by until the Lease can be had. What the API server refuses is logged and tried again."""
        said = ""
        while not await self._try_to_take():
            holder = self._spec.get("holderIdentity", "")
            if holder and holder != said:
                log.info("%s stands by: %s works", self._holder, holder)
                said = holder
            await asyncio.sleep(self._term.retry_every)
        log.info("%s works from now on", self._holder)

    async def keep(self) -> None:
        """Renew until it is released or lost; raises LeadershipLost then. An API server that is away is waited for."""
        while not self._released:
            await asyncio.sleep(self._term.renew_every)
            async with self._one_at_a_time:
                if not self._released:
                    await self._renew()

    async def release(self) -> None:
        """Let another replica take over at once."""
        async with self._one_at_a_time:
            self._released = True
            if self._lease is None or not self.leads:
                return
            self._valid_until = 0.0
            try:
                await self._put({**self._spec, "holderIdentity": "", "leaseDurationSeconds": 1})
            except ServingUnavailable as error:
                log.warning("the Lease could not be released; it runs out by itself: %s", error)

    @property
    def _spec(self) -> dict[str, Any]:
        spec: dict[str, Any] = self._lease["spec"] if self._lease else {}
        return spec

    async def _try_to_take(self) -> bool:
        try:
            await self._look()
            if not self._is_free():
                return False
            return await self._take()
        except ServingUnavailable as error:
            log.warning("the Lease cannot be had: %s", error)
            return False

    def _is_free(self) -> bool:
        if self._lease is None or not self._spec.get("holderIdentity"):
            return True
        duration = float(self._spec.get("leaseDurationSeconds") or self._term.duration)
        return self._now() - self._seen_at > duration

    async def _look(self) -> None:
        """Read the Lease; remember when it was another than before."""
        try:
            lease = await self._api.request("get", LEASE, self._term.namespace, self._term.name)
        except ApiUnavailable as error:
            if error.code != NOT_FOUND:
                raise
            self._lease = None
            return
        if self._lease is None or _version(lease) != _version(self._lease):
            self._seen_at = self._now()
        self._lease = lease

    async def _take(self) -> bool:
        """Become the holder; False if another was faster."""
        moment, transitions = _micro(), int(self._spec.get("leaseTransitions") or 0)
        spec = {**self._ours(moment), "acquireTime": moment, "leaseTransitions": transitions + 1}
        return await self._write(spec)

    async def _renew(self) -> None:
        try:
            if await self._write({**self._spec, **self._ours(_micro())}):
                return
            await self._look()
        except ServingUnavailable as error:
            log.warning("the Lease was not renewed: %s", error)
            return
        holder = self._spec.get("holderIdentity", "") if self._lease else ""
        if holder != self._holder and not (self._lease is None and await self._take()):
            self._valid_until = 0.0
            raise LeadershipLost(
                f"{holder or 'nobody'} holds Lease {self._term.namespace}/{self._term.name} now, not {self._holder}; "
                "this replica ends, start it again to stand by"
            )

    def _ours(self, moment: str) -> dict[str, Any]:
        seconds = math.ceil(self._term.duration)
        return {"holderIdentity": self._holder, "renewTime": moment, "leaseDurationSeconds": seconds}

    async def _write(self, spec: dict[str, Any]) -> bool:
        """Write the Lease if it is still as it was last seen, and count the time from before; False on a conflict."""
        before = self._now()
        try:
            await self._put(spec)
        except ApiUnavailable as error:
            if error.code in (CONFLICT, NOT_FOUND):
                return False
            raise
        self._valid_until = before + self._term.duration
        return True

    async def _put(self, spec: dict[str, Any]) -> None:
        meta: dict[str, Any] = {"name": self._term.name, "namespace": self._term.namespace}
        body = {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": meta, "spec": spec}
        if self._lease is None:
            self._lease = await self._api.request("create", LEASE, self._term.namespace, body=body)
        else:
            meta["resourceVersion"] = _version(self._lease)
            self._lease = await self._api.request("update", LEASE, self._term.namespace, self._term.name, body=body)


def _version(lease: dict[str, Any]) -> str:
    return str(lease["metadata"]["resourceVersion"])


def _micro() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


class AlwaysLeading:
    """For the only replica, where no Lease is asked for."""

    leads = True

    def check(self) -> None:
        """It may write."""

    async def acquire(self) -> None:
        """It works at once."""

    async def keep(self) -> None:
        """Nobody takes over."""
        await asyncio.Event().wait()

    async def release(self) -> None:
        """Nobody waits for it."""
