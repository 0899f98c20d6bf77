"""Clients over HTTP in a thread of their own: they keep sending at their pace, whatever the answers are."""

import asyncio
import contextlib
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.local.support.models import FEATURES, MODEL

NO_ANSWER = 0
TIMEOUT_SECONDS = 15.0
DATATYPES = {"double": "FP64", "integer": "INT64"}
SHARE_WITHOUT_WIND = 0.3


@dataclass(frozen=True)
class Answer:
    """One request as the client saw it. `revision`: which one answered, if it was a prediction."""

    sent_at: float
    code: int
    revision: str
    text: str
    answered_at: float


@dataclass
class Clients:
    """`answers`: every request that ended, in the order of the answers."""

    url: str
    per_second: float
    answers: list[Answer] = field(default_factory=list)

    def by_revision(self) -> Counter[str]:
        """Predictions by the revision that made them."""
        return Counter(answer.revision for answer in self.answers if answer.revision)

    def failed(self) -> list[Answer]:
        """Everything that was not a prediction."""
        return [answer for answer in self.answers if answer.code != 200]

    async def send(self, stop: threading.Event) -> None:
        """Send until told to stop, then wait for the answers that are under way."""
        timeout, rows = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS), random.Random(3)
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as under_way:
            due = time.monotonic()
            while not stop.is_set():
                under_way.create_task(self._ask(session, _body(rows)))
                due = max(due + 1 / self.per_second, time.monotonic() - 0.5)
                await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _ask(self, session: aiohttp.ClientSession, body: dict[str, Any]) -> None:
        sent_at, code, text = time.time(), NO_ANSWER, ""
        try:
            async with session.post(self.url, json=body) as response:
                code, text = response.status, await response.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            text = repr(error)
        revision = ""
        with contextlib.suppress(ValueError, KeyError, TypeError):
            revision = json.loads(text)["model_version"] if code == 200 else ""
        self.answers.append(Answer(sent_at, code, revision, text, time.time()))


def _body(rows: random.Random) -> dict[str, Any]:
    wind = None if rows.random() < SHARE_WITHOUT_WIND else rows.gauss(10, 3)
    row = {"distance": rows.uniform(10, 900), "wind": wind, "stops": rows.randrange(4)}
    inputs = [
        {"name": name, "shape": [1], "datatype": DATATYPES[kind], "data": [row[name]]}
        for name, kind in FEATURES.items()
    ]
    return {"inputs": inputs}


@contextmanager
def clients(port: int, per_second: float = 60.0) -> Iterator[Clients]:
    """Clients that send while the block lasts."""
    sending, stop = Clients(f"http://127.0.0.1:{port}/v2/models/{MODEL}/infer", per_second), threading.Event()
    thread = threading.Thread(target=_run, args=(sending.send, stop), daemon=True)
    thread.start()
    try:
        yield sending
    finally:
        stop.set()
        thread.join(2 * TIMEOUT_SECONDS)


def _run(send: Callable[[threading.Event], Any], stop: threading.Event) -> None:
    asyncio.run(send(stop))
