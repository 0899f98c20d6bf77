"""Clients of the demo: real rows, sent over HTTP through the gateway at a steady pace, counted as a client sees them."""

import asyncio
import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from itertools import cycle
from typing import Any
from uuid import uuid4

import aiohttp

from serinus.core.analysis.counts import is_failure
from serinus.core.errors import DataInvalid
from serinus.training.config import TrainingConfig

NO_ANSWER = 0
TIMEOUT_SECONDS = 10.0
MAX_IN_FLIGHT = 64
SEED = 2013


@dataclass
class ClientCounts:
    """What the clients saw. Code 0: no answer at all."""

    codes: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    @property
    def requests(self) -> int:
        """Requests that ended, one way or another."""
        return sum(self.codes.values())

    @property
    def failed(self) -> int:
        """Requests that failed, as the errors signal counts them."""
        return sum(count for code, count in self.codes.items() if is_failure(code))


@dataclass(frozen=True)
class Flight:
    """A request body (V1 protocol), and whether the flight was late: what nobody knows before it has landed."""

    body: bytes
    late: int


Landed = Callable[[str, int], None]
"""Told of each flight that was answered: the request's id, and whether it was late."""


def flights_between(config: TrainingConfig, begin: datetime, end: datetime, at_most: int) -> list[Flight]:
    """Flights scheduled in [begin, end), drawn from all of these days alike.

    In the order of departure a rollout of twenty seconds would meet the weather of one afternoon. Raises DataInvalid
    where there are no flights.
    """
    from serinus.training.flights import load

    frame = load()
    scheduled = frame[config.time_column]
    between = frame[(scheduled >= begin) & (scheduled < end)]
    if between.empty:
        raise DataInvalid(f"there are no flights from {begin:%Y-%m-%d} to {end:%Y-%m-%d}; choose a time in 2013")
    chosen = between.sample(n=min(at_most, len(between)), random_state=SEED)
    rows = chosen[config.feature_names].to_dict(orient="records")
    return [Flight(_body(row), late) for row, late in zip(rows, chosen[config.target].tolist(), strict=True)]


def _body(row: Mapping[Any, Any]) -> bytes:
    present = {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}
    return json.dumps({"instances": [present]}).encode()


class Replay:
    """Sends flights over and over, `per_second` of them each second, whatever the answers are."""

    def __init__(self, flights: Sequence[Flight], per_second: float, landed: Landed) -> None:
        self._flights = cycle(flights)
        self._pause = 1.0 / per_second
        self._landed = landed
        self._in_flight: set[asyncio.Task[None]] = set()
        self.counts = ClientCounts()

    def play(self, flights: Sequence[Flight]) -> None:
        """From now on send these."""
        self._flights = cycle(flights)

    async def run(self, url: str, stop: asyncio.Event) -> None:
        """Send until `stop` is set; then wait for the answers that are still on their way."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        connector = aiohttp.TCPConnector(limit=MAX_IN_FLIGHT)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
            await self._send_at_pace(session, url, stop)
            await asyncio.gather(*self._in_flight)

    async def _send_at_pace(self, session: aiohttp.ClientSession, url: str, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not stop.is_set():
            if len(self._in_flight) < MAX_IN_FLIGHT:
                task = asyncio.create_task(self._send(session, url, next(self._flights)))
                self._in_flight.add(task)
                task.add_done_callback(self._in_flight.discard)
            due = max(due + self._pause, loop.time() - 1.0)  # after a hiccup, catch up by one second at most
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def _send(self, session: aiohttp.ClientSession, url: str, flight: Flight) -> None:
        loop = asyncio.get_running_loop()
        began, request_id = loop.time(), uuid4().hex
        headers = {"Content-Type": "application/json", "X-Request-Id": request_id}
        try:
            async with session.post(url, data=flight.body, headers=headers) as response:
                await response.read()
                code = response.status
        except (aiohttp.ClientError, TimeoutError):
            code = NO_ANSWER
        self.counts.codes[code] += 1
        self.counts.seconds.append(loop.time() - began)
        if code == HTTPStatus.OK:
            self._landed(request_id, flight.late)
