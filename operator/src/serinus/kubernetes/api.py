"""Requests to the API server: bounded, counted, repeated where that helps, and fenced by the leader's lease."""

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, Protocol

import httpx2

from serinus.adapters.kubernetes_objects import Kind
from serinus.core.errors import ServingUnavailable
from serinus.ports import Clock

METHODS: Final[Mapping[str, str]] = {
    "get": "GET",
    "list": "GET",
    "create": "POST",
    "update": "PUT",
    "apply": "PATCH",
    "merge": "PATCH",
    "patch": "PATCH",
    "delete": "DELETE",
}
CONTENT_TYPES: Final[Mapping[str, str]] = {
    "apply": "application/apply-patch+yaml",
    "merge": "application/merge-patch+json",
    "patch": "application/json-patch+json",
}
WRITES: Final = frozenset(METHODS) - {"get", "list"}
RETRIED: Final = frozenset({429, 500, 502, 503, 504})
PAUSES_SECONDS: Final = (0.2, 0.5, 1.0)  # before each further try
LONGEST_PAUSE_SECONDS: Final = 10.0  # a server that asks for more is left to the queue's back-off
UNREACHABLE: Final = 0
APART: Final = timedelta(seconds=2)  # less than that cannot be told: an answer bears whole seconds, and takes a while
CONTENT_REFUSED: Final = frozenset({400, 413, 415, 422})

Count = Callable[[str, str, int], None]
"""Told of every answer: verb, kind, HTTP status (0: there was none)."""


class ApiUnavailable(ServingUnavailable):
    """A request failed, or got no answer (code 0); it may succeed another time. The message has the server's sentence."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class ApiRefused(ApiUnavailable):
    """The API server does not accept this content, whenever it is sent: a schema or an admission webhook refuses it."""

    retriable = False


class Fence(Protocol):
    """Whether this process may write."""

    def check(self) -> None:
        """Raise a SerinusError if it may not (any more)."""
        ...


class Api:
    """One connection pool to the API server. `ahead`: how far its clock is ahead of ours, where they are apart."""

    def __init__(self, client: httpx2.AsyncClient, in_flight: int, fence: Fence, count: Count, clock: Clock) -> None:
        self._client = client
        self._slots = asyncio.Semaphore(in_flight)
        self._fence = fence
        self._count = count
        self._clock = clock
        self._dated = ""
        self.ahead = timedelta()

    async def request(
        self,
        verb: str,
        kind: Kind,
        namespace: str,
        name: str = "",
        *,
        body: Any = None,
        subresource: str = "",
        params: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """One request by its Kubernetes verb (`apply`, `merge` and `patch` are kinds of PATCH).

        429, 5xx and broken connections are tried again a few times. Raises ApiUnavailable; a write that the fence forbids
        raises what the fence raises.
        """
        target = f"{verb} {kind.kind} {namespace}/{name}".rstrip("/")
        path = path_of(kind, namespace, name, subresource)
        for pause in (*PAUSES_SECONDS, None):
            code, headers, content = await self._send(verb, kind, path, params, body)
            if code not in RETRIED | {UNREACHABLE} or pause is None:
                break
            wait = max(pause, retry_after_seconds(headers))
            if wait > LONGEST_PAUSE_SECONDS:
                break
            await asyncio.sleep(wait)
        if not 200 <= code < 300:
            raise error_of(target, code, content)
        return parsed(content, target)

    async def get_path(self, path: str) -> dict[str, Any] | None:
        """A document by its path, such as what discovery says of a group; None where there is none. Raises ApiUnavailable."""
        code, _, content = await self._send("get", Kind("", "", "discovery", ""), path, None, None)
        if code == 404:
            return None
        if not 200 <= code < 300:
            raise error_of(f"get {path}", code, content)
        return parsed(content, path)

    async def _send(
        self, verb: str, kind: Kind, path: str, params: Mapping[str, str] | None, body: Any
    ) -> tuple[int, Mapping[str, str], bytes]:
        """One try: status, headers, content; status 0 with the reason as content where there was no answer."""
        headers = {"Content-Type": CONTENT_TYPES.get(verb, "application/json")} if body is not None else None
        text = json.dumps(body, separators=(",", ":")) if body is not None else None
        async with self._slots:
            if verb in WRITES:
                self._fence.check()
            try:
                answer = await self._client.request(METHODS[verb], path, params=params, content=text, headers=headers)
            except httpx2.HTTPError as error:
                self._count(verb, kind.kind, UNREACHABLE)
                return UNREACHABLE, {}, f"{type(error).__name__}: {error}".encode()
        self._count(verb, kind.kind, answer.status_code)
        self._compare_clocks(answer.headers.get("Date", ""))
        return answer.status_code, answer.headers, answer.content

    def _compare_clocks(self, date: str) -> None:
        if date == self._dated:
            return
        self._dated = date
        try:
            ahead = parsedate_to_datetime(date).astimezone(UTC) - self._clock.now()
        except ValueError:
            return
        self.ahead = ahead if abs(ahead) > APART else timedelta()

    async def close(self) -> None:
        """End all connections."""
        await self._client.aclose()


def path_of(kind: Kind, namespace: str, name: str = "", subresource: str = "") -> str:
    """The path of an object, or of a collection where `name` is empty; of all namespaces where `namespace` is."""
    base = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    parts = [base, *(["namespaces", namespace] if namespace else []), kind.plural]
    return "/".join(filter(None, [*parts, name, subresource]))


def retry_after_seconds(headers: Mapping[str, str]) -> float:
    """What the server asks to wait; 0 where it does not say, or not in seconds."""
    try:
        return max(0.0, float(headers.get("Retry-After", "0")))
    except ValueError:
        return 0.0


def parsed(content: bytes, target: str) -> dict[str, Any]:
    """A JSON object. Raises ApiUnavailable for anything else (a proxy's page, an answer that was cut off)."""
    try:
        document = json.loads(content)
    except ValueError as error:
        raise ApiUnavailable(f"{target}: the API server's answer is not JSON ({error})", UNREACHABLE) from error
    if not isinstance(document, dict):
        raise ApiUnavailable(f"{target}: the API server's answer is not an object", UNREACHABLE)
    return document


def error_of(target: str, code: int, content: bytes) -> ApiUnavailable:
    """The error of an answer that is none of 2xx. A right that is missing may be granted; a webhook's no is for good."""
    sentence = sentence_of(code, content)
    refused = code in CONTENT_REFUSED or (code == 403 and "admission webhook" in sentence)
    return (ApiRefused if refused else ApiUnavailable)(f"{target}: {sentence}", code)


def sentence_of(code: int, content: bytes) -> str:
    """Why a request failed: the message of the API server's Status, else the beginning of what came."""
    if code == UNREACHABLE:
        return f"the API server does not answer ({content.decode(errors='replace')})"
    try:
        message = str(json.loads(content)["message"])
    except (ValueError, KeyError, TypeError):
        message = content[:200].decode(errors="replace").strip() or "no reason given"
    return f"{message} (HTTP {code})"
