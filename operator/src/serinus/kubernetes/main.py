"""The operator's life: stand by, fill the caches, watch and work, hand over."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from serinus.adapters.kubernetes_objects import Kind
from serinus.core.errors import ServingUnavailable
from serinus.kubernetes.compose import Parts, compose
from serinus.kubernetes.connection import cluster_config
from serinus.kubernetes.health import HealthServer
from serinus.kubernetes.settings import OperatorSettings

log = logging.getLogger(__name__)

PAUSE_SECONDS: Final = 1.0
DEAD_AFTER: Final = 2  # lists in a row that found what no watch had told


async def run_operator(settings: OperatorSettings) -> None:
    """Run until SIGTERM or SIGINT.

    Raises ClusterUnknown, LeadershipLost, ClusterRestored, OSError (the port is taken).
    """
    await Operator(compose(settings, cluster_config(settings.kubeconfig, settings.context))).run()


class Operator:
    """Starts the parts in order, and stops them in the reverse one."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._stop = asyncio.Event()
        self._unready = "starting"
        self._misses: dict[Kind, int] = {}

    async def run(self) -> None:
        """The whole life."""
        parts, settings = self._parts, self._parts.settings
        health = HealthServer(
            settings.listen_host,
            settings.listen_port,
            parts.telemetry,
            lambda: self._unready,
            parts.event_endpoint.handle,
        )
        port = await health.start()
        log.info("metrics and health are on port %d", port)
        parts.watches.started = self._watching
        self._catch_signals()
        try:
            await self._live_until_stopped()
        finally:
            await health.stop()
            for part in parts.closing:
                await part.close()

    async def _live_until_stopped(self) -> None:
        life, stop = asyncio.create_task(self._live()), asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({life, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not life.done():
                await self._hand_over()
        finally:
            stop.cancel()
            life.cancel()
            await asyncio.wait({life})
        if not life.cancelled():
            life.result()

    async def _live(self) -> None:
        """Stand by, then work, until cancelled. Raises LeadershipLost, ClusterRestored."""
        parts, self._unready = self._parts, ""
        await parts.leadership.acquire()
        parts.telemetry.leading(True)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(parts.leadership.keep())
                tasks.create_task(parts.events.run())
                await self._fill()
                for part in (parts.watches.run(), parts.queue.run(), self._relist(), self._discover()):
                    tasks.create_task(part)
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        finally:
            parts.telemetry.leading(False)

    async def _fill(self) -> None:
        """Know every object before any is reconciled: one that is not seen would be taken for one that is not there."""
        self._unready = "listing all objects"
        await self._in_the_end(self._parts.coverage.update)
        self._unready = ""
        log.info("all objects are known; work begins")

    async def _discover(self) -> None:
        """Watch kinds that appear or become allowed, and no longer those that go."""
        while True:
            await asyncio.sleep(self._parts.settings.discovery_seconds)
            await self._succeeds(self._parts.coverage.update())

    async def _relist(self) -> None:
        """Find what watches have missed; watches that keep missing are started again."""
        parts = self._parts
        while True:
            await asyncio.sleep(parts.settings.relist_seconds)
            for kind in parts.watches.kinds:
                await self._succeeds(self._relist_one(kind))
            if any(misses >= DEAD_AFTER for misses in self._misses.values()):
                log.warning("a watch tells nothing any more; all are started again")
                self._misses.clear()
                parts.watches.restart(parts.watches.kinds)

    async def _relist_one(self, kind: Kind) -> None:
        missed = await self._parts.relist.missed(kind)
        self._misses[kind] = self._misses.get(kind, 0) + 1 if missed else 0
        if missed:
            log.warning("a list found %d changes of %s objects that no watch had told", missed, kind.kind)
            self._parts.telemetry.missed(kind.kind, missed)

    async def _hand_over(self) -> None:
        """End the work under way, keep what stands in memory alone, and let another replica take over."""
        parts = self._parts
        self._unready = "stopping"
        if not await parts.queue.drain(parts.settings.stop_seconds):
            log.warning("some work did not end in time; it is done again after the next start")
        if parts.leadership.leads:
            with suppress(TimeoutError):  # an API server that is away must not hold up the next replica
                async with asyncio.timeout(parts.settings.stop_seconds):
                    await parts.store.flush()
                    await parts.events.flush()
        await parts.leadership.release()
        log.info("stopped")

    async def _in_the_end(self, attempt: Callable[[], Awaitable[object]]) -> None:
        """Do it, however often it must be tried."""
        while True:
            if await self._succeeds(attempt()):
                return
            await asyncio.sleep(PAUSE_SECONDS)

    async def _succeeds(self, attempt: Awaitable[object]) -> bool:
        """Whether it was done; an API server that is away is waited for."""
        try:
            await attempt
        except ServingUnavailable as error:
            log.warning("%s", error)
            return False
        return True

    def _watching(self) -> None:
        self._parts.telemetry.watching()
        self._catch_signals()  # kopf has put its own in their place

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
