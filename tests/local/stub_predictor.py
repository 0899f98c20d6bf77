"""A predictor for tests: quick to start, answers which revision it is, and misbehaves as it is told."""

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path


class Server(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, enough for a gateway."""

    options: argparse.Namespace
    open_connections: set["Server"] = set()  # noqa: RUF012 - one server per process
    stopping = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = b""
        self.busy = 0
        self.open_connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.open_connections.discard(self)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0]) if b"content-length:" in head else 0
            if len(self.buffer) < end + 4 + length:
                return
            path = self.buffer.split(b" ", 2)[1].decode()
            self.buffer = self.buffer[end + 4 + length :]
            self.busy += 1
            asyncio.get_running_loop().call_later(self.options.delay_seconds, self.answer, path)

    def answer(self, path: str) -> None:
        self.busy -= 1
        status, body = self.content(path)
        text = json.dumps(body).encode()
        close = b"connection: close\r\n" if self.stopping else b""
        head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(text)}\r\n".encode()
        self.transport.write(head + close + b"\r\n" + text)
        if self.stopping:
            self.transport.close()

    def content(self, path: str) -> tuple[int, dict[str, object]]:
        if path.endswith("/health/ready"):
            gate = self.options.ready_file
            return (200 if not gate or Path(gate).exists() else 503), {}
        if path.endswith("/die"):
            os._exit(9)
        return self.options.status, {"revision": self.options.revision, "pid": os.getpid()}

    def finish(self) -> None:
        if not self.busy:
            self.transport.close()


async def main(options: argparse.Namespace) -> None:
    Server.options = options
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    server = await loop.create_server(Server, "127.0.0.1", options.port)
    await stop.wait()
    server.close()
    Server.stopping = True
    for connection in list(Server.open_connections):
        connection.finish()
    while Server.open_connections:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--revision", required=True)
    parser.add_argument("--status", type=int, default=200)
    parser.add_argument("--delay-seconds", type=float, default=0.0)
    parser.add_argument("--ready-file", default="")
    parser.add_argument("--exit-code", type=int, default=0)
    parser.add_argument("--say", default="")
    return parser.parse_args()


if __name__ == "__main__":
    chosen = arguments()
    if chosen.say:
        print(chosen.say, file=sys.stderr, flush=True)
    if chosen.exit_code:
        sys.exit(chosen.exit_code)
    asyncio.run(main(chosen))
