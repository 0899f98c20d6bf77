"""Rows by bin from the predictors themselves: for where there is no Prometheus that remembers them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from serinus.adapters.bin_ledger import Ledger, fold, new_ledger, rows_since
from serinus.adapters.bin_page import (
    ANSWERS,
    FEATURES,
    PREDICTION,
    REFERENCE,
    REFERENCE_PREDICTION,
    Column,
    reading_of,
)
from serinus.adapters.scraping import Page
from serinus.core.errors import MetricsUnavailable, StateUnwritable
from serinus.core.observation import BinWindow
from serinus.ports import Clock, Key

KEPT_UNASKED: Final = timedelta(hours=1)


class Pages(Protocol):
    """Where the predictors of a revision answer."""

    async def of(self, key: Key, revision: str) -> Sequence[Page]:
        """The page of every instance that answers. Raises MetricsUnavailable if some should answer and none does."""
        ...


class Memory(Protocol):
    """What outlives this process."""

    async def load(self, key: Key, revision: str) -> Ledger | None:
        """What was saved last; None where there is nothing that can be read."""
        ...

    async def save(self, key: Key, revision: str, ledger: Ledger) -> None:
        """Keep it. Raises StateUnwritable."""
        ...


class ScrapedBins:
    """Implements serinus.ports.BinSource. It scrapes when it is asked; without a `memory` a restart forgets the rows."""

    def __init__(self, pages: Pages, clock: Clock, memory: Memory | None = None) -> None:
        self._pages = pages
        self._clock = clock
        self._memory = memory
        self._ledgers: dict[tuple[Key, str], Ledger] = {}

    async def window(self, key: Key, revision: str, since: datetime) -> BinWindow:
        """What was counted from `since` until now. Raises MetricsUnavailable."""
        began = self._clock.now()
        pages = await self._pages.of(key, revision)
        before = await self._known(key, revision) or new_ledger(min(since, began))
        ledger = fold(before, [reading_of(page) for page in pages], since, began)
        self._ledgers[key, revision] = ledger
        if self._memory is not None and _is_another(before, ledger):
            await _save(self._memory, key, revision, ledger)
        return _window(revision, ledger, since)

    async def _known(self, key: Key, revision: str) -> Ledger | None:
        if (key, revision) not in self._ledgers:
            self._forget_unasked()
            return await self._memory.load(key, revision) if self._memory else None
        return self._ledgers[key, revision]

    def _forget_unasked(self) -> None:
        """Revisions that nobody asks for any more."""
        now = self._clock.now()
        kept = {of: one for of, one in self._ledgers.items() if now - one.at <= max(KEPT_UNASKED, one.span)}
        self._ledgers = kept


async def _save(memory: Memory, key: Key, revision: str, ledger: Ledger) -> None:
    try:
        await memory.save(key, revision, ledger)
    except StateUnwritable as error:
        raise MetricsUnavailable(str(error)) from error


def _is_another(before: Ledger, after: Ledger) -> bool:
    """Whether a bucket began, or a counting process. What came since is found again from the counts of the processes."""
    starts = [[bucket.start for bucket in ledger.buckets] for ledger in (before, after)]
    processes = [{(one.instance, one.started_at) for one in ledger.instances} for ledger in (before, after)]
    return starts[0] != starts[1] or processes[0] != processes[1]


def _window(revision: str, ledger: Ledger, since: datetime) -> BinWindow:
    start, rows = rows_since(ledger, since)
    counted, reference = _by_metric(rows), _by_metric(dict(ledger.reference))
    return BinWindow(
        revision=revision,
        since=start,
        until=ledger.at,
        features=counted[FEATURES],
        prediction=counted[PREDICTION].get("", {}),
        answers=counted[ANSWERS].get("", {}),
        reference=reference[REFERENCE],
        reference_prediction=reference[REFERENCE_PREDICTION].get("", {}),
    )


def _by_metric(rows: Mapping[Column, float]) -> Mapping[str, Mapping[str, Mapping[str, float]]]:
    """By metric, feature and bin."""
    found: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for column, count in rows.items():
        found[column.metric][column.feature][column.bin] = count
    return defaultdict(dict, {metric: dict(features) for metric, features in found.items()})
