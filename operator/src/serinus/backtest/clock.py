"""The replay's time. It never asks the machine's."""

from datetime import datetime


class ReplayClock:
    """Implements serinus.ports.Clock: it is the time that the replay has come to."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        """The time that the replay has come to."""
        return self._now

    def set(self, now: datetime) -> None:
        """Go on to `now`, never back."""
        if now < self._now:
            raise AssertionError(f"the replay is at {self._now} and cannot go back to {now}")
        self._now = now
