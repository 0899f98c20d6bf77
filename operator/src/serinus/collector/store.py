"""Everything that is kept: written in groups, each on disk when `write` returns, and read by whoever needs rows.

For those who let a second revision score rows (serinus.collector.pairing): `LiveComparisons.live()` says what is compared,
`Store.unanswered` gives the rows that a revision has not answered yet, and its answers go to `Intake.put` as a
PredictionBatch whose events have `is_copy=True`, like any sender's. Rows whose features were hashed or dropped cannot be
scored again: `StoredRow.is_whole` is False then. `LiveComparisons.report` says what stands in the way.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Table, delete, func, select

from serinus.collector.changes import Changes
from serinus.collector.database import Database
from serinus.collector.halves import Half, HalfWriter
from serinus.collector.labels import LabelWriter
from serinus.collector.memory import Memory
from serinus.collector.messages import LabelBatch, PredictionBatch
from serinus.collector.outcomes import Kind, LabelOutcome, LoggedOutcome, Written
from serinus.collector.predictions import PredictionWriter
from serinus.collector.privacy import Privacy
from serinus.collector.sampling import below
from serinus.collector.settings import CollectorSettings
from serinus.collector.tables import deployments, files, halves, orphans, predictions, revisions, rows
from serinus.collector.values import micros, moment

Batch = PredictionBatch | LabelBatch | Half


def system_time() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class StoredRow:
    """A row as it can be asked about again. `id` grows in the order in which rows came."""

    id: int
    request_id: str
    time: datetime
    features: Mapping[str, Any]
    is_whole: bool


class Store:
    """The collector's memory. Its methods block; call them in a thread."""

    def __init__(
        self, database: Database, settings: CollectorSettings, clock: Callable[[], datetime] = system_time
    ) -> None:
        self.database, self.settings, self.clock = database, settings, clock
        self.changes = Changes()
        self._privacy = Privacy(settings)
        self._memory: Memory | None = None

    def write(self, batches: Sequence[Batch]) -> list[Written]:
        """Write all of them in one transaction. Raises DatabaseUnavailable; nothing of them is written then."""
        now = self.clock()
        try:
            with self.database.writing() as connection:
                memory = self._memory = self._memory or Memory(connection, self.settings)
                predicted = PredictionWriter(connection, memory, self.settings, self._privacy)
                labelled = LabelWriter(connection, memory, self.settings)
                logged = HalfWriter(connection, memory, predicted)
                written = [_write_one(batch, now, predicted, labelled, logged) for batch in batches]
                memory.mark_files(connection)
        except BaseException:
            self._memory = None
            raise
        self.changes.note(touched for one in written for touched in one.touched)
        return written

    def expire(self, before: int) -> Counter[tuple[str, Kind]]:
        """Drop labels and halves that arrived before this; how many, by (deployment, outcome). Raises DatabaseUnavailable."""
        dropped: Counter[tuple[str, Kind]] = Counter()
        kinds: tuple[tuple[Table, ColumnElement[bool], Kind], ...] = (
            (orphans, orphans.c.label_at < before, LabelOutcome.EXPIRED),
            (halves, halves.c.arrived < before, LoggedOutcome.EXPIRED),
        )
        with self.database.writing() as connection:
            for table, old, outcome in kinds:
                many = select(deployments.c.name, func.count()).join(table).where(old).group_by(deployments.c.name)
                dropped.update({(name, outcome): count for name, count in connection.execute(many)})
                connection.execute(delete(table).where(old))
            self._memory = None  # it counts orphans
        return dropped

    def retire_files(self, first: int) -> None:
        """Forget the log's files of days before `first`, whose rows are gone. Raises DatabaseUnavailable."""
        with self.database.writing() as connection:
            connection.execute(delete(files).where(files.c.day < first))
            self._memory = None  # it knows files that still take rows
        self.changes.forget()

    def unanswered(
        self,
        deployment: str,
        by: str,
        *,
        answered_by: str,
        since: datetime,
        rate: float,
        after: int = 0,
        limit: int = 500,
    ) -> list[StoredRow]:
        """Rows that clients sent to the revision `answered_by` from `since` on, and that `by` has not answered.

        Of these a share of `rate`, chosen by a hash of their ids: both revisions are asked about the same rows. At most
        `limit`, in the order of their ids, which begin behind `after`. Raises DatabaseUnavailable.
        """
        first, other = predictions.alias(), predictions.alias()
        theirs, ours = revisions.alias(), revisions.alias()
        question = (
            select(rows.c.id, rows.c.request_id, rows.c.time, rows.c.features)
            .join(first, first.c.row_id == rows.c.id)
            .join(theirs, theirs.c.id == first.c.revision_id)
            .join(deployments, deployments.c.id == theirs.c.deployment_id)
            .outerjoin(ours, (ours.c.deployment_id == theirs.c.deployment_id) & (ours.c.name == by))
            .outerjoin(other, (other.c.row_id == rows.c.id) & (other.c.revision_id == ours.c.id))
            .where(deployments.c.name == deployment, theirs.c.name == answered_by, other.c.row_id.is_(None))
            .where(
                first.c.is_copy.is_(False), first.c.time >= micros(since), rows.c.draw < below(rate), rows.c.id > after
            )
            .order_by(rows.c.id)
            .limit(limit)
        )
        with self.database.reading() as connection:
            return [self._stored(found) for found in connection.execute(question)]

    def _stored(self, found: Any) -> StoredRow:
        features = orjson.loads(found.features)
        is_whole = self._privacy.columns.isdisjoint(features) and not self.settings.drop_columns
        return StoredRow(found.id, found.request_id, moment(found.time), features, is_whole)


def _write_one(
    batch: Batch, now: datetime, predicted: PredictionWriter, labelled: LabelWriter, logged: HalfWriter
) -> Written:
    match batch:
        case PredictionBatch():
            return predicted.write(batch, now)
        case LabelBatch():
            return labelled.write(batch, now)
        case Half():
            return logged.write(batch, now)
