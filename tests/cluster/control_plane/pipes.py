"""Forward TCP connections without looking into them."""

import asyncio
import socket
from collections.abc import Callable

Target = Callable[[], tuple[str, int] | None]


class _End(asyncio.Protocol):
    """One of the two connections; what arrives is written to the other, no faster than that one takes it."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: _End | None = None
        self.ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        if self.other and self.other.transport:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        """One direction has ended; the connection has when both have."""
        self.ended = True
        if self.other is None or self.other.transport is None or self.other.ended:
            return False
        self.other.transport.write_eof()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other and self.other.transport:
            self.other.transport.abort() if exc else self.other.transport.close()

    def pause_writing(self) -> None:
        if self.other and self.other.transport:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other and self.other.transport and not self.other.transport.is_closing():
            self.other.transport.resume_reading()


class _Front(_End):
    """A client's connection, which is joined to a new one to the target."""

    def __init__(self, target: Target) -> None:
        super().__init__()
        self._target = target
        self._joining: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        self._joining = asyncio.create_task(self._join(transport))

    async def _join(self, transport: asyncio.Transport) -> None:
        address, back = self._target(), _End()
        try:
            if address is None:
                raise ConnectionRefusedError
            await asyncio.get_running_loop().create_connection(lambda: back, *address)
        except OSError:
            transport.abort()
            return
        self.other, back.other = back, self
        if transport.is_closing():
            back.connection_lost(None)
            back.transport.close() if back.transport else None
        else:
            transport.resume_reading()


async def serve(listener: socket.socket, target: Target) -> asyncio.Server:
    """Forward every connection that arrives. `target` is asked for each; None refuses it."""
    return await asyncio.get_running_loop().create_server(lambda: _Front(target), sock=listener, backlog=1024)
