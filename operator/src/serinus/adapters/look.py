"""The moment at which the cluster is looked at."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from serinus.ports import Key

RESOLUTION: Final = timedelta(seconds=1)  # of the moments that Kubernetes writes down
MOST_APART: Final = timedelta(minutes=1)  # our clock and the cluster's; of others nothing can be told


@dataclass(frozen=True)
class Look:
    """When, by the cluster's clock, and how long things take there.

    `patience`: how long what is missing or refused (an image, a runtime, a Service) may still turn up. `settle`: how long
    after a pod is ready every gateway knows of it. `stuck_since`: see FirstSeen, of containers.
    """

    now: datetime
    patience: timedelta
    settle: timedelta = timedelta()
    stuck_since: Mapping[str, datetime] = field(default_factory=dict)

    def is_stuck(self, container: str) -> bool:
        """Whether patience is over for a container that was seen stuck at each look since."""
        since = self.stuck_since.get(container)
        return since is not None and self.now - since >= self.patience

    def is_over(self, since: str | None) -> bool:
        """Whether patience is over for what has been so since a moment, as Kubernetes writes it."""
        return bool(since) and self._age(since) >= self.patience

    def has_settled(self, since: str | None) -> bool:
        """Whether what has been so since then is known everywhere; nobody waits for an unknown moment."""
        if not since or not self.settle:
            return True
        return not -MOST_APART < self._age(since) < self.settle + RESOLUTION

    def settles_in(self, since: str | None) -> timedelta | None:
        """How long until then; None where it has settled."""
        return None if self.has_settled(since) else self.settle + RESOLUTION - self._age(since)

    def _age(self, since: str | None) -> timedelta:
        return self.now - datetime.fromisoformat(str(since))


class FirstSeen:
    """When something that lasts was seen first, by deployment and name; what is not seen again is forgotten."""

    def __init__(self) -> None:
        self._since: dict[Key, Mapping[str, datetime]] = {}

    def update(self, key: Key, names: Iterable[str], now: datetime) -> Mapping[str, datetime]:
        """All that is seen of the deployment now, and since when."""
        known = self._since.pop(key, {})
        found = {name: known.get(name, now) for name in names}
        if found:
            self._since[key] = found
        return found
