"""Answered requests that wait to be sent, so many at most and no more."""

from collections import Counter, deque
from threading import Lock
from typing import Final

from serinus.predictor.events import Answered

MAX_BYTES: Final = 32 * 2**20
"""Of rows that wait: more than a minute of a thousand one-row requests a second."""
ROW_BYTES: Final = 400
VALUE_BYTES: Final = 60


class Outbox:
    """First in, first out. When it is full, what comes is dropped and counted: nobody waits. Safe for several threads."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._waiting: deque[Answered] = deque()
        self._lock = Lock()
        self.dropped: Counter[str] = Counter()
        self.sent = 0

    def put(self, answered: Answered) -> None:
        """Let it wait, or drop it."""
        size = _bytes_of(answered)
        with self._lock:
            if self._bytes + size > self._max_bytes:
                self.dropped["full"] += answered.batch.rows
            else:
                self._bytes += size
                self._waiting.append(answered)

    def drop(self, rows: int, reason: str) -> None:
        """Count what cannot be sent at all."""
        with self._lock:
            self.dropped[reason] += rows

    def take(self, rows: int) -> list[Answered]:
        """The oldest requests, of `rows` rows together or a little more; nothing where none waits."""
        taken: list[Answered] = []
        count = 0
        with self._lock:
            while self._waiting and count < rows:
                taken.append(self._waiting.popleft())
                count += taken[-1].batch.rows
        return taken

    def settle(self, taken: list[Answered], *, dropped: str = "") -> None:
        """What was taken has been sent, or was `dropped` for this reason; until then it counts as waiting."""
        rows = sum(answered.batch.rows for answered in taken)
        with self._lock:
            self._bytes -= sum(map(_bytes_of, taken))
            if dropped:
                self.dropped[dropped] += rows
            else:
                self.sent += rows

    def __len__(self) -> int:
        return len(self._waiting)


def _bytes_of(answered: Answered) -> int:
    """About what it holds in memory. Texts are what can be large, so they are measured."""
    batch = answered.batch
    texts = sum(len(value) for column in batch.others for value in column if type(value) is str)
    return texts + batch.numbers.nbytes + batch.rows * (ROW_BYTES + VALUE_BYTES * len(batch.others))
