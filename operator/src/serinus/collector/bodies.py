"""Reading bodies: each at most so large, and all together at most so much memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request

from serinus.collector.intake import Full
from serinus.core.errors import SerinusError


class BodyTooLarge(SerinusError):
    """A body is larger than any may be."""


class Bodies:
    """Hands out memory for bodies."""

    def __init__(self, largest: int, together: int) -> None:
        self._largest, self._together = largest, max(largest, together)
        self._held = 0

    @asynccontextmanager
    async def body(self, request: Request) -> AsyncIterator[bytes]:
        """The body, for as long as it is needed. Raises BodyTooLarge, Full (before it is read, if its size is told)."""
        held = _told_length(request)
        try:
            self._check(held)
        except Full:
            await self.drop(request)
            raise
        self._held += held
        try:
            read = bytearray()
            async for part in request.stream():
                read += part
                if len(read) > held:
                    self._check(len(read), len(read) - held)
                    self._held += len(read) - held
                    held = len(read)
            yield bytes(read)
        finally:
            self._held -= held

    async def drop(self, request: Request) -> None:
        """Read a body and keep nothing of it: who is still sending when the connection ends does not see the answer."""
        read = 0
        async for part in request.stream():
            read += len(part)
            if read > self._largest:
                return

    def _check(self, size: int, more: int | None = None) -> None:
        if size > self._largest:
            raise BodyTooLarge(f"the body is larger than {self._largest:,} bytes; send smaller batches")
        if self._held + (size if more is None else more) > self._together:
            raise Full("bodies of other requests take all the memory that there is for them; send it again")


def _told_length(request: Request) -> int:
    told = request.headers.get("content-length", "")
    return int(told) if told.isdecimal() else 0
