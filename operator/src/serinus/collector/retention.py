"""What is too old goes: days of the log and their rows, labels and halves of requests that nobody came for."""

from collections import Counter

from sqlalchemy import ColumnElement, delete, select

from serinus.collector.chunks import chunks
from serinus.collector.log_place import LogPlace
from serinus.collector.outcomes import Kind
from serinus.collector.store import Store
from serinus.collector.tables import HAS_NO_FILE, deployments, files, predictions, rows
from serinus.collector.values import DAY, day_text, first_day, micros

ROWS_AT_ONCE = 5_000  # senders wait as long


class Retention:
    """Removes; one at a time, in a thread."""

    def __init__(self, store: Store, place: LogPlace) -> None:
        self._store, self._place = store, place

    def expire(self) -> Counter[tuple[str, Kind]]:
        """Drop labels and halves that have waited too long; how many, by (deployment, outcome). Raises DatabaseUnavailable."""
        oldest = micros(self._store.clock() - self._store.settings.orphans_kept)
        return self._store.expire(oldest)

    def retire(self) -> int:
        """Remove the days before the retention from the database and the log. Returns how many rows went.

        Raises DatabaseUnavailable, LogUnwritable; the next time goes on where this one stopped.
        """
        settings, database = self._store.settings, self._store.database
        first = first_day(self._store.clock(), settings.retention)
        with database.reading() as connection:
            names = {found.id: found.name for found in connection.execute(select(deployments))}
            old = list(connection.execute(select(files).where(files.c.day < first).order_by(files.c.id)))
        removed = 0
        for file in old:
            removed += self._remove_rows(rows.c.file_id == file.id)
        removed += self._remove_rows(HAS_NO_FILE & (rows.c.time < first * DAY))
        for name in names.values():
            for day in self._place.days(name):
                if day < day_text(first):
                    self._place.remove(name, day)
        if removed or old:
            self._store.retire_files(first)
        return removed

    def _remove_rows(self, which: ColumnElement[bool]) -> int:
        removed = 0
        while True:
            with self._store.database.writing() as connection:
                found = list(connection.scalars(select(rows.c.id).where(which).limit(ROWS_AT_ONCE)))
                for part in chunks(found):
                    connection.execute(delete(predictions).where(predictions.c.row_id.in_(part)))
                    connection.execute(delete(rows).where(rows.c.id.in_(part)))
            removed += len(found)
            if len(found) < ROWS_AT_ONCE:
                return removed
