"""Open-loop load: requests leave when their time has come, whether or not the earlier ones are answered.

A latency counts from the moment at which the request was due, so that a server that stalls cannot hide it by keeping the
client from asking (coordinated omission: Tene, How NOT to Measure Latency, 2013).
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import httpx

WARM_UP_REQUESTS = 20


@dataclass(frozen=True)
class Answered:
    """One request: when it was due (seconds from the start), seconds from then to its answer, seconds it left late.

    `error` says what went wrong, if anything.
    """

    due: float
    seconds: float
    late: float
    error: str = ""


def arrivals(requests_per_second: float, seconds: float, seed: int) -> list[float]:
    """When each request is due, in seconds from the start: as many as fit the rate, at random moments as of many clients."""
    count = max(1, round(requests_per_second * seconds))
    return sorted(np.random.default_rng(seed).uniform(0, seconds, count).tolist())


def put_load(url: str, bodies: Sequence[bytes], due: Sequence[float], *, patience_seconds: float) -> list[Answered]:
    """Post `bodies` in turn at the moments `due`; a request unanswered after `patience_seconds` is an error."""
    return asyncio.run(_put_load(url, bodies, due, patience_seconds))


async def _put_load(url: str, bodies: Sequence[bytes], due: Sequence[float], patience_seconds: float) -> list[Answered]:
    import httpx

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    headers = {"content-type": "application/json"}
    async with httpx.AsyncClient(trust_env=False, timeout=patience_seconds, limits=limits, headers=headers) as client:
        await _warm_up(client, url, bodies, patience_seconds)
        start, posted = time.perf_counter(), []
        for number, moment in enumerate(due):
            await asyncio.sleep(max(0.0, start + moment - time.perf_counter()))
            posted.append(asyncio.create_task(_timed(client, url, bodies[number % len(bodies)], start, moment)))
        return await asyncio.gather(*posted)


async def _warm_up(client: "httpx.AsyncClient", url: str, bodies: Sequence[bytes], patience_seconds: float) -> None:
    """The first requests pay for what is made once, here and there; they are not what is measured."""
    until = time.perf_counter() + patience_seconds
    for body in islice(cycle(bodies), WARM_UP_REQUESTS):
        if time.perf_counter() < until:
            await _error_of(client, url, body)


async def _timed(client: "httpx.AsyncClient", url: str, body: bytes, start: float, moment: float) -> Answered:
    late = time.perf_counter() - start - moment
    error = await _error_of(client, url, body)
    return Answered(moment, time.perf_counter() - start - moment, late, error)


async def _error_of(client: "httpx.AsyncClient", url: str, body: bytes) -> str:
    """Post `body`; what went wrong, or nothing."""
    import httpx

    try:
        answer = await client.post(url, content=body)
    except httpx.TimeoutException:
        return "no answer in time"
    except httpx.TransportError as error:
        return f"{type(error).__name__}: {error}"
    return "" if answer.is_success else f"{answer.status_code}: {answer.text[:200]}"
