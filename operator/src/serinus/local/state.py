"""The memory of a ModelDeployment in a file (port StateStore)."""

import asyncio
from pathlib import Path

from pydantic import ValidationError

from serinus.core.errors import StateConflict, StateUnreadable
from serinus.core.state import RolloutState
from serinus.local.files import atomic_write_text
from serinus.local.folder import StateFolder
from serinus.ports import Key


class FileStateStore:
    """One JSON file per ModelDeployment, replaced atomically, read once and then remembered.

    The state folder's lock makes this process the only writer.
    """

    def __init__(self, folder: StateFolder) -> None:
        self._folder = folder
        self._known: dict[Key, RolloutState] = {}

    async def load(self, key: Key) -> RolloutState | None:
        """The saved state, or None if there is none. Raises StateUnreadable."""
        if key not in self._known:
            state = await asyncio.to_thread(read_state, self._folder.state(key))
            if state is None:
                return None
            self._known[key] = state
        return self._known[key]

    async def save(self, key: Key, state: RolloutState, expected: int) -> RolloutState:
        """Save under the next sequence number. Raises StateConflict, StateUnreadable, StateUnwritable."""
        stored = await self.load(key)
        sequence = stored.sequence if stored else 0
        if sequence != expected:
            raise StateConflict(
                f"{key} is at sequence {sequence}, not {expected}; another writer was faster, start again"
            )
        saved = state.model_copy(update={"sequence": sequence + 1})
        text = saved.model_dump_json(by_alias=True, indent=1)
        await asyncio.to_thread(atomic_write_text, self._folder.state(key), text)
        self._known[key] = saved
        return saved


def read_state(path: Path) -> RolloutState | None:
    """The state in `path`, or None where there is no such file. Raises StateUnreadable."""
    try:
        return RolloutState.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        first = str(error).splitlines()[0]
        raise StateUnreadable(
            f"{path} cannot be read ({first}); restore it from a backup, or move it away to start from what the registry promoted"
        ) from error
