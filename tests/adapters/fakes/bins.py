"""A bin source in memory."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from serinus.core.errors import MetricsUnavailable
from serinus.core.observation import BinWindow
from serinus.ports import Clock, Key

Rows = Mapping[str, int]


@dataclass
class FakeBins:
    """Implements serinus.ports.BinSource. `count` adds rows at the clock's time; `up` False fails every question."""

    clock: Clock
    reference: Mapping[str, Rows] = field(default_factory=dict)
    reference_prediction: Rows = field(default_factory=dict)
    up: bool = True
    asked: list[tuple[str, datetime]] = field(default_factory=list)
    _counted: list[tuple[datetime, Key, str, str, Rows]] = field(default_factory=list)

    def count(self, key: Key, revision: str, **rows: Rows) -> None:
        """Rows by bin, by feature; `prediction` and `answers` are those of the answers."""
        self._counted += [(self.clock.now(), key, revision, name, bins) for name, bins in rows.items()]

    async def window(self, key: Key, revision: str, since: datetime) -> BinWindow:
        """See the port."""
        self.asked.append((revision, since))
        if not self.up:
            raise MetricsUnavailable("the fake does not answer; set `up`")
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for at, of, counted_by, name, bins in self._counted:
            if (of, counted_by) == (key, revision) and at >= since:
                found[name].update(bins)
        prediction, answers = found.pop("prediction", {}), found.pop("answers", {})
        return BinWindow(
            revision,
            since,
            self.clock.now(),
            features={name: found.get(name, {}) for name in self.reference},
            prediction=prediction,
            answers=answers,
            reference=self.reference,
            reference_prediction=self.reference_prediction,
        )
