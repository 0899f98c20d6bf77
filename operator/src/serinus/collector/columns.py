"""Reading columns of many rows out of the database: who answered what, and what was right."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection, Select, case, func, null, select

from serinus.collector.cohorts import Answers, Pairs
from serinus.collector.sampling import below
from serinus.collector.tables import deployments, predictions, revisions, rows

PART_ROWS: Final = 50_000
LABEL: Final = case((rows.c.late.is_(True), null()), else_=rows.c.label)
Interval = tuple[int, int | None]  # microseconds; None: without end


def revision_ids(connection: Connection, deployment: str, name: str = "") -> list[int]:
    """Those of the revision, or of all of the deployment's."""
    question = select(revisions.c.id).join(deployments).where(deployments.c.name == deployment)
    return list(connection.scalars(question.where(revisions.c.name == name) if name else question))


def read_pairs(connection: Connection, candidate: int, stable: int, interval: Interval) -> Pairs:
    """Rows that both answered, whoever asked."""
    other = predictions.alias()
    question = (
        select(predictions.c.time, rows.c.draw, predictions.c.value, LABEL, other.c.value)
        .join(other, other.c.row_id == predictions.c.row_id)
        .join(rows, rows.c.id == predictions.c.row_id)
        .where(predictions.c.revision_id == candidate, other.c.revision_id == stable, other.c.value.is_not(None))
    )
    times, draws, values, labels, others = _read(connection, _within(question, interval))
    return Pairs(Answers(times, draws, values, labels), others)


def are_paired(connection: Connection, candidate: int, stable: int, since: int, rate: float) -> bool:
    """Whether stable has answered half or more of the candidate's rows in the sample, of which there are some."""
    other = predictions.alias()
    question = (
        select(func.count(), func.count(other.c.row_id))
        .join(rows, rows.c.id == predictions.c.row_id)
        .outerjoin(other, (other.c.row_id == predictions.c.row_id) & (other.c.revision_id == stable))
        .where(predictions.c.revision_id == candidate, predictions.c.time >= since, rows.c.draw < below(rate))
    )
    asked, paired = connection.execute(question).one()
    return 0 < asked <= 2 * int(paired)


def read_answers(connection: Connection, revision: Sequence[int], interval: Interval) -> Answers:
    """Rows that clients had answered by any of these revisions."""
    question = (
        select(predictions.c.time, rows.c.draw, predictions.c.value, LABEL)
        .join(rows, rows.c.id == predictions.c.row_id)
        .where(predictions.c.revision_id.in_(revision), predictions.c.is_copy.is_(False))
    )
    return Answers(*_read(connection, _within(question, interval)))


def newest_label(connection: Connection, revision: Sequence[int], interval: Interval) -> int | None:
    """When the latest of their labels came, late ones too."""
    question = (
        select(func.max(rows.c.label_at))
        .join(predictions, rows.c.id == predictions.c.row_id)
        .where(predictions.c.revision_id.in_(revision), predictions.c.is_copy.is_(False))
    )
    found: int | None = connection.scalar(_within(question, interval))
    return found


def _within(question: Select[Any], interval: Interval) -> Select[Any]:
    start, end = interval
    question = question.where(predictions.c.time >= start, predictions.c.value.is_not(None))
    return question if end is None else question.where(predictions.c.time < end)


def _read(connection: Connection, question: Select[Any]) -> list[Any]:
    """Its columns as arrays: the first two of integers, the others of floating-point numbers, NaN where none is."""
    kinds = [np.int64, np.int64, *[np.float64] * (len(question.selected_columns) - 2)]
    parts: list[list[Any]] = [[np.empty(0, kind)] for kind in kinds]
    result = connection.execution_options(yield_per=PART_ROWS).execute(question)
    for found in result.partitions():
        for part, values, kind in zip(parts, zip(*found, strict=True), kinds, strict=True):
            part.append(np.array(values, kind))
    return [np.concatenate(part) for part in parts]
