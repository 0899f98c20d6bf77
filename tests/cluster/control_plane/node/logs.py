"""What `kubectl logs` asks of a node."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from tests.cluster.control_plane.layout import KUBELET_PORT, NODE_ADDRESS, Layout
from tests.cluster.control_plane.node.pod import RunningPod

FOLLOW_SECONDS = 0.2
Find = Callable[[str, str], RunningPod | None]


async def serve(layout: Layout, find: Find) -> web.AppRunner:
    """Serve the logs of containers to whom the cluster's authority knows."""

    async def answer(request: web.Request) -> web.StreamResponse:
        pod = find(request.match_info["namespace"], request.match_info["pod"])
        log = pod.log_of(request.match_info["container"]) if pod else None
        if log is None or not log.exists():
            raise web.HTTPNotFound(text="there is no log of this container yet\n")
        return await _send(request, log)

    app = web.Application()
    app.router.add_get("/containerLogs/{namespace}/{pod}/{container}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, NODE_ADDRESS, KUBELET_PORT, ssl_context=_tls(layout.pki)).start()
    return runner


def _tls(pki: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=pki / "ca.crt")
    context.load_cert_chain(pki / "kubelet.crt", pki / "kubelet.key")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


async def _send(request: web.Request, log: Path) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    with log.open("rb") as file:
        await response.write(_tail(file.read(), request.query.get("tailLines")))
        while request.query.get("follow") == "true":
            await response.write(file.read())
            await asyncio.sleep(FOLLOW_SECONDS)
    return response


def _tail(data: bytes, lines: str | None) -> bytes:
    return data if lines is None else b"".join(data.splitlines(keepends=True)[-int(lines) :] if int(lines) else [])
