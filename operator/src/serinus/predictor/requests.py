"""Requests counted and timed where they enter and leave the process, whatever becomes of them inside."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serinus.predictor.identity import COPY

_COPY = (COPY.encode(), b"1")
DEFAULT_EDGES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class RequestCounts:
    """Cumulative answers by status code and a histogram of seconds; every SLO is an edge. Used from one thread only."""

    def __init__(self, slo_seconds: Iterable[float]) -> None:
        self.edges = sorted({*DEFAULT_EDGES, *slo_seconds})
        self.codes: Counter[int] = Counter({200: 0})
        self.seconds_sum = 0.0
        self._hits = [0] * (len(self.edges) + 1)

    def add(self, code: int, seconds: float) -> None:
        """Count one answer."""
        self.codes[code] += 1
        self.seconds_sum += seconds
        self._hits[bisect_left(self.edges, seconds)] += 1

    def cumulative(self) -> list[tuple[str, int]]:
        """(upper edge in seconds, answers at or below it), as Prometheus wants them; the last is "+Inf"."""
        total = 0
        rows = []
        for edge, hits in zip([*map(repr, self.edges), "+Inf"], self._hits, strict=True):
            total += hits
            rows.append((edge, total))
        return rows


def is_prediction(scope: Scope) -> bool:
    """Whether somebody asks for a prediction (V1 or V2), of whatever model: the collector's copies are nobody's."""
    if scope["type"] != "http" or scope["method"] != "POST":
        return False
    path: str = scope["path"]
    return path.endswith((":predict", "/infer")) and _COPY not in scope["headers"]


class CountRequests:
    """ASGI middleware: each prediction request into RequestCounts; 500 if no answer was begun."""

    def __init__(self, app: ASGIApp, counts: RequestCounts) -> None:
        self._app = app
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and count its answer."""
        if not is_prediction(scope):
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        code = 500

        async def watch(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            self._counts.add(code, perf_counter() - started)
