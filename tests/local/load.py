"""Clients that send requests without pause over kept-alive connections, and count what came back."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


@dataclass
class Answers:
    """What clients saw. A connection that broke counts as status 0."""

    statuses: Counter[int] = field(default_factory=Counter)
    revisions: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(self.statuses.values())

    @property
    def failed(self) -> int:
        return self.total - self.statuses[200]


class Client:
    """One connection. `send` posts once and returns (status, body, Set-Cookie)."""

    def __init__(self, url: str, body: bytes = b'{"instances": [[1]]}') -> None:
        parts = urlsplit(url)
        self._host, self._port, self._path = parts.hostname or "", parts.port or 80, parts.path
        self._body = body
        self.is_waiting = False
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, headers: Iterable[tuple[str, str]] = ()) -> tuple[int, bytes, str]:
        try:
            return await self._exchange("".join(f"{name}: {value}\r\n" for name, value in headers))
        except (OSError, asyncio.IncompleteReadError, ValueError):
            self.close()
            return 0, b"", ""

    async def _exchange(self, headers: str) -> tuple[int, bytes, str]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        head = f"POST {self._path} HTTP/1.1\r\nhost: {self._host}\r\ncontent-length: {len(self._body)}\r\n"
        self.is_waiting = True
        writer.write(f"{head}content-type: application/json\r\n{headers}\r\n".encode() + self._body)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        fields = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in answer.split("\r\n"))
        }
        body = await reader.readexactly(int(fields.get("content-length", "0")))
        self.is_waiting = False
        if fields.get("connection", "").lower() == "close":
            self.close()
        return int(answer.split(" ", 2)[1]), body, fields.get("set-cookie", "").partition(";")[0]

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class Load:
    """Keeps `clients` requests in flight while the `async with` block runs."""

    def __init__(self, url: str, clients: int = 4, body: bytes = b'{"instances": [[1]]}') -> None:
        self.answers = Answers()
        self._clients = [Client(url, body) for _ in range(clients)]
        self._stopped = False
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._send_on(client)) for client in self._clients]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        await asyncio.gather(*self._tasks)

    def stop(self) -> None:
        """Send no more."""
        self._stopped = True

    async def _send_on(self, client: Client) -> None:
        clock = asyncio.get_running_loop().time
        while not self._stopped:
            begun = clock()
            status, body, _ = await client.send()
            self.answers.seconds.append(clock() - begun)
            self.answers.statuses[status] += 1
            if status == 200:
                self.answers.revisions[json.loads(body).get("revision", "")] += 1
            elif status == 0:
                await asyncio.sleep(0.01)
        client.close()
