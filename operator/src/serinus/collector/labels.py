"""Joining labels with the rows they are about."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from serinus.collector.changing import change
from serinus.collector.chunks import chunks
from serinus.collector.memory import Memory
from serinus.collector.messages import Label, LabelBatch, Problem
from serinus.collector.outcomes import Judged, LabelOutcome, Written
from serinus.collector.predictions import KNOWN, Row, is_late, lag_seconds
from serinus.collector.sampling import is_sampled
from serinus.collector.settings import CollectorSettings
from serinus.collector.tables import orphans, predictions, revisions, rows
from serinus.collector.values import MINUTE, LabelInvalid, label_of, micros, moment


class LabelWriter:
    """Joins one batch within a transaction."""

    def __init__(self, connection: Connection, memory: Memory, settings: CollectorSettings) -> None:
        self._connection, self._memory, self._settings = connection, memory, settings

    def write(self, batch: LabelBatch, now: datetime) -> Written:
        """Join what can be joined at `now`; each label has an outcome."""
        written = Written(problems=list(batch.labels.problems))
        written.counts[LabelOutcome.INVALID] += len(batch.labels.problems)
        labels = self._valid(batch, written)
        if labels:
            self._join(batch.deployment, labels, micros(now), written)
        return written

    def _valid(self, batch: LabelBatch, written: Written) -> list[tuple[int, Label, float]]:
        """(place in the batch, label, its number) of those that mean something here."""
        found = []
        for index, label in batch.labels.good:
            try:
                number = label_of(self._settings, batch.deployment, label.label)
            except LabelInvalid as error:
                written.counts[LabelOutcome.INVALID] += 1
                written.problems.append(Problem(index, label.request_id, str(error)))
                continue
            if is_sampled(batch.deployment, label.request_id, self._settings.sample_rate):
                found.append((index, label, number))
            else:
                written.counts[LabelOutcome.NOT_SAMPLED] += 1
        return found

    def _join(self, name: str, labels: Sequence[tuple[int, Label, float]], now: int, written: Written) -> None:
        deployment = self._memory.deployment(self._connection, name)
        ids = [label.request_id for _, label, _ in labels]
        known = self._found(rows, deployment, ids, KNOWN)
        waiting = self._found(orphans, deployment, [one for one in ids if one not in known], ("request_id", "label"))
        joined: list[Row] = []
        orphaned: list[Row] = []
        for index, label, number in labels:
            row = known.get(label.request_id) or waiting.get(label.request_id)
            if row is not None and row["label"] is not None:
                self._told_before(index, label, number, row, written)
                continue
            new = {
                "request_id": label.request_id,
                "label": number,
                "label_time": None if label.time is None else micros(label.time),
                "label_at": now,
            }
            if row is None:
                waiting[label.request_id] = new
                orphaned.append(new | {"deployment_id": deployment})
                written.counts[LabelOutcome.UNKNOWN] += 1
                continue
            row |= new | {"late": is_late(self._settings, row["time"], now)}
            joined.append(row)
            written.counts[LabelOutcome.LATE if row["late"] else LabelOutcome.JOINED] += 1
            written.touched.add((name, row["time"] // MINUTE))
            self._memory.relabelled(row["file_id"])
        self._save(joined, orphaned)
        written.judged += self._judged(name, {row["id"]: row for row in joined if not row["late"]})

    def _found(self, table: Any, deployment: int, ids: Sequence[str], names: Sequence[str]) -> dict[str, Row]:
        columns = [table.c[name] for name in names]
        return {
            found["request_id"]: dict(found)
            for part in chunks(ids)
            for found in self._connection.execute(
                select(*columns).where(table.c.deployment_id == deployment, table.c.request_id.in_(part))
            ).mappings()
        }

    def _told_before(self, index: int, label: Label, number: float, row: Row, written: Written) -> None:
        if row["label"] == number:
            written.counts[LabelOutcome.DUPLICATE] += 1
            return
        written.counts[LabelOutcome.CONTRADICTORY] += 1
        at = row.get("label_at")
        since = f" since {moment(at):%Y-%m-%d %H:%M:%S} UTC" if at is not None else ""
        sentence = f"the label is {row['label']:g}{since}, and {number:g} contradicts it; the first one stands"
        written.problems.append(Problem(index, label.request_id, sentence))

    def _save(self, joined: Sequence[Row], orphaned: Sequence[Row]) -> None:
        if joined:
            change(self._connection, rows, ("label", "label_time", "label_at", "late"), joined)
        if orphaned:
            self._connection.execute(insert(orphans), orphaned)
            self._memory.orphans += len(orphaned)

    def _judged(self, name: str, joined: dict[int, Row]) -> list[Judged]:
        """The answers that clients were given to these rows."""
        answers = select(predictions.c.row_id, predictions.c.value, revisions.c.name).join(
            revisions, revisions.c.id == predictions.c.revision_id
        )
        return [
            Judged(name, found.name, found.value, joined[found.row_id]["label"], lag_seconds(joined[found.row_id]))
            for part in chunks(list(joined))
            for found in self._connection.execute(
                answers.where(predictions.c.row_id.in_(part), predictions.c.is_copy.is_(False))
            )
        ]
