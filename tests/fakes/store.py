"""A state store in memory. It keeps JSON, as the real ones do, so whatever does not survive that is found."""

from serinus.core.errors import StateConflict, StateUnreadable, StateUnwritable
from serinus.core.state import RolloutState
from serinus.ports import Key


class FakeStore:
    """Implements serinus.ports.StateStore. `full` makes every save fail."""

    def __init__(self) -> None:
        self.full = False
        self.texts: dict[Key, str] = {}

    async def load(self, key: Key) -> RolloutState | None:
        if key not in self.texts:
            return None
        try:
            return RolloutState.model_validate_json(self.texts[key])
        except ValueError as error:
            raise StateUnreadable(f"the state of {key} cannot be read ({error}); restore it") from error

    async def save(self, key: Key, state: RolloutState, expected: int) -> RolloutState:
        stored = await self.load(key)
        sequence = stored.sequence if stored else 0
        if sequence != expected:
            raise StateConflict(f"{key} is at sequence {sequence}, not {expected}; start again")
        if self.full:
            raise StateUnwritable("the fake store is full; clear `full`")
        saved = state.model_copy(update={"sequence": sequence + 1})
        self.texts[key] = saved.model_dump_json(by_alias=True)
        return saved
