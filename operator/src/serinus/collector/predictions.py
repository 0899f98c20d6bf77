"""Writing predictions: rows that are new, answers that are new, and labels that came before them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from sqlalchemy import Connection, and_, delete, insert, select

from serinus.collector.changing import change
from serinus.collector.chunks import chunks
from serinus.collector.memory import Memory
from serinus.collector.messages import Event, Items, PredictionBatch, Problem
from serinus.collector.outcomes import Judged, LabelOutcome, PredictionOutcome, Written
from serinus.collector.privacy import Privacy
from serinus.collector.sampling import draw_of, is_sampled
from serinus.collector.settings import CollectorSettings
from serinus.collector.tables import orphans, predictions, rows
from serinus.collector.values import DAY, MINUTE, SECOND, answer_of, first_day, micros

Row = dict[str, Any]  # of the table `rows`
FUTURE: Final = timedelta(hours=1)  # that clocks may differ


class PredictionWriter:
    """Writes one batch within a transaction."""

    def __init__(self, connection: Connection, memory: Memory, settings: CollectorSettings, privacy: Privacy) -> None:
        self._connection, self._memory, self._settings, self._privacy = connection, memory, settings, privacy

    def write(self, batch: PredictionBatch, now: datetime) -> Written:
        """Store what is new of `batch`. A request that this revision has answered before changes nothing."""
        written = Written(problems=list(batch.events.problems))
        timely = self._timely(batch.events, now, written)
        rate = self._settings.sample_rate
        events = [event for event in timely if is_sampled(batch.deployment, event.request_id, rate)]
        written.counts[PredictionOutcome.INVALID] += len(written.problems)
        written.counts[PredictionOutcome.NOT_SAMPLED] += len(timely) - len(events)
        if events:
            self._store(batch, events, written)
        return written

    def _timely(self, events: Items[Event], now: datetime, written: Written) -> list[Event]:
        """Those that the retention does not remove at once. A day ahead would be a day that stays too long."""
        first, last = first_day(now, self._settings.retention) * DAY, micros(now + FUTURE)
        found = []
        for index, event in events.good:
            if first <= micros(event.time) <= last:
                found.append(event)
                continue
            when = "older than what is kept" if micros(event.time) < first else "in the future"
            sentence = f"time {event.time.isoformat()} is {when}; correct the sender's clock or the retention"
            written.problems.append(Problem(index, event.request_id, sentence))
        return found

    def _store(self, batch: PredictionBatch, events: Sequence[Event], written: Written) -> None:
        connection, memory = self._connection, self._memory
        deployment = memory.deployment(connection, batch.deployment)
        revision = memory.revision(connection, deployment, batch.revision, batch.version, batch.model)
        known = self._known(deployment, [event.request_id for event in events])
        answered = self._answered(revision, [row["id"] for row in known.values()])
        fresh: list[Row] = []
        claimed: dict[int, Row] = {}
        answers: list[Row] = []
        for event in events:
            row = known.get(event.request_id)
            if row is None:
                row = known[event.request_id] = self._row(batch.deployment, deployment, event)
                fresh.append(row)
            elif row["id"] in answered:
                written.counts[PredictionOutcome.DUPLICATE] += 1
                continue
            answered.add(row["id"])
            if row["revision_id"] is None and not event.is_copy:
                row["revision_id"] = revision
                row["file_id"] = memory.place(connection, deployment, row["time"] // DAY)
                claimed[row["id"]] = row
            answers.append(self._answer(batch.deployment, revision, row, event))
            written.touched.add((batch.deployment, row["time"] // MINUTE))
        written.counts[PredictionOutcome.STORED] += len(answers)
        written.counts[LabelOutcome.JOINED] += (joined := self._adopt(deployment, fresh))[0]
        written.counts[LabelOutcome.LATE] += joined[1]
        self._insert(fresh, claimed, answers)
        self._judge(batch, known, answers, written)

    def _judge(
        self, batch: PredictionBatch, known: Mapping[str, Row], answers: Sequence[Row], written: Written
    ) -> None:
        """New answers to rows whose label is there already."""
        labelled = {row["id"]: row for row in known.values() if row["label"] is not None and not row["late"]}
        written.judged += [
            Judged(batch.deployment, batch.revision, answer["value"], row["label"], lag_seconds(row))
            for answer in answers
            if not answer["is_copy"] and (row := labelled.get(answer["row_id"]))
        ]

    def _known(self, deployment: int, request_ids: Sequence[str]) -> dict[str, Row]:
        wanted = [rows.c[name] for name in (*KNOWN, "revision_id")]
        return {
            found["request_id"]: dict(found)
            for part in chunks(request_ids)
            for found in self._connection.execute(
                select(*wanted).where(rows.c.deployment_id == deployment, rows.c.request_id.in_(part))
            ).mappings()
        }

    def _answered(self, revision: int, row_ids: Sequence[int]) -> set[int]:
        """Of these rows. All revisions that answered one are asked for: by one of them PostgreSQL may look at all its answers."""
        answers = select(predictions.c.row_id, predictions.c.revision_id)
        return {
            found.row_id
            for part in chunks(row_ids)
            for found in self._connection.execute(answers.where(predictions.c.row_id.in_(part)))
            if found.revision_id == revision
        }

    def _row(self, name: str, deployment: int, event: Event) -> Row:
        return {
            "id": self._memory.next_row(),
            "deployment_id": deployment,
            "request_id": event.request_id,
            "time": micros(event.time),
            "draw": draw_of(name, event.request_id),
            "features": orjson.dumps(self._privacy.kept(event.features)).decode(),
            "revision_id": None,
            "file_id": None,
            "label": None,
            "label_time": None,
            "label_at": None,
            "late": False,
        }

    def _answer(self, name: str, revision: int, row: Row, event: Event) -> Row:
        value, text = answer_of(self._settings, name, event.prediction)
        return {
            "row_id": row["id"],
            "revision_id": revision,
            "time": row["time"],
            "value": value,
            "text": text,
            "is_copy": event.is_copy,
        }

    def _adopt(self, deployment: int, fresh: Sequence[Row]) -> tuple[int, int]:
        """Give new rows the labels that were waiting for them. Returns how many joined, and how many were late."""
        if not self._memory.orphans:
            return 0, 0
        by_id = {row["request_id"]: row for row in fresh}
        late = found = 0
        for part in chunks(list(by_id)):
            mine = and_(orphans.c.deployment_id == deployment, orphans.c.request_id.in_(part))
            for orphan in self._connection.execute(select(orphans).where(mine)).mappings():
                row = by_id[orphan["request_id"]]
                row |= {name: orphan[name] for name in ("label", "label_time", "label_at")}
                row["late"] = is_late(self._settings, row["time"], orphan["label_at"])
                late, found = late + row["late"], found + 1
            self._connection.execute(delete(orphans).where(mine))
        self._memory.orphans -= found
        return found - late, late

    def _insert(self, fresh: Sequence[Row], claimed: Mapping[int, Row], answers: Sequence[Row]) -> None:
        new = {row["id"] for row in fresh}
        if fresh:
            self._connection.execute(insert(rows), fresh)
        if old := [one for one in claimed.values() if one["id"] not in new]:
            change(self._connection, rows, ("revision_id", "file_id"), old)
        if answers:
            self._connection.execute(insert(predictions), answers)


KNOWN = ("id", "request_id", "time", "file_id", "label", "label_time", "label_at", "late")


def is_late(settings: CollectorSettings, answered: int, label_at: int) -> bool:
    """Whether a label came too late for cohorts; times in microseconds."""
    return label_at - answered > settings.label_limit.total_seconds() * SECOND


def lag_seconds(row: Mapping[str, Any]) -> float:
    """From the answer to the label, as its sender dates it, else as it came."""
    at = row["label_time"] if row["label_time"] is not None else row["label_at"]
    return float(at - row["time"]) / SECOND
