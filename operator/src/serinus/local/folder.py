"""Where the embedded runtime keeps things: one folder, one sub-folder for each ModelDeployment."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serinus.core.errors import StateLocked, StateUnwritable
from serinus.ports import Key


class StateFolder:
    """The paths below a state folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def home(self, key: Key) -> Path:
        """The folder of one ModelDeployment."""
        return self.root / "deployments" / key.namespace / key.name

    def state(self, key: Key) -> Path:
        """Its memory."""
        return self.home(key) / "state.json"

    def spec(self, key: Key) -> Path:
        """What it was last asked for."""
        return self.home(key) / "deployment.json"

    def decisions(self, key: Key) -> Path:
        """Its journal, one decision a line."""
        return self.home(key) / "decisions.jsonl"

    def rollouts(self, key: Key) -> Path:
        """The folder of its finished rollouts, one file each."""
        return self.home(key) / "rollouts"

    def bins(self, key: Key) -> Path:
        """The folder of its rows by bin, one file for each revision."""
        return self.home(key) / "bins"

    def action(self, key: Key) -> Path:
        """What a person asked for last."""
        return self.home(key) / "action.json"

    @property
    def collector(self) -> Path:
        """The folder of the collector: its database, the prediction log, and collector.json with its `url`."""
        return self.root / "collector"

    def deployments(self) -> tuple[Key, ...]:
        """Every ModelDeployment that has a state here."""
        found = (self.root / "deployments").glob("*/*/state.json")
        return tuple(sorted(Key(path.parent.parent.name, path.parent.name) for path in found))

    def is_worked_on(self) -> bool:
        """Whether a runtime holds the folder at this moment."""
        try:
            with (self.root / "lock").open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return False

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process alone. The lock ends with the process, however it ends. Raises StateLocked."""
        path = self.root / "lock"
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            file = path.open("a+")
        except OSError as error:
            raise StateUnwritable(
                f"cannot write {path}: {error.strerror}; make the folder writable or name another with --state-dir"
            ) from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                file.seek(0)
                raise StateLocked(
                    f"another serinus (pid {file.read().strip() or 'unknown'}) works on {self.root}; "
                    "stop it, or name another folder with --state-dir"
                ) from error
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield
