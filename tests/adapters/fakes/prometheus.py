"""What speaks like a Prometheus: answers of its real schema, made by the test."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import parse_qs

Answer = tuple[int, str]
Sample = tuple[Mapping[str, str], float]


def vector(samples: Iterable[Sample], **more: object) -> Answer:
    """A successful answer, as /api/v1/query gives it now."""
    now = round(time.time(), 3)
    result = [{"metric": dict(labels), "value": [now, repr(float(value))]} for labels, value in samples]
    return 200, json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}, **more})


def said(kind: str, result: object) -> Answer:
    """A successful answer of any kind."""
    return 200, json.dumps({"status": "success", "data": {"resultType": kind, "result": result}})


def refused(status: int, kind: str, error: str) -> Answer:
    """An error as Prometheus tells it."""
    return status, json.dumps({"status": "error", "errorType": kind, "error": error})


class FakePrometheus:
    """Answers each query with `answer(promql)`. `stuck`: it takes connections and answers nothing."""

    def __init__(self, answer: Callable[[str], Answer] = lambda promql: vector(())) -> None:
        self.answer = answer
        self.stuck = False
        self.queries: list[dict[str, str]] = []
        self.heads: list[str] = []
        self._server: asyncio.Server | None = None

    async def listen(self) -> str:
        """Begin to answer; returns the URL."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    def close(self) -> None:
        if self._server:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):  # who asked may have gone away
            await self._answer(reader, writer)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lengths = [line.split(":")[1] for line in head.splitlines() if line.lower().startswith("content-length:")]
        form = parse_qs((await reader.readexactly(int(lengths[0]))).decode())
        self.heads.append(head)
        self.queries.append({name: values[0] for name, values in form.items()})
        if self.stuck:
            await asyncio.sleep(60)
        status, text = self.answer(self.queries[-1]["query"])
        body = text.encode()
        writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
        writer.close()
