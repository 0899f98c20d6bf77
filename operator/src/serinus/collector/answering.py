"""Answers to questions about quality. Only cohorts in which something has changed are worked out again."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

from sqlalchemy import Connection

from serinus.collector.cohorts import Cohorts
from serinus.collector.columns import Interval, are_paired, newest_label, read_answers, read_pairs, revision_ids
from serinus.collector.comparisons import LiveComparisons
from serinus.collector.store import Store
from serinus.collector.values import MINUTE, SECOND, micros, moment
from serinus.core.quality import CompareQuestion, Comparison, Question, Watched, WatchQuestion

MAX_KEPT: Final = 1_000  # questions whose cohorts are remembered
PIECE: Final = 6 * 3_600 * SECOND
NO_ADDRESS: Final = "nobody has told where both revisions answer, so they are not asked about the same rows"


@dataclass(frozen=True)
class _Found:
    """Cohorts by number, and when the latest of their labels came: in microseconds, 0 where none has."""

    cohorts: Mapping[int, Any] = field(default_factory=dict)
    newest: int = 0


@dataclass
class _Kept:
    """What is known of a question, as of a change."""

    lock: Lock = field(default_factory=Lock)
    change: int = -1
    found: _Found = field(default_factory=_Found)


class Answering:
    """Answers what the operator asks. Its methods block; call them in a thread."""

    def __init__(self, store: Store, live: LiveComparisons) -> None:
        self._store, self._live = store, live
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._lock = Lock()

    def compare(self, deployment: str, question: CompareQuestion) -> Comparison:
        """Candidate against stable by cohort. Raises LossUndefined, DatabaseUnavailable."""
        self._live.asked(deployment, question)
        at, problem = self._store.clock(), self._live.problem(deployment)
        if not (problem or (question.candidate.address and question.stable.address)):
            problem = NO_ADDRESS
        with self._store.database.reading() as connection:
            candidate, stable = (
                revision_ids(connection, deployment, one.revision) for one in (question.candidate, question.stable)
            )
            since, rate = Cohorts(question).since, question.sample_rate
            known = bool(candidate and stable)
            paired = not problem or (known and are_paired(connection, candidate[0], stable[0], since, rate))
        if not (candidate and stable):
            return Comparison(at=at, paired=paired, problem=problem)
        cohorts = Cohorts(question)

        def read(connection: Connection, interval: Interval) -> _Found:
            if paired:
                return _Found(cohorts.paired(read_pairs(connection, candidate[0], stable[0], interval)))
            return _Found(
                cohorts.unpaired(
                    read_answers(connection, candidate, interval), read_answers(connection, stable, interval)
                )
            )

        parties = (question.candidate.revision, question.stable.revision, paired)
        found = self._refreshed(deployment, question, parties, read)
        return Comparison(at=at, paired=paired, cohorts=_in_order(found), problem=problem)

    def watch(self, deployment: str, question: WatchQuestion) -> Watched:
        """One revision's losses by cohort, or those of all. Raises LossUndefined, DatabaseUnavailable."""
        at, cohorts = self._store.clock(), Cohorts(question)

        def read(connection: Connection, interval: Interval) -> _Found:
            revision = revision_ids(connection, deployment, question.revision)
            watched = cohorts.watched(read_answers(connection, revision, interval))
            return _Found(watched, newest_label(connection, revision, interval) or 0)

        found = self._refreshed(deployment, question, (question.revision,), read)
        newest = moment(found.newest) if found.newest else None
        return Watched(at=at, cohorts=_in_order(found), newest_label=newest)

    def _refreshed(
        self,
        deployment: str,
        question: Question,
        about: tuple[Hashable, ...],
        read: Callable[[Connection, Interval], _Found],
    ) -> _Found:
        """What is known of the question now."""
        key = (deployment, question.loss, question.bound, question.since, question.cohort_seconds, about)
        kept, cohorts = self._of(key), Cohorts(question)
        with kept.lock:
            change = self._store.changes.now()  # before reading: what comes in between is read again
            minutes = self._store.changes.since(deployment, kept.change)
            if minutes is None:
                stale, found = self._everything(cohorts), {}
            else:
                stale = _intervals(minutes, cohorts)
                found = _outside(stale, kept.found.cohorts, cohorts)
            newest = kept.found.newest
            with self._store.database.reading() as connection:
                for interval in stale:
                    part = read(connection, interval)
                    found.update(part.cohorts)
                    newest = max(newest, part.newest)
            kept.found, kept.change = _Found(found, newest), change
            return kept.found

    def _everything(self, cohorts: Cohorts) -> list[Interval]:
        """All that there can be, in pieces of whole cohorts, so that no more rows than those of one are in memory."""
        now, retention = self._store.clock(), self._store.settings.retention
        length = cohorts.length * max(1, PIECE // cohorts.length)
        before = max(1, (micros(now - retention) - cohorts.since) // length)
        ends = list(range(cohorts.since + before * length, micros(now), length))
        return list(zip([cohorts.since, *ends], [*ends, None], strict=True))

    def _of(self, key: Hashable) -> _Kept:
        with self._lock:
            kept = self._kept.setdefault(key, _Kept())
            self._kept.move_to_end(key)
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
            return kept


def _in_order(found: _Found) -> tuple[Any, ...]:
    return tuple(cohort for _, cohort in sorted(found.cohorts.items()))


def _outside(intervals: list[Interval], kept: Mapping[int, Any], cohorts: Cohorts) -> dict[int, Any]:
    """The cohorts that are in none of these."""
    found = dict(kept)
    for start, end in intervals:
        first, last = (start - cohorts.since) // cohorts.length, ((end or start) - cohorts.since) // cohorts.length
        found = {k: one for k, one in found.items() if not first <= k < last}
    return found


def _intervals(minutes: frozenset[int], cohorts: Cohorts) -> list[Interval]:
    """Whole cohorts that cover these minutes, those that touch as one."""
    found: list[tuple[int, int]] = []
    for minute in sorted(minutes):
        first = max(0, (minute * MINUTE - cohorts.since) // cohorts.length)
        last = ((minute + 1) * MINUTE - 1 - cohorts.since) // cohorts.length
        if last < 0:
            continue
        start, end = (cohorts.since + k * cohorts.length for k in (first, last + 1))
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return list(found)
