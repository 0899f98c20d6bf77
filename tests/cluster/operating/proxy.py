"""Bad weather between the operator and the API server: answers that say no, answers that get lost, watches that end."""

import asyncio
import base64
import json
import random
import ssl
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web

HOP_BY_HOP = {"connection", "content-length", "transfer-encoding", "content-encoding", "host"}


@dataclass
class Weather:
    """The share of requests that meet each fault. `lost`: carried out, and answered with 504."""

    refused: dict[int, float] = field(default_factory=dict)
    lost: float = 0.0
    longest_watch_seconds: float = 3600.0


class Proxy:
    """Passes everything on to the API server of a kubeconfig, as its user; reached without credentials."""

    def __init__(self, kubeconfig: Path, seed: int) -> None:
        content = yaml.safe_load(kubeconfig.read_text())
        self._server = content["clusters"][0]["cluster"]["server"]
        self._tls = _tls(content)
        self._turns = random.Random(seed)
        self.weather = Weather()
        self.faults: Counter[str] = Counter()
        self.port = 0

    def kubeconfig(self, folder: Path) -> Path:
        """A kubeconfig that leads through here."""
        cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "clusters": [cluster],
            "users": [{"name": "u", "user": {"token": "none"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        }
        path = folder / "proxied.kubeconfig"
        path.write_text(json.dumps(content))
        return path

    async def serve(self, ready: threading.Event, stop: threading.Event) -> None:
        application = web.Application(client_max_size=2**24)
        application.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.port = runner.addresses[0][1]
        connector = aiohttp.TCPConnector(ssl=self._tls, limit=0)
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as self._client:
            ready.set()
            while not stop.is_set():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        for status, share in self.weather.refused.items():
            applies = status != 409 or request.method in ("PUT", "PATCH", "POST", "DELETE")
            if applies and self._turns.random() < share:
                return self._fault(str(status), status)
        headers = {k: v for k, v in request.headers.items() if k.lower() not in {*HOP_BY_HOP, "authorization"}}
        body = await request.read()
        url = self._server + request.path_qs
        async with self._client.request(request.method, url, headers=headers, data=body or None) as answer:
            if "watch=true" in request.query_string:
                return await self._watch(request, answer)
            content = await answer.read()
            if request.method != "GET" and self._turns.random() < self.weather.lost:
                return self._fault("lost", 504)
            kept = {k: v for k, v in answer.headers.items() if k.lower() not in HOP_BY_HOP}
            return web.Response(status=answer.status, body=content, headers=kept)

    async def _watch(self, request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        """Pass a watch on for a while, and break it off in the middle."""
        passed = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
        await passed.prepare(request)
        seconds = self._turns.uniform(0.5, 1.0) * self.weather.longest_watch_seconds
        try:
            async with asyncio.timeout(seconds):
                async for part in answer.content.iter_any():
                    await passed.write(part)
        except TimeoutError:
            self.faults["watch"] += 1
            if request.transport is not None:
                request.transport.abort()
        return passed

    def _fault(self, name: str, status: int) -> web.Response:
        self.faults[name] += 1
        message = {"kind": "Status", "status": "Failure", "message": f"bad weather: {name}", "code": status}
        return web.json_response(message, status=status)


@contextmanager
def proxy(kubeconfig: Path, seed: int) -> Iterator[Proxy]:
    """A proxy in a thread of its own, while the block lasts."""
    made, ready, stop = Proxy(kubeconfig, seed), threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(made.serve(ready, stop)), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield made
    finally:
        stop.set()
        thread.join(10)


def _tls(kubeconfig: dict[str, Any]) -> ssl.SSLContext:
    cluster, user = kubeconfig["clusters"][0]["cluster"], kubeconfig["users"][0]["user"]
    context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("client-certificate-data", "client-key-data")]
        for file in files:
            file.write_bytes(base64.b64decode(user[file.name]))
        context.load_cert_chain(*files)
    return context
