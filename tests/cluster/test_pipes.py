"""Forwarded connections behave as direct ones, and leave nothing behind."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.cluster.control_plane import pipes
from tests.cluster.looking import eventually


@asynccontextmanager
async def forwarded(*, to: tuple[str, int] | None = None) -> AsyncIterator[tuple[str, int]]:
    """The address in front of a server that says everything backwards once it has heard the end, or of `to`."""

    async def reverse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read())[::-1])
        writer.close()

    server = await asyncio.start_server(reverse, "127.0.0.1", 0)
    address = to or server.sockets[0].getsockname()
    listener = socket.create_server(("127.0.0.1", 0))
    front = await pipes.serve(listener, lambda: address)
    try:
        yield listener.getsockname()
    finally:
        front.close()
        server.close()


async def said(address: tuple[str, int], data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(data)
    writer.write_eof()
    try:
        return await reader.read()
    finally:
        writer.close()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_much_data_and_half_closed_connections_pass_and_no_socket_is_left_open() -> None:
    async def run() -> None:
        async with forwarded() as address:
            before = descriptors()
            chunks = [os.urandom(size) for size in (1, 1000, 100_000, 5_000_000)] * 5
            answers = await asyncio.gather(*(said(address, chunk) for chunk in chunks))
            assert answers == [chunk[::-1] for chunk in chunks]
            await asyncio.to_thread(eventually, lambda: descriptors() <= before, "all are closed", 5)

    asyncio.run(run())


def test_a_target_that_does_not_listen_ends_the_connection() -> None:
    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as once:
            silent = once.getsockname()
        async with forwarded(to=silent) as address:
            try:
                answer = await said(address, b"x")
            except ConnectionError:
                answer = b""
            assert answer == b""

    asyncio.run(run())
