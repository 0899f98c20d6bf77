"""Metrics pages of a gateway and of predictors, served over HTTP."""

import asyncio
import time
from collections import Counter

EDGES = (0.1, 1.0)
PLAIN_TEXT = "content-type: text/plain; version=0.0.4\r\n"  # a Prometheus takes no page that does not say what it is


class Exporter:
    """A process with counters, at an address of its own. `stuck`: it takes connections and answers nothing."""

    def __init__(self) -> None:
        self.stuck = False
        self.status = 200
        self.scrapes = 0
        self.counts: Counter[tuple[str, int]] = Counter()  # by series and code
        self.started_at = time.time()
        self._server: asyncio.Server | None = None

    async def listen(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Begin to answer; returns the port."""
        self._server = await asyncio.start_server(self._answer, host, port)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    def restart(self) -> None:
        """Another process takes its place."""
        self.counts.clear()
        self.started_at = max(time.time(), self.started_at + 0.01)

    def close(self) -> None:
        if self._server:
            self._server.close()

    def page(self) -> str:
        return f"process_start_time_seconds {self.started_at}\n" + "".join(self.lines())

    def lines(self) -> list[str]:
        return []

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # who asked has gone away before it was his turn
        self.scrapes += 1
        if self.stuck:
            await asyncio.sleep(60)
        body = self.page().encode()
        head = f"HTTP/1.1 {self.status} X\r\n{PLAIN_TEXT}content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        writer.close()


class GatewayExporter(Exporter):
    """Traefik's page; its series are called by namespace, route, Service and the backend's place."""

    def lines(self) -> list[str]:
        made = []
        for (service, code), count in self.counts.items():
            labels = f'method="POST",protocol="http",service="{service}@kubernetesgateway"'
            made.append(f'traefik_service_requests_total{{code="{code}",{labels}}} {count}\n')
            for edge in (*EDGES, "+Inf"):
                made.append(
                    f'traefik_service_request_duration_seconds_bucket{{code="{code}",le="{edge}",{labels}}} {count}\n'
                )
        return made


class PredictorExporter(Exporter):
    """The Serinus predictor's page. `labels`: those that each of its series has."""

    def __init__(self, labels: str = 'deployment="d"') -> None:
        super().__init__()
        self.labels = labels

    def lines(self) -> list[str]:
        totals = Counter({200: 0})
        for (_, code), count in self.counts.items():
            totals[code] += count
        made = [f'serinus_requests_total{{code="{code}",{self.labels}}} {count}\n' for code, count in totals.items()]
        everything = sum(totals.values())
        return made + [
            f'serinus_request_seconds_bucket{{le="{edge}",{self.labels}}} {everything}\n' for edge in (*EDGES, "+Inf")
        ]


def series(namespace: str, route: str, service: str, place: int = 0, rule: int = 0) -> str:
    """What Traefik 3.7 calls a backend of an HTTPRoute."""
    gateway = f"gw-kserve-kserve-ingress-gateway-ep-web-{rule}-0123456789abcdef0123"
    return f"httproute-{namespace}-{route}-{gateway}-svc-{namespace}-{service}-{place}"
