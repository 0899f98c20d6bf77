"""Rows to cohorts: pure functions over columns."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from serinus.collector.losses import Floats, on_grid, row_losses
from serinus.collector.sampling import Draws, order, uniform
from serinus.collector.values import SECOND, micros
from serinus.core.quality import ComparedCohort, Question, WatchedCohort

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Answers:
    """Rows of one revision, as columns of the same length. `labels`: NaN where none is in. Times in microseconds."""

    times: Places
    draws: Draws
    predictions: Floats
    labels: Floats

    def __getitem__(self, chosen: Places) -> "Answers":
        return Answers(self.times[chosen], self.draws[chosen], self.predictions[chosen], self.labels[chosen])

    def __len__(self) -> int:
        return len(self.times)


@dataclass(frozen=True)
class Pairs:
    """Rows that both revisions answered: the candidate's answers, and stable's to the same rows."""

    candidate: Answers
    stable: Floats


@dataclass(frozen=True)
class Cohorts:
    """How a question cuts time. Cohort k is [since + k * length, since + (k + 1) * length), in microseconds."""

    question: Question

    @property
    def since(self) -> int:
        """The start of cohort 0."""
        return micros(self.question.since)

    @property
    def length(self) -> int:
        """At least a microsecond."""
        return max(1, round(self.question.cohort_seconds * SECOND))

    def split(self, times: Places) -> Iterator[tuple[int, Places]]:
        """(k, which rows) for each cohort that has rows, from the oldest."""
        if not len(times):
            return
        numbers = (times - self.since) // self.length
        rows = np.argsort(numbers, kind="stable")
        found, starts = np.unique(numbers[rows], return_index=True)
        for k, part in zip(found.tolist(), np.split(rows, starts[1:]), strict=True):
            yield int(k), part

    def compared(self, k: int, rows: int, pairs: Pairs) -> ComparedCohort:
        """Cohort `k` with `rows` that could be compared, of which `pairs` are labelled."""
        question, one = self.question, pairs.candidate
        candidate = row_losses(question.loss, question.bound, one.predictions, one.labels)
        stable = row_losses(question.loss, question.bound, pairs.stable, one.labels)
        return self._compared(k, rows, candidate, stable, one.draws)

    def _compared(self, k: int, rows: int, candidate: Floats, stable: Floats, draws: Draws) -> ComparedCohort:
        grid = on_grid(candidate - stable, self.question.bound, uniform(draws))
        points, counts = np.unique(grid, return_counts=True)
        return ComparedCohort(
            start=self._start(k),
            end=self._start(k + 1),
            rows=rows,
            labelled=len(candidate),
            candidate_loss=float(candidate.sum()),
            stable_loss=float(stable.sum()),
            differences=dict(zip(points.tolist(), counts.tolist(), strict=True)),
        )

    def paired(self, pairs: Pairs) -> dict[int, ComparedCohort]:
        """Both revisions on identical rows."""
        found = {}
        for k, part in self.split(pairs.candidate.times):
            labelled = part[~np.isnan(pairs.candidate.labels[part])]
            found[k] = self.compared(k, len(part), Pairs(pairs.candidate[labelled], pairs.stable[labelled]))
        return found

    def unpaired(self, candidate: Answers, stable: Answers) -> dict[int, ComparedCohort]:
        """Rows of one matched with rows of the other, at random within a cohort.

        Which rows are compared is drawn before their labels are looked at, as many of one as of the other: the share that is
        labelled is that of the revision with fewer labels.
        """
        theirs, question, found = dict(self.split(stable.times)), self.question, {}
        for k, part in self.split(candidate.times):
            if k not in theirs:
                continue
            rows = min(len(part), len(theirs[k]))
            mine, other = (_labelled(_drawn(one, rows)) for one in (candidate[part], stable[theirs[k]]))
            labelled = min(len(mine), len(other))
            first, second = (
                row_losses(question.loss, question.bound, one.predictions[:labelled], one.labels[:labelled])
                for one in (mine, other)
            )
            found[k] = self._compared(k, rows, first, second, mine.draws[:labelled])
        return found

    def watched(self, answers: Answers) -> dict[int, WatchedCohort]:
        """One revision's losses."""
        question, found = self.question, {}
        for k, part in self.split(answers.times):
            one = _labelled(answers[part])
            loss = float(row_losses(question.loss, question.bound, one.predictions, one.labels).sum())
            found[k] = WatchedCohort(
                start=self._start(k), end=self._start(k + 1), rows=len(part), labelled=len(one), loss=loss
            )
        return found

    def _start(self, k: int) -> datetime:
        return self.question.since + timedelta(microseconds=k * self.length)


def _drawn(answers: Answers, rows: int) -> Answers:
    return answers[order(answers.draws)[:rows]]


def _labelled(answers: Answers) -> Answers:
    return answers[np.flatnonzero(~np.isnan(answers.labels))]
