"""A work queue by key: one turn per key at a time, no key waits for another's, failures are tried again ever later."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

Work = Callable[[K], Awaitable[float | None]]
"""One turn for a key. Returns the seconds until the next is due, or None if none is."""

LONGEST_BACK_OFF_SECONDS: Final = 30.0
FIRST_BACK_OFF_SECONDS: Final = 0.2


@dataclass(frozen=True)
class BackOff:
    """Seconds until the next try: doubled at each failure, and spread so that many do not come back at once."""

    first: float = FIRST_BACK_OFF_SECONDS
    longest: float = LONGEST_BACK_OFF_SECONDS

    def seconds(self, failures: int, spread: float) -> float:
        """The pause after that many failures in a row. `spread` is drawn from 0..1 and takes off up to a half."""
        return min(self.longest, self.first * 2.0 ** min(failures - 1, 30)) * (1 - spread / 2)


class WorkQueue(Generic[K]):
    """Keys that are due, keys at work, and keys that will be due. `add` from anywhere on the loop, `run` once.

    A key that is added while it is at work gets another turn right after; added any number of times meanwhile, one.
    """

    def __init__(
        self,
        work: Work[K],
        workers: int,
        back_off: BackOff | None = None,
        spread: Callable[[], float] = random.random,
    ) -> None:
        self._work = work
        self._workers = workers
        self._back_off = back_off or BackOff()
        self._spread = spread
        self._due: asyncio.Queue[K] = asyncio.Queue()
        self._queued: dict[K, float] = {}  # since when, in the loop's seconds
        self._at_work: dict[K, float] = {}  # how long it had waited
        self._again: set[K] = set()
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._failures: dict[K, int] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False

    def add(self, key: K) -> None:
        """The key is due now."""
        self._cancel_timer(key)
        if self._closed or key in self._queued:
            return
        if key in self._at_work:
            self._again.add(key)
            return
        self._queued[key] = asyncio.get_running_loop().time()
        self._due.put_nowait(key)

    def add_after(self, key: K, seconds: float) -> None:
        """The key is due in that time, unless it is due sooner already."""
        if self._closed or key in self._queued:
            return
        loop = asyncio.get_running_loop()
        timer = self._timers.get(key)
        if timer is not None and timer.when() <= loop.time() + seconds:
            return
        self._cancel_timer(key)
        self._timers[key] = loop.call_later(seconds, self._timer_is_up, key)

    def forget(self, key: K) -> None:
        """The key has no more turns, but for one that it is having."""
        self._cancel_timer(key)
        self._again.discard(key)
        self._failures.pop(key, None)

    def waited(self, key: K) -> float:
        """For how many seconds a key that is having a turn had waited for a worker."""
        return self._at_work.get(key, 0.0)

    @property
    def depth(self) -> int:
        """How many keys are due and wait for a worker."""
        return len(self._queued)

    @property
    def at_work(self) -> int:
        """How many keys are having a turn."""
        return len(self._at_work)

    async def run(self) -> None:
        """Work until cancelled. What `work` raises is its own to report: here it only means a later try."""
        async with asyncio.TaskGroup() as workers:
            for _ in range(self._workers):
                workers.create_task(self._worker())

    async def drain(self, seconds: float) -> bool:
        """Start no more turns, and wait for those under way; False if some were still under way after that time."""
        self._closed = True
        for key in list(self._timers):
            self._cancel_timer(key)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), seconds)
        return not self._at_work

    async def _worker(self) -> None:
        while True:
            key = await self._due.get()
            since = self._queued.pop(key)
            if not self._closed:
                await self._turn(key, asyncio.get_running_loop().time() - since)

    async def _turn(self, key: K, waited: float) -> None:
        self._at_work[key] = waited
        self._idle.clear()
        try:
            after = await self._work(key)
            self._failures.pop(key, None)
        except Exception:  # reported by `work`
            self._failures[key] = self._failures.get(key, 0) + 1
            self._again.discard(key)  # what woke it meanwhile does not make a failure hot
            after = self._back_off.seconds(self._failures[key], self._spread())
        finally:
            del self._at_work[key]
            if not self._at_work:
                self._idle.set()
        if key in self._again:
            self._again.discard(key)
            self.add(key)
        elif after is not None:
            self.add_after(key, after)

    def _timer_is_up(self, key: K) -> None:
        self._timers.pop(key, None)
        self.add(key)

    def _cancel_timer(self, key: K) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
