"""The whole RolloutState as one string in `.status.checkpoint`: JSON, compressed, so that an object stays small.

What people read in the status follows from it and is never read back: an edit there changes nothing.
"""

import base64
import binascii
import zlib
from typing import Final

from pydantic import ValidationError

from serinus.core.errors import StateUnreadable
from serinus.core.state import RolloutState

FORMAT: Final = "zlib:"
LONGEST: Final = 64 * 1024  # characters; an object may have about 1.5 million
LONGEST_DECODED: Final = 8 * 1024 * 1024
KEPT_WHEN_TOO_LONG: Final = 10


def encoded(state: RolloutState) -> str:
    """The state as a string of printable characters."""
    content = zlib.compress(state.model_dump_json(by_alias=True).encode(), level=6)
    return FORMAT + base64.b64encode(content).decode()


def decoded(text: str) -> RolloutState:
    """The state that `encoded` has written. Raises StateUnreadable."""
    try:
        if not text.startswith(FORMAT):
            raise ValueError(f"it does not begin with {FORMAT}")
        return RolloutState.model_validate_json(_unpacked(base64.b64decode(text[len(FORMAT) :], validate=True)))
    except (ValueError, binascii.Error, zlib.error, ValidationError) as error:
        first = str(error).splitlines()[0]
        raise StateUnreadable(
            f"status.checkpoint cannot be read ({first}); put the status back from a backup, or empty it to start from "
            "what the registry promoted: kubectl replace --subresource=status"
        ) from error


def fitting(state: RolloutState) -> tuple[RolloutState, str]:
    """The state and its text, within LONGEST.

    Only what a registry that is away for long is owed can grow without end: its curves go first, its oldest next.
    """
    text = encoded(state)
    if len(text) > LONGEST:
        state = state.model_copy(update={"unrecorded": _without_curves(state)})
        text = encoded(state)
    if len(text) > LONGEST:
        state = state.model_copy(update={"unrecorded": state.unrecorded[-KEPT_WHEN_TOO_LONG:]})
        text = encoded(state)
    return state, text


def _without_curves(state: RolloutState) -> tuple[object, ...]:
    return tuple(record.model_copy(update={"curve": ()}) for record in state.unrecorded)


def _unpacked(content: bytes) -> bytes:
    """Decompressed, but no further than a state can be long."""
    unpacking = zlib.decompressobj()
    text = unpacking.decompress(content, LONGEST_DECODED)
    if not unpacking.eof:
        raise ValueError("it is cut off, or far too long")
    return text
