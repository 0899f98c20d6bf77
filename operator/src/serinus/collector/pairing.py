"""Letting both revisions of a comparison answer the same rows.

A client's row was answered by one revision. While a comparison is asked for, the other one is asked too, and its answer is
stored as a copy. A row that a model refuses is counted and left out of the comparison: a loss that nobody measured would have
to be made up, and a candidate that refuses its clients' rows fails on the Errors signal, which counts those very answers. Where
most rows cannot be answered the comparison says so.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import Final

from prometheus_client import CollectorRegistry, Counter

from serinus.collector.comparisons import LiveComparisons
from serinus.collector.messages import Event, Items, PredictionBatch
from serinus.collector.scoring import Scored, Scorer
from serinus.collector.store import Store, StoredRow
from serinus.core.errors import SerinusError
from serinus.core.quality import CompareQuestion, Party

logger = logging.getLogger(__name__)

PERIOD_SECONDS: Final = 1.0
ROWS_A_PERIOD: Final = 200
ROWS_A_REQUEST: Final = 50
IN_FLIGHT: Final = 8
# A gateway may have copied the request to the other revision, whose own event is then on its way.
SETTLE: Final = timedelta(seconds=3)
LONGEST_RETRY_SECONDS: Final = 30.0
REFUSED_SECONDS: Final = 60.0  # between requests while most rows are refused
AWAY_SECONDS: Final = 60.0
RECENT_ROWS: Final = 100
# How the predictor marks an input that it has hashed.
HASHED: Final = "hmac:"
OUTCOMES: Final = ("answered", "refused", "unusable")

Write = Callable[[PredictionBatch], Awaitable[object]]


@dataclass(frozen=True)
class Direction:
    """Rows that `answered_by` gave its clients answers to, which `asked` is to answer too."""

    deployment: str
    asked: str
    answered_by: str


@dataclass
class Progress:
    """How far a direction is, and what became of its latest rows: empty where one was answered, else why not."""

    after: int = 0
    recent: deque[str] = field(default_factory=lambda: deque(maxlen=RECENT_ROWS))
    away_since: float | None = None
    away: str = ""
    is_refused: bool = False  # the latest request, as most before it

    def problem(self, now: float) -> str:
        """Why rows are not paired; empty where most are, or where trouble has not lasted."""
        if self.away_since is not None and now - self.away_since > AWAY_SECONDS:
            return self.away
        troubles = [one for one in self.recent if one]
        return troubles[-1] if 2 * len(troubles) > len(self.recent) else ""


class Pairing:
    """Follows every live comparison in both directions.

    `write`: stores a batch durably, as Intake.put does. `clock`: seconds that never go back.
    """

    def __init__(
        self, store: Store, live: LiveComparisons, write: Write, scorer: Scorer, registry: CollectorRegistry, *,
        clock: Callable[[], float] = monotonic,
    ) -> None:  # fmt: skip
        self._store, self._live, self._write, self._scorer, self._clock = store, live, write, scorer, clock
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._progress: dict[Direction, Progress] = {}
        self._rows_total = Counter(
            "serinus_collector_paired_rows", "Rows that a second revision was asked about, by what became of them.",
            ["deployment", "revision", "outcome"], registry=registry,
        )  # fmt: skip

    async def run(self) -> None:
        """Until it is cancelled."""
        followed: dict[Direction, asyncio.Task[None]] = {}
        try:
            while True:
                wanted = {one for name, question in self._live.live().items() for one in directions(name, question)}
                for direction in followed.keys() - wanted:
                    followed.pop(direction).cancel()
                    self._forget(direction)
                for direction in wanted - followed.keys():
                    followed[direction] = asyncio.create_task(self._follow(direction), name=f"pair {direction}")
                await asyncio.sleep(PERIOD_SECONDS)
        finally:
            for task in followed.values():
                task.cancel()
            await asyncio.gather(*followed.values(), return_exceptions=True)
            await self._scorer.close()

    async def _follow(self, direction: Direction) -> None:
        delay = PERIOD_SECONDS
        while True:
            try:
                await self.turn(direction)
                delay = self.pause(direction)
            except SerinusError as error:
                delay = min(LONGEST_RETRY_SECONDS, 2 * delay)
                self._note_trouble(direction, str(error))
            except Exception:
                delay = LONGEST_RETRY_SECONDS
                logger.exception("pairing rows of %s failed; it goes on in %.0f s", direction.deployment, delay)
            await asyncio.sleep(delay)

    def pause(self, direction: Direction) -> float:
        """Seconds until its next turn: a predictor that refuses most rows is left to its clients."""
        progress = self._progress.get(direction)
        return REFUSED_SECONDS if progress and progress.is_refused else PERIOD_SECONDS

    async def turn(self, direction: Direction) -> None:
        """Have the next rows answered. Raises PredictorAway, Full, DatabaseUnavailable; the rows come again then."""
        question = self._live.live().get(direction.deployment)
        asked = _party(question, direction.asked) if question else None
        if question is None or asked is None or not asked.address:
            return
        progress = self._progress.setdefault(direction, Progress())
        rows = await asyncio.to_thread(self._rows, direction, question, progress.after)
        for part in _parts(rows):
            usable = [row for row in part if not what_is_missing(row)]
            async with self._slots:
                scored = await self._scorer.score(asked.address, question.model, usable) if usable else Scored()
            await self._store_answers(direction, question.model, scored)
            self._note(direction, progress, part, scored)
            if progress.is_refused:
                break
        self._report(direction.deployment)

    def _rows(self, direction: Direction, question: CompareQuestion, after: int) -> list[StoredRow]:
        found = self._store.unanswered(
            direction.deployment, direction.asked, answered_by=direction.answered_by,
            since=question.since, rate=question.sample_rate, after=after, limit=ROWS_A_PERIOD,
        )  # fmt: skip
        return list(_settled(found, self._store))

    async def _store_answers(self, direction: Direction, model: str, scored: Scored) -> None:
        if not scored.answered:
            return
        events = tuple(
            (index, Event(request_id=row.request_id, time=row.time, prediction=answer, is_copy=True))
            for index, (row, answer) in enumerate(scored.answered)
        )
        await self._write(PredictionBatch(direction.deployment, direction.asked, Items(events), model))

    def _note(self, direction: Direction, progress: Progress, part: Sequence[StoredRow], scored: Scored) -> None:
        progress.after, progress.away_since, progress.away = part[-1].id, None, ""
        unusable = list(filter(None, map(what_is_missing, part)))
        progress.recent += ["" for _ in scored.answered] + [why for _, why in scored.refused] + unusable
        progress.is_refused = bool(scored.refused and progress.problem(self._clock()))
        for outcome, count in zip(OUTCOMES, (len(scored.answered), len(scored.refused), len(unusable)), strict=True):
            self._rows_total.labels(direction.deployment, direction.asked, outcome).inc(count)

    def _forget(self, direction: Direction) -> None:
        if self._progress.pop(direction, None):
            for outcome in OUTCOMES:
                with contextlib.suppress(KeyError):
                    self._rows_total.remove(direction.deployment, direction.asked, outcome)

    def _note_trouble(self, direction: Direction, sentence: str) -> None:
        progress = self._progress.setdefault(direction, Progress())
        progress.away = sentence
        if progress.away_since is None:
            progress.away_since = self._clock()
            logger.warning("pairing rows of %s waits: %s", direction.deployment, sentence)
        self._report(direction.deployment)

    def _report(self, deployment: str) -> None:
        """Both directions count: rows are paired as long as none of them has trouble."""
        problems = (one.problem(self._clock()) for name, one in self._progress.items() if name.deployment == deployment)
        self._live.report(deployment, next(filter(None, problems), ""))


def directions(deployment: str, question: CompareQuestion) -> tuple[Direction, ...]:
    """Who is asked about whose rows.

    Of copies stable has answered the original. Where no client gave an id, the copy has one of its own, under which no label
    will ever come: were stable asked about it, too few rows of that time would have theirs.
    """
    candidate, stable = question.candidate.revision, question.stable.revision
    forth, back = Direction(deployment, candidate, stable), Direction(deployment, stable, candidate)
    return (forth,) if question.copied else (forth, back)


def what_is_missing(row: StoredRow) -> str:
    """Why a row cannot be asked about again, in a sentence; empty where it can."""
    if not row.features:
        return "predictions are sent without their inputs; switch spec.monitoring.log on, so that both can answer the same rows"
    hashed = [name for name, value in row.features.items() if isinstance(value, str) and value.startswith(HASHED)]
    if hashed or not row.is_whole:
        named = f"input {hashed[0]} is" if hashed else "some inputs are"
        return (
            f"{named} hashed or dropped before it is logged, so the other revision cannot be asked about the same rows"
        )
    return ""


def _settled(rows: Sequence[StoredRow], store: Store) -> Iterator[StoredRow]:
    """Rows up to the first that may still be answered by itself. One whose time lies ahead is not waited for."""
    now = store.clock()
    for row in rows:
        if now - SETTLE < row.time <= now + SETTLE:
            return
        yield row


def _parts(rows: Sequence[StoredRow]) -> Iterator[Sequence[StoredRow]]:
    for start in range(0, len(rows), ROWS_A_REQUEST):
        yield rows[start : start + ROWS_A_REQUEST]


def _party(question: CompareQuestion, revision: str) -> Party | None:
    return next((one for one in (question.candidate, question.stable) if one.revision == revision), None)
