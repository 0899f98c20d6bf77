"""What the writer remembers between transactions: ids of names, files that still take rows, the next numbers."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select, update

from serinus.collector.settings import CollectorSettings
from serinus.collector.tables import deployments, files, orphans, revisions, rows


@dataclass
class OpenFile:
    """The last file of a deployment's day. Others of that day are full."""

    id: int
    rows: int


@dataclass
class KnownRevision:
    """A revision of a deployment; its version is empty where nobody has told it yet."""

    id: int
    version: str


class Memory:
    """Loaded from the database, kept in step by the one writer, and thrown away when a transaction fails."""

    def __init__(self, connection: Connection, settings: CollectorSettings) -> None:
        self._file_rows = settings.file_rows
        self._deployments: dict[str, int] = {found.name: found.id for found in connection.execute(select(deployments))}
        self._revisions = {
            (found.deployment_id, found.name): KnownRevision(found.id, found.version)
            for found in connection.execute(select(revisions))
        }
        self._open = {
            (found.deployment_id, found.day): OpenFile(found.id, found.rows)
            for found in connection.execute(select(files).order_by(files.c.id))
        }
        self._row = connection.scalar(select(func.max(rows.c.id))) or 0
        self._file = connection.scalar(select(func.max(files.c.id))) or 0
        self.change = connection.scalar(select(func.max(files.c.changed))) or 0
        self.orphans = connection.scalar(select(func.count()).select_from(orphans)) or 0
        self._appended: dict[int, int] = {}
        self._relabelled: set[int] = set()

    def deployment(self, connection: Connection, name: str) -> int:
        """Its id; a new one is written."""
        if name not in self._deployments:
            self._deployments[name] = max(self._deployments.values(), default=0) + 1
            connection.execute(insert(deployments).values(id=self._deployments[name], name=name))
        return self._deployments[name]

    def revision(self, connection: Connection, deployment: int, name: str, version: str, model: str) -> int:
        """Its id; a new one is written. The first version that is told of a revision stands: copies tell none."""
        known = self._revisions.get((deployment, name))
        if known is None:
            number = max((one.id for one in self._revisions.values()), default=0) + 1
            known = self._revisions[deployment, name] = KnownRevision(number, version)
            values = {"id": number, "deployment_id": deployment, "name": name, "version": version, "model": model}
            connection.execute(insert(revisions).values(values))
        elif version and not known.version:
            known.version = version
            connection.execute(update(revisions).where(revisions.c.id == known.id).values(version=version, model=model))
        return known.id

    def next_row(self) -> int:
        """An id that no row has had."""
        self._row += 1
        return self._row

    def place(self, connection: Connection, deployment: int, day: int) -> int:
        """The file that takes one more row of `day`."""
        file = self._open.get((deployment, day))
        if file is None or file.rows >= self._file_rows:
            self._file += 1
            file = self._open[deployment, day] = OpenFile(self._file, 0)
            connection.execute(
                insert(files).values(
                    id=file.id, deployment_id=deployment, day=day, rows=0, changed=0, appended=0, written=0
                )
            )
        file.rows += 1
        self._appended[file.id] = file.rows
        return file.id

    def relabelled(self, file: int | None) -> None:
        """A row of it has got its label."""
        if file is not None:
            self._relabelled.add(file)

    def mark_files(self, connection: Connection) -> None:
        """Write down which files lag behind since the last time this was called."""
        self.change += 1
        for file, count in self._appended.items():
            connection.execute(
                update(files).where(files.c.id == file).values(rows=count, changed=self.change, appended=self.change)
            )
        rest = self._relabelled - self._appended.keys()
        if rest:
            connection.execute(update(files).where(files.c.id.in_(sorted(rest))).values(changed=self.change))
        self._appended, self._relabelled = {}, set()
