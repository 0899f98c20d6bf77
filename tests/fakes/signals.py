"""Sources of what signals are judged on, as steady streams: rows a second, and what is told of each."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from serinus.core.errors import SerinusError
from serinus.core.observation import BinWindow
from serinus.core.quality import GRID, ComparedCohort, CompareQuestion, Comparison, Watched, WatchQuestion
from serinus.ports import Clock, Key


@dataclass
class SteadyLabels:
    """A collector whose rows differ by `differences` (share by point of the grid); labels come `lag` after their row.

    `labelled` is the share of the rows that ever get one. `error` is raised instead; `hangs`: it never answers.
    """

    clock: Clock
    differences: Mapping[int, float] = field(default_factory=lambda: {0: 1.0})
    rate: float = 100.0
    lag: timedelta = timedelta(seconds=2)
    labelled: float = 1.0
    paired: bool = True
    problem: str = ""
    error: SerinusError | None = None
    hangs: bool = False
    asked: list[CompareQuestion] = field(default_factory=list)

    async def compare(self, key: Key, question: CompareQuestion) -> Comparison:
        self.asked.append(question)
        if self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        length, now = timedelta(seconds=question.cohort_seconds), self.clock.now()
        starts = [question.since + number * length for number in range(max(0, (now - question.since) // length))]
        cohorts = tuple(self._cohort(start, start + length, now) for start in starts)
        return Comparison(at=now, paired=self.paired, cohorts=cohorts, problem=self.problem)

    def _cohort(self, start: datetime, end: datetime, now: datetime) -> ComparedCohort:
        rows = round(self.rate * (end - start).total_seconds())
        known = self.labelled if end + self.lag <= now else 0.0
        seen = {at: round(rows * known * share) for at, share in self.differences.items()}
        labelled = sum(seen.values())
        stable = 0.2 * labelled
        candidate = stable + sum(at * count for at, count in seen.items()) / GRID
        return ComparedCohort(
            start=start,
            end=end,
            rows=rows,
            labelled=labelled,
            stable_loss=stable,
            candidate_loss=candidate,
            differences={at: count for at, count in seen.items() if count},
        )

    async def watch(self, key: Key, question: WatchQuestion) -> Watched:
        raise AssertionError("nothing of a rollout watches one revision")


@dataclass
class SteadyAnswers:
    """Counters of answers; `usual` by bin and second, and other ones of some revisions."""

    clock: Clock
    usual: Mapping[str, float] = field(default_factory=lambda: {str(number): 40.0 for number in range(10)})
    others: dict[str, Mapping[str, float]] = field(default_factory=dict)
    error: SerinusError | None = None
    asked: list[tuple[str, datetime]] = field(default_factory=list)

    async def window(self, key: Key, revision: str, since: datetime) -> BinWindow:
        self.asked.append((revision, since))
        if self.error is not None:
            raise self.error
        now = self.clock.now()
        seconds = (now - since).total_seconds()
        rates = self.others.get(revision, self.usual)
        return BinWindow(revision, since, now, answers={name: rate * seconds for name, rate in rates.items()})


@dataclass
class SteadyQueries:
    """Answers every query with `value`, or raises it."""

    value: float | SerinusError = 1.0
    asked: list[str] = field(default_factory=list)

    async def evaluate(self, promql: str) -> float:
        self.asked.append(promql)
        if isinstance(self.value, SerinusError):
            raise self.value
        return self.value
