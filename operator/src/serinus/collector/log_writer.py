"""Rows of the database as files of the prediction log.

A row belongs to one file from the moment it is stored, and a file is always written whole, from its rows. So a row is never
in two files, a crash in between is made good by writing the file again, and a label that comes later reaches the log when
the file is next written. Files hold at most `file_rows` rows: that is what a single late label costs.
"""

import io
from threading import Lock
from typing import Any

import pyarrow.parquet as pq
from sqlalchemy import Row, case, func, select, update

from serinus.collector.log_columns import LoggedRow, table_of
from serinus.collector.log_place import LogPlace
from serinus.collector.store import Store
from serinus.collector.tables import deployments, files, predictions, revisions, rows
from serinus.collector.values import day_text

QUESTION = (
    select(
        rows.c.request_id,
        rows.c.time,
        revisions.c.name,
        revisions.c.version,
        predictions.c.value,
        predictions.c.text,
        rows.c.label,
        func.coalesce(rows.c.label_time, rows.c.label_at),
        rows.c.features,
    )
    .join(revisions, revisions.c.id == rows.c.revision_id)
    .join(predictions, (predictions.c.row_id == rows.c.id) & (predictions.c.revision_id == rows.c.revision_id))
    .order_by(rows.c.id)
)


class LogWriter:
    """Brings the log up to date; blocks, so call it in a thread."""

    def __init__(self, store: Store, place: LogPlace) -> None:
        self._store, self._place = store, place
        self._lock = Lock()

    def write(self, *, relabelled: bool) -> int:
        """Write the files that have got new rows, and those with new labels if asked for. Returns how many.

        The files that have waited longest come first. Raises LogUnwritable, DatabaseUnavailable; what is done is done.
        """
        with self._lock:
            due = self._due(relabelled)
            for file in due:
                self._write(file)
        return len(due)

    def waiting(self) -> int:
        """Rows in files that have got new rows since they were written."""
        question = select(func.sum(files.c.rows)).where(files.c.appended > files.c.written)
        with self._store.database.reading() as connection:
            return int(connection.scalar(question) or 0)

    def _due(self, relabelled: bool) -> list[Row[Any]]:
        behind = (files.c.changed if relabelled else files.c.appended) > files.c.written
        question = (
            select(files, deployments.c.name).join(deployments).where(behind).order_by(files.c.written, files.c.id)
        )
        with self._store.database.reading() as connection:
            return list(connection.execute(question))

    def _write(self, file: Row[Any]) -> None:
        database = self._store.database
        with database.reading() as connection:
            changed = connection.scalar(select(files.c.changed).where(files.c.id == file.id))
            found = [LoggedRow(*row) for row in connection.execute(QUESTION.where(rows.c.file_id == file.id))]
        if changed is None:  # retired in between
            return
        content = io.BytesIO()
        pq.write_table(table_of(file.name, found), content)
        self._place.put(file.name, day_text(file.day), f"{database.writer}-{file.id:08d}.parquet", content.getvalue())
        with database.writing() as connection:
            done = case((files.c.written < changed, changed), else_=files.c.written)
            connection.execute(update(files).where(files.c.id == file.id).values(written=done))
