"""A quality source in memory: rows and labels go in, losses come out."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from serinus.core.errors import QualityUnavailable
from serinus.core.quality import (
    GRID,
    ComparedCohort,
    CompareQuestion,
    Comparison,
    Question,
    Watched,
    WatchedCohort,
    WatchQuestion,
)
from serinus.ports import Clock, Key


@dataclass
class Row:
    """`answers` by revision; `label` None until it is in."""

    at: datetime
    answers: dict[str, float] = field(default_factory=dict)
    label: float | None = None


class FakeQuality:
    """Compares rows that both revisions answered. `up` False: it cannot be asked. `problem` is passed on as it is."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rows: dict[Key, dict[str, Row]] = defaultdict(dict)
        self._newest: datetime | None = None
        self.up = True
        self.problem = ""
        self.asked: list[tuple[Key, Question]] = []

    def predict(self, key: Key, revision: str, request_id: str, prediction: float, at: datetime | None = None) -> None:
        """A revision answers a row; the first answer tells its time."""
        row = self._rows[key].setdefault(request_id, Row(at or self._clock.now()))
        row.answers.setdefault(revision, prediction)

    def label(self, key: Key, request_id: str, label: float) -> None:
        """A label comes; the first one stands."""
        row = self._rows[key][request_id]
        row.label = label if row.label is None else row.label
        self._newest = self._clock.now()

    async def compare(self, key: Key, question: CompareQuestion) -> Comparison:
        self._note(key, question)
        pair = question.candidate.revision, question.stable.revision
        found = self._cohorts(key, question, lambda row: set(pair) <= row.answers.keys())
        cohorts = tuple(_compared(question, start, rows, *pair) for start, rows in found)
        return Comparison(at=self._clock.now(), paired=not self.problem, cohorts=cohorts, problem=self.problem)

    async def watch(self, key: Key, question: WatchQuestion) -> Watched:
        self._note(key, question)
        found = self._cohorts(key, question, lambda row: not question.revision or question.revision in row.answers)
        cohorts = tuple(_watched(question, start, rows) for start, rows in found)
        return Watched(at=self._clock.now(), cohorts=cohorts, newest_label=self._newest)

    def _note(self, key: Key, question: Question) -> None:
        if not self.up:
            raise QualityUnavailable("the collector cannot be asked: it is down; start it")
        self.asked.append((key, question))

    def _cohorts(self, key: Key, question: Question, wanted) -> list[tuple[datetime, list[Row]]]:
        length = timedelta(seconds=question.cohort_seconds)
        found: dict[datetime, list[Row]] = defaultdict(list)
        for row in self._rows[key].values():
            if row.at >= question.since and wanted(row):
                found[question.since + (row.at - question.since) // length * length].append(row)
        return sorted(found.items())


def _compared(question: Question, start: datetime, rows: list[Row], candidate: str, stable: str) -> ComparedCohort:
    labelled = [row for row in rows if row.label is not None]
    pairs = [tuple(_loss(question, row.answers[name], row.label) for name in (candidate, stable)) for row in labelled]
    differences: dict[int, int] = defaultdict(int)
    for one, other in pairs:
        differences[round((one - other) / question.bound * GRID)] += 1
    return ComparedCohort(
        start=start,
        end=start + timedelta(seconds=question.cohort_seconds),
        rows=len(rows),
        labelled=len(labelled),
        candidate_loss=sum(one for one, _ in pairs),
        stable_loss=sum(other for _, other in pairs),
        differences=dict(differences),
    )


def _watched(question: WatchQuestion, start: datetime, rows: list[Row]) -> WatchedCohort:
    labelled = [row for row in rows if row.label is not None]
    asked = question.revision
    answers = [row.answers[asked] if asked else next(iter(row.answers.values())) for row in labelled]
    return WatchedCohort(
        start=start,
        end=start + timedelta(seconds=question.cohort_seconds),
        rows=len(rows),
        labelled=len(labelled),
        loss=sum(_loss(question, answer, row.label) for answer, row in zip(answers, labelled, strict=True)),
    )


def _loss(question: Question, prediction: float, label: float | None) -> float:
    """Brier's and the squared error are the same sum; the other two are not needed by tests."""
    assert question.loss in {"brier", "squaredError"}
    assert label is not None
    return min(question.bound, (prediction - label) ** 2)
