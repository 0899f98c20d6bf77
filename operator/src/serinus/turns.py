"""Whose training run is next: at most so many at once over all deployments, and who has waited longest comes first.

Nothing of it is stored. Every state says whether its run waits, and since when, or has begun; so what is known here is
complete once every deployment was looked at. Until then nobody gets a turn (`settling`), since a restart must neither
start too many nor pass over who waits.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from serinus.core.retraining.state import TrainingRun
from serinus.ports import Key

AT_ONCE: Final = 4
FORGOTTEN_AFTER: Final = timedelta(minutes=10)  # whom nobody looks at any more does not hold up the others


@dataclass(frozen=True)
class _Seen:
    since: datetime
    begun: bool
    at: datetime


@dataclass
class Turns:
    """`at_once`: most runs under way. `settling`: how long after the first look nobody gets a turn."""

    at_once: int = AT_ONCE
    settling: timedelta = timedelta()
    _seen: dict[Key, _Seen] = field(default_factory=dict)
    _first: datetime | None = None

    def note(self, key: Key, run: TrainingRun | None, now: datetime) -> None:
        """How the deployment's run stands."""
        self._first = min(self._first, now) if self._first else now
        if run is None:
            self._seen.pop(key, None)
        else:
            self._seen[key] = _Seen(run.asked_at, run.started_at is not None, now)

    def is_next(self, key: Key, now: datetime) -> bool:
        """Whether the run that waits may begin now."""
        if self._first is None or now - self._first < self.settling:
            return False
        self._drop_forgotten(now)
        begun = sum(one.begun for one in self._seen.values())
        waiting = sorted((one.since, name) for name, one in self._seen.items() if not one.begun)
        return key in {name for _, name in waiting[: max(self.at_once - begun, 0)]}

    def forget(self, key: Key) -> None:
        """The deployment is gone."""
        self._seen.pop(key, None)

    def _drop_forgotten(self, now: datetime) -> None:
        late = [key for key, one in self._seen.items() if now - one.at > FORGOTTEN_AFTER]
        for key in late:
            self.forget(key)
