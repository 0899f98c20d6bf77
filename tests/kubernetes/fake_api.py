"""A small API server in memory: resourceVersions, preconditions, server-side apply, and faults.

It knows no schema. What a real one does beyond this is tested against a real one, in tests/cluster.
"""

import asyncio
import json
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2

from serinus.adapters.kubernetes_objects import Kind
from serinus.kubernetes.api import Api, Count, Fence
from serinus.kubernetes.discovery import KINDS, base_of
from tests.fakes.clock import FakeClock

Place = tuple[str, str, str]  # path of the collection without its namespace, namespace, name
Json = dict[str, Any]


@dataclass
class Fault:
    """What the next requests that match are answered with instead (status 0: with nothing). `after`: though carried out."""

    status: int
    times: int = 1
    method: str = ""
    headers: dict[str, str] | None = None
    body: str = '{"kind": "Status", "message": "injected"}'
    after: bool = False


class Refusal(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class FakeApiServer:
    """`objects` may be changed by tests through `put`; `requests` counts what came by method.

    It knows `kinds`, and lets nobody at those that are `forbidden`, nor into `forbidden_namespaces`. `date`: what its answers
    are dated with; `clock`: its clients'.
    """

    def __init__(self) -> None:
        self.version = 100
        self.kinds = set(KINDS)
        self.forbidden, self.forbidden_namespaces = set[Kind](), set[str]()
        self.objects: dict[Place, Json] = {}
        self.faults: list[Fault] = []
        self.requests: Counter[str] = Counter()
        self.paths: list[str] = []
        self.bodies: list[Any] = []
        self.on_request: Callable[[str, str], None] = lambda method, path: None
        self.under_way = 0
        self.most_under_way = 0
        self.answer_after = 0.0
        self.date, self.clock = "", FakeClock()

    # ---- for tests

    def api(self, fence: Fence | None = None, in_flight: int = 8, count: Count = lambda *_: None) -> Api:
        """A connection to it."""
        client = httpx2.AsyncClient(transport=httpx2.MockTransport(self._handle), base_url="http://api.test")
        return Api(client, in_flight, fence or OpenFence(), count, self.clock)

    def put(self, kind: Kind, manifest: Json) -> Json:
        """Create or replace an object as another client would."""
        meta = manifest["metadata"]
        place = (_base(kind), meta.get("namespace", ""), meta["name"])
        former = self.objects.get(place)
        stored = {"apiVersion": kind.api_version, "kind": kind.kind, **json.loads(json.dumps(manifest))}
        self._store(place, stored, former)
        return self.objects[place]

    def get(self, kind: Kind, namespace: str, name: str) -> Json | None:
        return self.objects.get((_base(kind), namespace, name))

    def remove(self, kind: Kind, namespace: str, name: str) -> None:
        """Delete an object as another client would."""
        self.version += 1
        del self.objects[_base(kind), namespace, name]

    # ---- requests

    async def _handle(self, request: httpx2.Request) -> httpx2.Response:
        self.requests[request.method] += 1
        self.paths.append(f"{request.method} {request.url.raw_path.decode()}")
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        self.on_request(request.method, request.url.path)
        try:
            if self.answer_after:
                await asyncio.sleep(self.answer_after)
            return self._answer(request)
        finally:
            self.under_way -= 1

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        fault = next((one for one in self.faults if one.method in ("", request.method)), None)
        if fault is not None:
            fault.times -= 1
            if fault.times <= 0:
                self.faults.remove(fault)
            if fault.after:
                self._carry_out(request)
            if not fault.status:
                raise httpx2.ConnectError("connection refused")
            return httpx2.Response(fault.status, text=fault.body, headers=fault.headers)
        try:
            status, content = self._carry_out(request)
        except Refusal as refusal:
            status, content = refusal.status, {"kind": "Status", "message": str(refusal), "code": refusal.status}
        return httpx2.Response(status, json=content, headers={"Date": self.date} if self.date else None)

    def _carry_out(self, request: httpx2.Request) -> tuple[int, Json]:
        body, path = json.loads(request.content) if request.content else None, request.url.path
        self.bodies.append(body)
        if self._is_discovery(path):
            return 200, self._discovered(path)
        base, namespace, name, subresource = _parts(path)
        if request.method == "POST":
            return 201, self._create(base, namespace, body)
        if base in map(_base, self.forbidden) or namespace in self.forbidden_namespaces:
            raise Refusal(403, "not allowed")
        if not name:
            return 200, self._list(base, namespace, request.url.params)
        place = (base, namespace, name)
        if place not in self.objects:
            raise Refusal(404, f'{base.rpartition("/")[2]} "{name}" not found')
        if request.method == "GET":
            return 200, self.objects[place]
        if request.method == "DELETE":
            return 200, self._delete(place, body or {})
        return 200, self._change(place, subresource, request, body)

    def _create(self, base: str, namespace: str, body: Json) -> Json:
        place = (base, namespace, body["metadata"]["name"])
        if place in self.objects:
            raise Refusal(409, f'{base.rpartition("/")[2]} "{place[2]}" already exists')
        entry = {"manager": "serinus", "operation": "Update"}
        body["metadata"] = {"namespace": namespace, **body["metadata"], "managedFields": [entry]}
        return self._store(place, body, None)

    def _change(self, place: Place, subresource: str, request: httpx2.Request, body: Any) -> Json:
        former = self.objects[place]
        kind = request.headers["Content-Type"]
        if kind == "application/json-patch+json":
            return self._store(place, self._json_patched(former, body), former)
        wanted = body["metadata"].get("resourceVersion")
        if wanted not in (None, former["metadata"]["resourceVersion"]):
            raise Refusal(409, f'Operation cannot be fulfilled on "{place[2]}": the object has been modified')
        if request.method == "PUT" and subresource == "status":
            return self._store(place, {**former, "status": body["status"]}, former)
        if request.method == "PUT":
            return self._store(place, {**body, "metadata": {**former["metadata"], **body["metadata"]}}, former)
        if subresource == "status":
            body = {"status": body["status"]}
        return self._store(place, _merged(former, body), former)

    def _json_patched(self, former: Json, changes: list[Json]) -> Json:
        patched: Json = json.loads(json.dumps(former))
        for change in changes:
            *path, last = [int(part) if part.isdigit() else part for part in change["path"].split("/")[1:]]
            at: Any = patched
            try:
                for part in path:
                    at = at[part]
                unequal = change["op"] == "test" and at[last] != change["value"]
            except (KeyError, IndexError):
                unequal = True
            if unequal:
                raise Refusal(422, "the server rejected our request due to an error in our request")
            at[last] = change["value"]
        if patched["metadata"]["resourceVersion"] != former["metadata"]["resourceVersion"]:
            raise Refusal(409, "the object has been modified")
        return patched

    def _delete(self, place: Place, options: Json) -> Json:
        meta = self.objects[place]["metadata"]
        for name, value in options.get("preconditions", {}).items():
            if meta[name] != value:
                raise Refusal(
                    409, f"Precondition failed: {name} in precondition: {value}, in object meta: {meta[name]}"
                )
        if meta.get("finalizers"):
            manifest = {**self.objects[place], "metadata": {**meta, "deletionTimestamp": "2026-01-05T12:00:00Z"}}
            return self._store(place, manifest, self.objects[place])
        self.version += 1
        del self.objects[place]
        return {"kind": "Status", "status": "Success"}

    def _store(self, place: Place, manifest: Json, former: Json | None) -> Json:
        self.version += 1
        meta = manifest["metadata"]
        meta.setdefault("uid", former["metadata"]["uid"] if former else str(uuid.uuid4()))
        generation = former["metadata"]["generation"] if former else 0
        meta["generation"] = generation + (former is None or former.get("spec") != manifest.get("spec"))
        meta["resourceVersion"] = str(self.version)
        self.objects[place] = manifest
        return manifest

    def _list(self, base: str, namespace: str, query: Any) -> Json:
        label, limit, start = query.get("labelSelector"), int(query.get("limit", 0)), int(query.get("continue") or 0)
        found = [
            one
            for (where, within, _), one in sorted(self.objects.items())
            if where == base and namespace in ("", within) and (not label or label in one["metadata"].get("labels", {}))
        ]
        end = start + limit if limit else len(found)
        meta = {"resourceVersion": str(self.version)} | ({"continue": str(end)} if end < len(found) else {})
        return {"metadata": meta, "items": found[start:end]}

    def _is_discovery(self, path: str) -> bool:
        return path.count("/") == (3 if path.startswith("/apis/") else 2)

    def _discovered(self, path: str) -> Json:
        names = [kind.plural for kind in self.kinds if base_of(kind) == path]
        if not names and path.startswith("/apis"):
            raise Refusal(404, "the server could not find the requested resource")
        return {"resources": [{"name": name} for name in names]}


class OpenFence:
    """Lets every write pass until it is closed."""

    error: Exception | None = None

    def check(self) -> None:
        if self.error is not None:
            raise self.error


def _base(kind: Kind) -> str:
    return f"{base_of(kind)}/{kind.plural}"


def _parts(path: str) -> tuple[str, str, str, str]:
    """Collection, namespace, name and subresource of a path."""
    parts = path.strip("/").split("/")
    head = 3 if parts[0] == "apis" else 2
    group, rest, namespace = parts[:head], parts[head:], ""
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    rest += ["", ""]
    return "/" + "/".join([*group, rest[0]]), namespace, rest[1], rest[2]


def _merged(below: Json, above: Json) -> Json:
    result = dict(below)
    for name, value in above.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            result[name] = _merged(result.get(name) or {}, value)
        else:
            result[name] = value
    return result
