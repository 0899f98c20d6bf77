"""Which minutes of which deployment have changed, so that answers about the others need not be worked out again."""

from collections import defaultdict
from collections.abc import Iterable
from threading import Lock
from typing import Final

MAX_MINUTES: Final = 500_000  # about a year of one deployment


class Changes:
    """Told by the writer after each transaction, asked by whoever keeps answers."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._number = 0
        self._forgotten = 0  # nothing is known of changes up to this one
        self._minutes: dict[str, dict[int, int]] = defaultdict(dict)

    def note(self, touched: Iterable[tuple[str, int]]) -> None:
        """These (deployment, minute) are not what they were."""
        with self._lock:
            self._number += 1
            for deployment, minute in touched:
                self._minutes[deployment][minute] = self._number
            if sum(map(len, self._minutes.values())) > MAX_MINUTES:
                self._forget()

    def forget(self) -> None:
        """Whatever is kept anywhere has to be worked out again."""
        with self._lock:
            self._number += 1
            self._forget()

    def now(self) -> int:
        """The number of the last change: ask before you read."""
        with self._lock:
            return self._number

    def since(self, deployment: str, number: int) -> frozenset[int] | None:
        """The minutes that have changed after `number`; None where that is not known any more."""
        with self._lock:
            if number < self._forgotten:
                return None
            return frozenset(minute for minute, at in self._minutes[deployment].items() if at > number)

    def _forget(self) -> None:
        self._minutes.clear()
        self._forgotten = self._number
