"""The parts of a collector, wired, and the work that goes on beside the endpoints."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from serinus.collector.admission import Admission
from serinus.collector.answering import Answering
from serinus.collector.bodies import Bodies
from serinus.collector.comparisons import LiveComparisons
from serinus.collector.database import Database
from serinus.collector.intake import Intake
from serinus.collector.log_place import LogPlace
from serinus.collector.log_writer import LogWriter
from serinus.collector.outcomes import Written
from serinus.collector.pairing import Pairing
from serinus.collector.retention import Retention
from serinus.collector.scoring import Scorer
from serinus.collector.settings import CollectorSettings
from serinus.collector.store import Batch, Store, system_time
from serinus.collector.telemetry import Telemetry
from serinus.core.errors import SerinusError

log = logging.getLogger("serinus.collector")

EXPIRE_SECONDS: Final = 60.0
RETIRE_SECONDS: Final = 3600.0


class Parts:
    """Everything that a collector consists of. The database has to be open."""

    def __init__(
        self, settings: CollectorSettings, database: Database, clock: Callable[[], datetime] = system_time
    ) -> None:
        self.settings = settings
        self.store = Store(database, settings, clock)
        self.telemetry = Telemetry(settings)
        self.intake = Intake(self.store, settings.queue_events, self._written)
        self.bodies = Bodies(settings.body_bytes, settings.bodies_bytes)
        self.admission = Admission(settings)
        self.live = LiveComparisons(settings.live_seconds, time.monotonic)
        self.answering = Answering(self.store, self.live)
        self.pairing = Pairing(self.store, self.live, self.intake.put, Scorer(), self.telemetry.registry)
        place = LogPlace(settings.log_root)
        self.log, self.retention = LogWriter(self.store, place), Retention(self.store, place)
        self.unready = "starting"
        self._waiting = 0
        self._measure()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Writes, logs and forgets, until this ends; then what has been taken is still written."""
        writing = asyncio.create_task(self.intake.run())
        writing.add_done_callback(self._writer_ended)
        beside = [
            asyncio.create_task(self._again_and_again(*work))
            for work in (
                ("log", self.settings.log_seconds, self._log_new),
                ("relabel", self.settings.relabel_seconds, self._log_all),
                ("expire", EXPIRE_SECONDS, self._expire),
                ("retire", RETIRE_SECONDS, self._retire),
            )
        ]
        beside.append(asyncio.create_task(self.pairing.run()))
        self.unready = ""
        try:
            yield
        finally:
            self.unready = "stopping"
            for task in beside:
                task.cancel()
            self.intake.stop()
            await writing
            await asyncio.wait(beside)

    def _writer_ended(self, writer: asyncio.Task[None]) -> None:
        """Without it nothing is taken any more; that must be seen from outside."""
        if not writer.cancelled() and (error := writer.exception()):
            self.unready = "the writer has failed"
            log.error("the writer has failed, and nothing is taken until a restart", exc_info=error)

    async def _again_and_again(self, work: str, seconds: float, do: Callable[[], Awaitable[None]]) -> None:
        """What fails is told, counted and done again the next time."""
        while True:
            try:
                await do()
            except SerinusError as error:
                self.telemetry.failures.labels(work).inc()
                log.warning("%s", error)
            await asyncio.sleep(seconds)

    async def _log_new(self) -> None:
        await asyncio.to_thread(self.log.write, relabelled=False)
        self._waiting = await asyncio.to_thread(self.log.waiting)

    async def _log_all(self) -> None:
        await asyncio.to_thread(self.log.write, relabelled=True)

    async def _expire(self) -> None:
        for (deployment, outcome), count in (await asyncio.to_thread(self.retention.expire)).items():
            self.telemetry.count(deployment, [(outcome, count)])

    async def _retire(self) -> None:
        removed = await asyncio.to_thread(self.retention.retire)
        if removed:
            log.info("removed %d rows that are older than the retention", removed)

    def _written(self, batch: Batch, written: Written) -> None:
        self.telemetry.count(batch.deployment, written.counts.items())
        self.telemetry.judged(written.judged)

    def _measure(self) -> None:
        gauge = self.telemetry.gauge
        gauge("serinus_collector_queue_events", "Events that wait for the database.", lambda: self.intake.events)
        gauge(
            "serinus_collector_rows_waiting",
            "Rows in files of the log that are yet to be written.",
            lambda: self._waiting,
        )
