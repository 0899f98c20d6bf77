"""The truth about each flight, told to the collector once it has landed."""

import asyncio
from collections import deque
from collections.abc import Callable

import aiohttp

from serinus.core.errors import QualityUnavailable

LANDS_AFTER_SECONDS = 2.0  # hours in reality
POST_SECONDS = 0.5
TIMEOUT_SECONDS = 5.0


class Landings:
    """Flights that were asked about and have not landed, or whose label could not be told yet."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[float, str, int]] = deque()
        self.told = 0

    def note(self, request_id: str, late: int) -> None:
        """The flight of this request will land, late or not."""
        self._waiting.append((asyncio.get_running_loop().time(), request_id, late))

    async def run(self, collector: Callable[[], str], deployment: str, stop: asyncio.Event) -> None:
        """Tell the collector of those that have landed until `stop` is set. Raises QualityUnavailable if it refuses."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while not stop.is_set():
                await self._tell(session, f"{collector()}/v1/labels", deployment)
                await asyncio.sleep(POST_SECONDS)

    async def _tell(self, session: aiohttp.ClientSession, url: str, deployment: str) -> None:
        landed = self._landed()
        labels = [{"requestId": request_id, "label": late} for _, request_id, late in landed]
        if not labels:
            return
        try:
            async with session.post(url, json={"deployment": deployment, "labels": labels}) as response:
                if response.status >= 500 or response.status == 429:
                    self._waiting.extendleft(reversed(landed))
                elif response.status >= 400:
                    raise QualityUnavailable(f"{url} refused labels: {(await response.text())[:300]}")
                else:
                    self.told += len(labels)
        except (aiohttp.ClientError, TimeoutError):
            self._waiting.extendleft(reversed(landed))  # it starts, or starts again

    def _landed(self) -> list[tuple[float, str, int]]:
        until = asyncio.get_running_loop().time() - LANDS_AFTER_SECONDS
        landed = []
        while self._waiting and self._waiting[0][0] <= until:
            landed.append(self._waiting.popleft())
        return landed
