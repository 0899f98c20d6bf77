"""The way into the store: a bounded queue, emptied in groups, each group one transaction."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from serinus.collector.halves import Half
from serinus.collector.messages import LabelBatch, PredictionBatch
from serinus.collector.outcomes import Written
from serinus.collector.store import Batch, Store
from serinus.core.errors import SerinusError

GROUP_EVENTS: Final = 5_000  # a larger group would only keep its senders waiting


class Full(SerinusError):
    """The queue has no room: come again later."""

    retriable = True


class Stopping(SerinusError):
    """The collector is about to end; nothing more is taken."""

    retriable = True


class Intake:
    """Takes batches and answers when they are durable. `on_written` is told of each batch, on the loop."""

    def __init__(self, store: Store, max_events: int, on_written: Callable[[Batch, Written], None]) -> None:
        self._store, self._max_events, self._on_written = store, max_events, on_written
        self._waiting: deque[tuple[Batch, asyncio.Future[Written]]] = deque()
        self._arrived = asyncio.Event()
        self._stopping = False
        self.events = 0
        """How many wait, or are being written."""

    def has_room(self, events: int = 1) -> bool:
        """Whether so many more would be taken."""
        return self.events + events <= self._max_events

    async def put(self, batch: Batch) -> Written:
        """What became of `batch`, once it is on disk. Raises Full, Stopping, DatabaseUnavailable: it is not stored then."""
        size = size_of(batch)
        if self._stopping:
            raise Stopping("the collector is stopping; send the batch again")
        if not self.has_room(size):
            raise Full(f"{self.events} events wait for the database, and at most {self._max_events} may; send it again")
        self.events += size
        done: asyncio.Future[Written] = asyncio.get_running_loop().create_future()
        self._waiting.append((batch, done))
        self._arrived.set()
        try:
            return await asyncio.shield(done)
        finally:
            if done.done() and not done.cancelled():
                done.exception()  # who asked may be gone

    async def run(self) -> None:
        """Write until `stop`, and then what still waits."""
        while self._waiting or not self._stopping:
            if not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            await self._write(self._group())

    def stop(self) -> None:
        """Take nothing more."""
        self._stopping = True
        self._arrived.set()

    def _group(self) -> list[tuple[Batch, asyncio.Future[Written]]]:
        group, events = [self._waiting.popleft()], 0
        while self._waiting and (events := events + size_of(group[-1][0])) < GROUP_EVENTS:
            group.append(self._waiting.popleft())
        return group

    async def _write(self, group: Sequence[tuple[Batch, asyncio.Future[Written]]]) -> None:
        try:
            written = await asyncio.to_thread(self._store.write, [batch for batch, _ in group])
        except Exception as error:
            if len(group) > 1 and not _is_outage(error):  # one of them is to blame; the others shall not suffer
                for one in group:
                    await self._write([one])
                return
            self.events -= sum(size_of(batch) for batch, _ in group)
            for _, done in group:
                done.set_exception(error)
            return
        self.events -= sum(size_of(batch) for batch, _ in group)
        for (_, done), result in zip(group, written, strict=True):
            done.set_result(result)
        for (batch, _), result in zip(group, written, strict=True):
            self._on_written(batch, result)


def size_of(batch: Batch) -> int:
    """How many events it counts as; an empty one needs its answer too."""
    match batch:
        case PredictionBatch():
            return max(1, len(batch.events))
        case LabelBatch():
            return max(1, len(batch.labels))
        case Half():
            return 1


def _is_outage(error: Exception) -> bool:
    from sqlalchemy.exc import DataError, IntegrityError

    return not isinstance(error.__cause__, DataError | IntegrityError)
