"""Fetching metrics pages: bounded, timed, and no oftener than somebody needs to know."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Generic, TypeVar
from urllib.parse import urlsplit

import httpx

from serinus.adapters.scrape import samples
from serinus.core.elapsed import has_passed
from serinus.core.errors import MetricsUnavailable
from serinus.ports import Clock

T = TypeVar("T")

START_TIME: Final = "process_start_time_seconds"
TIMEOUT_SECONDS: Final = 2.0
IN_FLIGHT: Final = 32
FAILURE_FRESH: Final = timedelta(seconds=1)


@dataclass(frozen=True)
class Page:
    """What one process said of itself."""

    instance: str
    started_at: datetime
    text: str


class Scraper:
    """Fetches metrics pages, some at a time."""

    def __init__(self) -> None:
        # Pods and gateways are near: no proxy is asked.
        self._client = httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False)
        self._slots = asyncio.Semaphore(IN_FLIGHT)

    async def fetch(self, url: str, instance: str, host: str = "") -> Page:
        """One page. Raises MetricsUnavailable."""
        try:
            async with self._slots, asyncio.timeout(TIMEOUT_SECONDS):
                answer = await self._client.get(url, headers={"Host": host} if host else None)
            answer.raise_for_status()
        except (httpx.HTTPError, TimeoutError) as error:
            reason = str(error) or f"no answer within {TIMEOUT_SECONDS:g} s"
            raise MetricsUnavailable(f"{url} cannot be scraped: {reason}") from error
        return Page(instance, _started_at(url, answer.text), answer.text)

    async def close(self) -> None:
        """End all connections."""
        await self._client.aclose()


class Shared(Generic[T]):
    """The answer to a question that many ask at the same time, not older than `fresh` when it is given.

    A failure is the answer to all who ask within FAILURE_FRESH: they do not wait for it one after the other.
    """

    def __init__(self, ask: Callable[[], Awaitable[T]], clock: Clock, fresh: timedelta) -> None:
        self._ask = ask
        self._clock = clock
        self._fresh = fresh
        self._asking: asyncio.Task[tuple[datetime, T]] | None = None
        self._ended_at = clock.now()

    async def get(self) -> tuple[datetime, T]:
        """When it was answered, and what. Raises what asking raises."""
        if self._asking is None or self._is_old(self._asking):
            self._asking = asyncio.create_task(self._answer())
        return await asyncio.shield(self._asking)

    async def _answer(self) -> tuple[datetime, T]:
        try:
            answer = await self._ask()
        finally:
            self._ended_at = self._clock.now()
        return self._ended_at, answer

    def _is_old(self, asking: asyncio.Task[tuple[datetime, T]]) -> bool:
        if not asking.done():
            return False
        failed = asking.cancelled() or asking.exception() is not None
        fresh = max(self._fresh, FAILURE_FRESH) if failed else self._fresh
        return has_passed(fresh, self._ended_at, self._clock.now())


async def addresses(url: str) -> list[tuple[str, str]]:
    """(URL, host name) of every address behind the URL's host: a headless Service has one for each pod.

    An https URL stays as it is, for its certificate is the name's. Raises MetricsUnavailable.
    """
    parts = urlsplit(url)
    if parts.scheme == "https":
        return [(url, "")]
    port = parts.port or 80
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except OSError as error:  # TimeoutError is one
        cause = str(error) or "its name service does not answer"
        raise MetricsUnavailable(f"the host of {url} is not known ({cause}); correct the address") from error
    hosts = sorted({f"[{one[4][0]}]" if one[0] is socket.AF_INET6 else str(one[4][0]) for one in found})
    return [(parts._replace(netloc=f"{host}:{port}").geturl(), parts.netloc) for host in hosts]


def _started_at(url: str, text: str) -> datetime:
    found = samples(text, (START_TIME,))
    if not found:
        raise MetricsUnavailable(f"{url} does not say when its process started ({START_TIME}); is it a metrics page?")
    return datetime.fromtimestamp(found[0].value, UTC)
