"""Losses against labels as the collector would tell them: only labels that have come by now."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from serinus.backtest.clock import ReplayClock
from serinus.backtest.history import History, Moments, Numbers, moment, nanoseconds
from serinus.backtest.traffic import NOBODY, Traffic
from serinus.collector.losses import on_grid, row_losses
from serinus.core.errors import QualityUnavailable
from serinus.core.quality import (
    ComparedCohort,
    CompareQuestion,
    Comparison,
    Party,
    Question,
    Watched,
    WatchedCohort,
    WatchQuestion,
)
from serinus.ports import Key

Rows = NDArray[np.intp]


@dataclass
class ReplayQuality:
    """Implements serinus.ports.QualitySource. What is compared was answered by both, as mirrored requests are."""

    clock: ReplayClock
    history: History
    traffic: Traffic

    async def compare(self, key: Key, question: CompareQuestion) -> Comparison:
        """Candidate against stable on the rows of the sample, whoever answered them."""
        now = self.clock.now()
        rows = self._rows_since(question.since)
        rows = rows[self.traffic.draws[1, rows] < question.sample_rate]
        pair = [self._answers(party, rows) for party in (question.candidate, question.stable)]
        both = ~np.isnan(pair[0]) & ~np.isnan(pair[1])
        rows, pair = rows[both], [one[both] for one in pair]
        candidate, stable = (row_losses(question.loss, question.bound, one, self.history.truth[rows]) for one in pair)
        labelled = self.history.label_times[rows] <= nanoseconds(now)
        draws = self.traffic.draws[2, rows]
        cohorts = []
        for start, end, part in cohorts_of(self.history.times[rows], question):
            known = np.flatnonzero(labelled[part]) + part.start
            cohort = ComparedCohort(
                start=start,
                end=end,
                rows=part.stop - part.start,
                labelled=len(known),
                candidate_loss=float(candidate[known].sum()),
                stable_loss=float(stable[known].sum()),
                differences=_counted(on_grid(candidate[known] - stable[known], question.bound, draws[known])),
            )
            cohorts.append(cohort)
        return Comparison(at=now, paired=True, cohorts=tuple(cohorts))

    async def watch(self, key: Key, question: WatchQuestion) -> Watched:
        """The losses of what one revision, or every one, answered to clients."""
        now = self.clock.now()
        rows = self._rows_since(question.since)
        if question.revision:
            rows = self.traffic.rows_of(question.revision, int(rows[0]) if len(rows) else 0)
        rows = rows[~np.isnan(self.traffic.served[rows])]
        found = row_losses(question.loss, question.bound, self.traffic.served[rows], self.history.truth[rows])
        labelled = self.history.label_times[rows] <= nanoseconds(now)
        cohorts = []
        for start, end, part in cohorts_of(self.history.times[rows], question):
            known = found[part][labelled[part]]
            cohort = WatchedCohort(
                start=start, end=end, rows=part.stop - part.start, labelled=len(known), loss=float(known.sum())
            )
            cohorts.append(cohort)
        return Watched(at=now, cohorts=tuple(cohorts), newest_label=self._newest(rows[labelled]))

    def _rows_since(self, since: datetime) -> Rows:
        """The rows from `since` on that somebody has answered."""
        first = int(np.searchsorted(self.history.times, nanoseconds(since), side="left"))
        answered = self.traffic.answered_by[first : self.traffic.position] != NOBODY
        return np.flatnonzero(answered) + first

    def _answers(self, party: Party, rows: Rows) -> Numbers:
        version = self.traffic.revisions.get(party.revision)
        if version is None:
            raise QualityUnavailable(f"the replay knows no revision {party.revision}; ask for one that was served")
        if not len(rows):
            return np.zeros(0)
        first, last = int(rows[0]), int(rows[-1]) + 1
        return self.traffic.answers.of(version, first, last)[rows - first]

    def _newest(self, labelled: Rows) -> datetime | None:
        return moment(int(self.history.label_times[labelled].max())) if len(labelled) else None


def cohorts_of(times: Moments, question: Question) -> Iterator[tuple[datetime, datetime, slice]]:
    """(start, end, its rows) of each cohort that has any, from the oldest; `times` ascend."""
    length = timedelta(seconds=question.cohort_seconds)
    numbers = (times - nanoseconds(question.since)) // (length // timedelta(microseconds=1) * 1000)
    found, firsts = np.unique(numbers, return_index=True)
    ends = [*firsts[1:].tolist(), len(times)][: len(firsts)]
    for number, first, last in zip(found.tolist(), firsts.tolist(), ends, strict=True):
        start = question.since + number * length
        yield start, start + length, slice(first, last)


def _counted(points: Numbers) -> dict[int, int]:
    values, counts = np.unique(points.astype(np.int64), return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))
