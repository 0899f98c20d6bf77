"""/metrics, /healthz, /readyz and /v1/events on one port."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from serinus.kubernetes.event_endpoint import MOST_BYTES, PATH
from serinus.kubernetes.telemetry import Telemetry

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class HealthServer:
    """/healthz answers as long as the event loop turns. `unready` says why the process cannot do its part yet, if so.

    `events` answers /v1/events.
    """

    def __init__(
        self,
        host: str,
        port: int,
        telemetry: Telemetry,
        unready: Callable[[], str],
        events: Callable[[web.Request], Awaitable[web.Response]],
    ) -> None:
        self._host = host
        self._port = port
        self._telemetry = telemetry
        application = web.Application(client_max_size=MOST_BYTES)
        application.router.add_get("/metrics", self._metrics)
        application.router.add_get("/healthz", lambda request: _answer(""))
        application.router.add_get("/readyz", lambda request: _answer(unready()))
        application.router.add_post(PATH, events)
        self._runner = web.AppRunner(application, access_log=None)

    async def start(self) -> int:
        """Listen; returns the port. Raises OSError when it is taken."""
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """End all connections."""
        await self._runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=self._telemetry.text(), headers={"Content-Type": CONTENT_TYPE})


async def _answer(complaint: str) -> web.Response:
    return web.Response(text=complaint or "ok", status=503 if complaint else 200)
