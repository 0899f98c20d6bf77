"""Requests to the API server: bounded in number and time, repeated where that helps, and never past a lost lease."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from serinus.adapters.kubernetes_objects import HTTP_ROUTE, POD
from serinus.kubernetes import api as module
from serinus.kubernetes.api import Api, ApiRefused, ApiUnavailable, path_of
from serinus.kubernetes.leader import NotLeading
from tests.kubernetes.fake_api import FakeApiServer, Fault, OpenFence

ROUTE = {"metadata": {"name": "m", "namespace": "ml"}, "spec": {}}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> FakeApiServer:
    monkeypatch.setattr(module, "PAUSES_SECONDS", (0.0, 0.0, 0.0))
    return FakeApiServer()


def ask(server: FakeApiServer, question: Callable[[Api], Awaitable[object]], fence: OpenFence | None = None) -> object:
    async def go() -> object:
        return await question(server.api(fence))

    return asyncio.run(go())


def create(api: Api) -> Awaitable[object]:
    return api.request("create", HTTP_ROUTE, "ml", body=ROUTE)


def get(api: Api) -> Awaitable[object]:
    return api.request("get", HTTP_ROUTE, "ml", "m")


@pytest.mark.parametrize(
    ("kind", "namespace", "name", "subresource", "path"),
    [
        (HTTP_ROUTE, "ml", "m", "", "/apis/gateway.networking.k8s.io/v1/namespaces/ml/httproutes/m"),
        (HTTP_ROUTE, "ml", "m", "status", "/apis/gateway.networking.k8s.io/v1/namespaces/ml/httproutes/m/status"),
        (HTTP_ROUTE, "", "", "", "/apis/gateway.networking.k8s.io/v1/httproutes"),
        (POD, "ml", "", "", "/api/v1/namespaces/ml/pods"),
    ],
)
def test_paths_are_those_of_kubernetes(kind: object, namespace: str, name: str, subresource: str, path: str) -> None:
    assert path_of(kind, namespace, name, subresource) == path  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(server: FakeApiServer, status: int) -> None:
    server.faults = [Fault(status, times=3)]
    ask(server, create)
    assert server.requests["POST"] == 4
    assert server.get(HTTP_ROUTE, "ml", "m")


def test_tries_are_bounded_and_the_servers_sentence_is_told(server: FakeApiServer) -> None:
    server.faults = [Fault(503, times=99, body='{"message": "etcd has no leader"}')]
    with pytest.raises(ApiUnavailable, match=r"get HTTPRoute ml/m: etcd has no leader \(HTTP 503\)") as caught:
        ask(server, get)
    assert server.requests["GET"] == 4
    assert caught.value.retriable


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422])
def test_what_does_not_pass_is_not_tried_again(server: FakeApiServer, status: int) -> None:
    server.faults = [Fault(status)]
    with pytest.raises(ApiUnavailable) as caught:
        ask(server, get)
    assert (caught.value.code, server.requests["GET"]) == (status, 1)


def test_a_server_that_asks_to_wait_is_waited_for(server: FakeApiServer) -> None:
    server.faults = [Fault(429, headers={"Retry-After": "0.3"})]

    async def timed(api: Api) -> float:
        began = asyncio.get_running_loop().time()
        await create(api)
        return asyncio.get_running_loop().time() - began

    waited = ask(server, timed)
    assert isinstance(waited, float)
    assert waited >= 0.3


def test_a_server_that_asks_to_wait_for_long_is_left_to_the_queue(server: FakeApiServer) -> None:
    server.faults = [Fault(429, times=9, headers={"Retry-After": "3600"})]
    with pytest.raises(ApiUnavailable, match="HTTP 429"):
        ask(server, create)
    assert server.requests["POST"] == 1


@pytest.mark.parametrize("header", ["Wed, 21 Oct 2026 07:28:00 GMT", "soon", "-5"])
def test_a_wait_that_is_not_understood_is_none(server: FakeApiServer, header: str) -> None:
    server.faults = [Fault(429, headers={"Retry-After": header})]
    ask(server, create)
    assert server.requests["POST"] == 2


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (422, '{"message": "spec.x: Required value"}', ApiRefused),
        (400, '{"message": "strict decoding error"}', ApiRefused),
        (403, '{"message": "admission webhook \\"x\\" denied the request: no"}', ApiRefused),
        (403, '{"message": "User \\"op\\" cannot create resource \\"httproutes\\""}', ApiUnavailable),
        (404, '{"message": "namespaces \\"ml\\" not found"}', ApiUnavailable),
        (409, '{"message": "the object has been modified"}', ApiUnavailable),
    ],
)
def test_content_that_is_never_accepted_is_told_from_what_may_be_later(
    server: FakeApiServer, status: int, body: str, kind: type[ApiUnavailable]
) -> None:
    server.faults = [Fault(status, body=body)]
    with pytest.raises(ApiUnavailable, match="HTTP") as caught:
        ask(server, create)
    assert type(caught.value) is kind
    assert caught.value.retriable is (kind is ApiUnavailable)


@pytest.mark.parametrize("body", ["<html>Bad gateway</html>", "", "[]", "null", '{"message": null}', "\x00" * 1000])
def test_an_error_that_is_no_status_has_its_beginning_told(server: FakeApiServer, body: str) -> None:
    server.faults = [Fault(404, body=body)]
    with pytest.raises(ApiUnavailable, match="HTTP 404") as caught:
        ask(server, get)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("body", ["<html>", "", "[]", '{"metadata": ', "3"])
def test_an_answer_that_is_no_object_is_an_error_and_not_an_object(server: FakeApiServer, body: str) -> None:
    server.faults = [Fault(200, body=body)]
    with pytest.raises(ApiUnavailable, match="answer is not"):
        ask(server, get)


def test_a_server_that_is_away_is_waited_for_a_little_and_then_a_sentence(server: FakeApiServer) -> None:
    server.faults = [Fault(0, times=3)]
    ask(server, create)
    server.faults = [Fault(0, times=9)]
    with pytest.raises(ApiUnavailable, match=r"get HTTPRoute ml/m: the API server does not answer \(ConnectError"):
        ask(server, get)


def test_no_write_passes_a_closed_fence_and_reads_do(server: FakeApiServer) -> None:
    fence = OpenFence()
    fence.error = NotLeading("lost")
    for verb in ("create", "update", "apply", "merge", "patch", "delete"):
        with pytest.raises(NotLeading):
            ask(server, lambda api, verb=verb: api.request(verb, HTTP_ROUTE, "ml", "m", body=ROUTE), fence)  # type: ignore[misc]
    assert not server.requests
    with pytest.raises(ApiUnavailable, match="not found"):
        ask(server, get, fence)


def test_a_fence_that_closes_between_two_tries_stops_the_second(server: FakeApiServer) -> None:
    fence = OpenFence()
    server.faults = [Fault(503, times=9)]

    def close(method: str, path: str) -> None:
        fence.error = NotLeading("lost")

    server.on_request = close
    with pytest.raises(NotLeading):
        ask(server, create, fence)
    assert server.requests["POST"] == 1


def test_no_more_requests_are_under_way_than_allowed(server: FakeApiServer) -> None:
    server.answer_after = 0.05

    async def test() -> None:
        api = server.api(in_flight=3)
        await asyncio.gather(*(api.get_path("/apis/gateway.networking.k8s.io/v1") for _ in range(12)))

    asyncio.run(test())
    assert server.most_under_way == 3


def test_every_answer_is_counted_by_verb_and_kind(server: FakeApiServer) -> None:
    counts: Counter[tuple[str, str, int]] = Counter()

    async def test() -> None:
        api = server.api(count=lambda *what: counts.update([what]))
        server.faults = [Fault(503)]
        await create(api)
        await get(api)
        await api.get_path("/apis/nothing.example/v1")

    asyncio.run(test())
    assert counts == {
        ("create", "HTTPRoute", 503): 1,
        ("create", "HTTPRoute", 201): 1,
        ("get", "HTTPRoute", 200): 1,
        ("get", "discovery", 404): 1,
    }


def test_a_write_is_sent_as_kubernetes_wants_it(server: FakeApiServer) -> None:
    async def test() -> None:
        api = server.api()
        await create(api)
        await api.request("apply", HTTP_ROUTE, "ml", "m", body=ROUTE, params={"fieldManager": "serinus"})

    asyncio.run(test())
    path = "/apis/gateway.networking.k8s.io/v1/namespaces/ml/httproutes"
    assert server.paths == [f"POST {path}", f"PATCH {path}/m?fieldManager=serinus"]
    assert json.dumps(server.bodies[1]) == json.dumps(ROUTE)


@pytest.mark.parametrize(
    ("date", "ahead"),
    [
        ("Mon, 05 Jan 2026 12:00:30 GMT", 30),
        ("Mon, 05 Jan 2026 11:00:00 GMT", -3600),
        ("Mon, 05 Jan 2026 12:00:01 GMT", 0),
        ("yesterday", 0),
        ("", 0),
    ],
)
def test_the_servers_clock_is_told_from_its_answers(server: FakeApiServer, date: str, ahead: int) -> None:
    server.put(HTTP_ROUTE, ROUTE)
    server.date = date

    async def asked(api: Api) -> timedelta:
        await get(api)
        return api.ahead

    assert ask(server, asked) == timedelta(seconds=ahead)
