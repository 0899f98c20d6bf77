"""Asking a Prometheus: one instant query at a time, in bounded time and memory, with every way it can fail told apart."""

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx

from serinus.core.errors import MetricsUnavailable, QueryInvalid

TIMEOUT_SECONDS: Final = 10.0
IN_FLIGHT: Final = 8
MOST_BYTES: Final = 64 << 20
SHOWN_CHARACTERS: Final = 200
ABOUT_THE_QUERY: Final = ("bad_data", "execution")
PROMQL_WARNING: Final = "PromQL warning"

Point = tuple[float, float]
"""(seconds since the epoch, value)"""


@dataclass(frozen=True)
class Access:
    """How to be let in. `token_file` is read anew for each query, because Kubernetes renews what is in it."""

    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    token_file: str = ""
    ca_file: str = ""


@dataclass(frozen=True)
class Series:
    """One series of an answer: its labels, and one point, or in a matrix all of them."""

    labels: Mapping[str, str]
    points: tuple[Point, ...]

    @property
    def value(self) -> float:
        """The last point's."""
        return self.points[-1][1]


@dataclass(frozen=True)
class Answer:
    """`kind`: vector, matrix, scalar (one series without labels) or string (none)."""

    kind: str
    series: tuple[Series, ...] = field(default=())


class PrometheusApi:
    """The HTTP API of a Prometheus, or of what speaks like one (Thanos, Mimir, VictoriaMetrics)."""

    def __init__(self, url: str, access: Access = Access(), timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self.url = url.rstrip("/")
        self._access = access
        self._timeout = timeout_seconds
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._opened: httpx.AsyncClient | None = None

    async def ask(self, promql: str, at: datetime | None = None) -> Answer:
        """What an expression is now, or at a time. Raises MetricsUnavailable, QueryInvalid."""
        asked = {"query": promql, "timeout": f"{self._timeout:g}s"}
        if at is not None:
            asked["time"] = f"{at.timestamp():.3f}"
        try:
            async with asyncio.timeout(self._timeout), self._slots:
                status, body = await self._post(asked)
        except TimeoutError as error:
            late = (
                f"has not answered within {self._timeout:g} s; see whether it has too much to do, or give it more time"
            )
            raise MetricsUnavailable(f"the Prometheus at {self.url} {late}") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise MetricsUnavailable(
                f"the Prometheus at {self.url} cannot be asked: {error or type(error).__name__}; "
                "see whether it runs, and whether the address is right"
            ) from error
        return self._understood(status, body)

    async def close(self) -> None:
        """End all connections."""
        if self._opened is not None:
            await self._opened.aclose()

    def _client(self) -> httpx.AsyncClient:
        """Made when it is needed first: a file of certificates that is not there must not end who asks."""
        if self._opened is None:
            self._opened = httpx.AsyncClient(timeout=self._timeout, trust_env=False, verify=self._trusted())
        return self._opened

    def _trusted(self) -> ssl.SSLContext | bool:
        file = self._access.ca_file
        try:
            return ssl.create_default_context(cafile=file) if file else True
        except OSError as error:  # an SSLError is one
            raise MetricsUnavailable(
                f"the certificates for the Prometheus at {self.url} cannot be read from {file}: {error}"
            ) from error

    async def _post(self, asked: Mapping[str, str]) -> tuple[int, bytes]:
        headers, auth = self._credentials()
        address = f"{self.url}/api/v1/query"
        async with self._client().stream("POST", address, data=asked, headers=headers, auth=auth) as answer:
            body = bytearray()
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise MetricsUnavailable(
                        f"the Prometheus at {self.url} answers with more than {MOST_BYTES >> 20} MiB; ask for less at once"
                    )
        return answer.status_code, bytes(body)

    def _credentials(self) -> tuple[dict[str, str], httpx.BasicAuth | None]:
        access = self._access
        token = self._read(access.token_file) if access.token_file else access.token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return headers, httpx.BasicAuth(access.username, access.password) if access.username else None

    def _read(self, file: str) -> str:
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise MetricsUnavailable(
                f"the token for the Prometheus at {self.url} cannot be read from {file}: {error}"
            ) from error

    def _understood(self, status: int, body: bytes) -> Answer:
        if status in (401, 403):
            raise MetricsUnavailable(
                f"the Prometheus at {self.url} refuses ({status}); give it credentials that may query"
            )
        try:
            said = json.loads(body)
            if said["status"] == "success" and status == httpx.codes.OK:
                self._raise_if_partial(said.get("warnings") or ())
                return _answer(said["data"])
            kind, error = str(said["errorType"]), str(said["error"])
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error_:
            shown = body[:SHOWN_CHARACTERS].decode(errors="replace")
            raise MetricsUnavailable(
                f"what answers at {self.url} is no Prometheus (HTTP {status}: {shown!r}); "
                "correct the address: it is that of the web page, without /api/v1, and no proxy may ask for a login"
            ) from error_
        if kind in ABOUT_THE_QUERY:
            raise QueryInvalid(f"the Prometheus at {self.url} refuses the expression: {error}")
        raise MetricsUnavailable(f"the Prometheus at {self.url} could not answer ({kind}): {error}")

    def _raise_if_partial(self, warnings: Any) -> None:
        for warning in warnings:
            if str(warning).startswith(PROMQL_WARNING):
                raise QueryInvalid(f"the Prometheus at {self.url} doubts the expression: {warning}")
            raise MetricsUnavailable(
                f"the Prometheus at {self.url} answers in part only: {warning}; what it leaves out would look like a reset"
            )


def _answer(data: Mapping[str, Any]) -> Answer:
    kind, result = str(data["resultType"]), data["result"]
    if kind == "scalar":
        return Answer(kind, (Series({}, (_point(result),)),))
    if kind == "string":
        return Answer(kind)
    return Answer(kind, tuple(Series(one["metric"], _points(one)) for one in result))


def _points(one: Mapping[str, Any]) -> tuple[Point, ...]:
    if "value" in one:
        return (_point(one["value"]),)
    if "values" in one:
        return tuple(map(_point, one["values"]))
    return ()  # a native histogram, which is no number


def _point(pair: Any) -> Point:
    return float(pair[0]), float(pair[1])
