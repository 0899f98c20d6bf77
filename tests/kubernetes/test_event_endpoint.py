"""POST /v1/events: taken once it is stored, by whom works, from whom has the token, and never twice."""

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from serinus.adapters.kubernetes_objects import MODEL_DEPLOYMENT
from serinus.core.retraining.state import RetrainingState
from serinus.kubernetes.checkpoint import decoded
from serinus.kubernetes.event_endpoint import MOST_BYTES, PATH, EventEndpoint
from serinus.kubernetes.health import HealthServer
from serinus.kubernetes.objects import ClusterObjects
from serinus.ports import Key
from tests.kubernetes.fake_api import Fault
from tests.kubernetes.samples import KEY, deployment
from tests.kubernetes.test_controller import World

TOKEN = "5f1c-not-a-secret"
TYPE = "com.example.features.refreshed"


class Endpoint:
    """The operator's HTTP port beside a deployment that was reconciled."""

    def __init__(self, tmp_path: Path, *, token: str | None = TOKEN, triggers: Any = None) -> None:
        self.world = World()
        content = deployment()
        chosen = [{"type": "Event", "eventType": TYPE}] if triggers is None else triggers
        content["spec"]["retraining"] = {"pipeline": "flight", "triggers": chosen}
        self.manifest = content
        self.world.see(content)
        self.world.turn()
        self.leads, self.woken = True, list[Key]()
        file = tmp_path / "token"
        if token is not None:
            file.write_text(f"{token}\n")
        self.handler = EventEndpoint(
            ClusterObjects(self.world.server.api(), self.world.cache, self.world.discovery),
            self.world.store,
            leads=lambda: self.leads,
            wake=self.woken.append,
            clock=self.world.clock,
            token_file=str(file) if token is not None else "",
        )

    def post(
        self, headers: Mapping[str, str] | None = None, body: bytes = b"", token: str = TOKEN, **changed: str
    ) -> tuple[int, str]:
        """Status and sentence; in binary mode unless headers are given."""
        return asyncio.run(self._post(headers or self.binary(**changed), body, token))

    def binary(self, **changed: str) -> dict[str, str]:
        return {f"ce-{name}": value for name, value in self.attributes(**changed).items() if value}

    def attributes(self, **changed: str) -> dict[str, str]:
        now = self.world.clock.now().isoformat()
        known = {
            "specversion": "1.0",
            "id": "a1",
            "source": "/features",
            "type": TYPE,
            "time": now,
            "subject": str(KEY),
        }
        return known | changed

    async def _post(self, headers: Mapping[str, str], body: bytes, token: str) -> tuple[int, str]:
        server = HealthServer("127.0.0.1", 0, self.world.telemetry, lambda: "", self.handler.handle)
        port = await server.start()
        known = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            async with (
                ClientSession() as session,
                session.post(f"http://127.0.0.1:{port}{PATH}", data=body, headers={**known, **headers}) as answer,
            ):
                text = await answer.text()
                return answer.status, json.loads(text)["message"] if text.startswith("{") else text
        finally:
            await server.stop()

    async def raw(self, header: bytes) -> bytes:
        """The first line that a POST with this header is answered by."""
        server = HealthServer("127.0.0.1", 0, self.world.telemetry, lambda: "", self.handler.handle)
        reader, writer = await asyncio.open_connection("127.0.0.1", await server.start())
        try:
            writer.write(b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n%s\r\n\r\n" % (PATH.encode(), header))
            return await asyncio.wait_for(reader.readline(), 10)
        finally:
            writer.close()
            await server.stop()

    def stored(self) -> RetrainingState:
        """What stands in the status in the cluster."""
        manifest = self.world.server.get(MODEL_DEPLOYMENT, KEY.namespace, KEY.name)
        assert manifest is not None
        memory = decoded(manifest["status"]["checkpoint"]).retraining
        assert memory is not None
        return memory


@pytest.fixture
def endpoint(tmp_path: Path) -> Endpoint:
    return Endpoint(tmp_path)


def test_an_event_is_accepted_once_it_stands_in_the_status(endpoint: Endpoint) -> None:
    status, message = endpoint.post()
    assert (status, endpoint.woken) == (202, [KEY]), message
    assert [cause.trigger for cause in endpoint.stored().wanted] == ["Event"]
    assert TYPE in endpoint.stored().wanted[0].message


def test_structured_mode_is_the_same(endpoint: Endpoint) -> None:
    body = json.dumps(endpoint.attributes() | {"data": {"rows": 7}}).encode()
    status, _ = endpoint.post({"Content-Type": "application/cloudevents+json; charset=utf-8"}, body)
    assert status == 202
    assert endpoint.stored().wanted


def test_an_event_outlives_the_operator(endpoint: Endpoint) -> None:
    endpoint.post()
    endpoint.world.see(endpoint.manifest)
    endpoint.world.start()
    endpoint.world.turn()
    assert [cause.trigger for cause in endpoint.stored().wanted] == ["Event"]


def test_the_same_event_again_is_taken_once(endpoint: Endpoint) -> None:
    endpoint.post()
    status, message = endpoint.post()
    assert (status, len(endpoint.woken)) == (200, 1)
    assert "taken before" in message
    assert len(endpoint.stored().events) == 1


@pytest.mark.parametrize("minutes", [-16, 6])
def test_an_event_of_another_time_is_refused(endpoint: Endpoint, minutes: int) -> None:
    time = (endpoint.world.clock.now() + timedelta(minutes=minutes)).isoformat()
    status, message = endpoint.post(time=time)
    assert status == 422
    assert "within 15 minutes" in message


def test_an_event_that_is_replayed_after_its_id_was_forgotten_is_too_old(endpoint: Endpoint) -> None:
    old = endpoint.attributes()
    endpoint.post()
    endpoint.world.clock.advance(16 * 60)
    endpoint.post(id="a2")
    assert [one.id for one in endpoint.stored().events] == ["/features a2"]
    assert endpoint.post({f"ce-{name}": value for name, value in old.items()})[0] == 422


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], f"{TOKEN}x", "é"])
def test_who_has_not_the_token_is_refused_and_nothing_is_read(endpoint: Endpoint, token: str) -> None:
    assert endpoint.post(token=token)[0] == 401
    assert not endpoint.woken


def test_a_token_of_bytes_that_are_no_text_is_wrong_like_any_other(endpoint: Endpoint) -> None:
    assert asyncio.run(endpoint.raw(b"Authorization: Bearer \xff\xfe")).startswith(b"HTTP/1.1 401 ")


def test_without_a_token_that_was_set_up_nobody_may_post(tmp_path: Path) -> None:
    status, message = Endpoint(tmp_path, token=None).post()
    assert status == 403
    assert "retraining.eventsToken" in message


def test_an_empty_token_file_lets_nobody_in(tmp_path: Path) -> None:
    assert Endpoint(tmp_path, token="").post(token="")[0] == 403


def test_a_replica_that_stands_by_says_so(endpoint: Endpoint) -> None:
    endpoint.leads = False
    status, message = endpoint.post()
    assert status == 503
    assert "another replica" in message


@pytest.mark.parametrize(
    ("changed", "status", "words"),
    [
        ({"subject": "ml/nobody"}, 404, "there is no ModelDeployment ml/nobody"),
        ({"subject": "flight"}, 400, "namespace/name"),
        ({"subject": ""}, 400, "ce-subject"),
        ({"id": ""}, 400, "ce-id"),
        ({"type": "com.example.other"}, 422, "no Event trigger"),
        ({"time": "yesterday"}, 400, "RFC 3339"),
        ({"time": "2026-01-05T12:00:00"}, 400, "no time zone"),
        ({"specversion": "0.3"}, 400, "CloudEvents 1.0"),
        ({"id": "x" * 300}, 400, "256 are enough"),
    ],
)
def test_a_bad_event_is_refused_with_what_to_do(
    endpoint: Endpoint, changed: dict[str, str], status: int, words: str
) -> None:
    found, message = endpoint.post(**changed)
    assert (found, endpoint.woken) == (status, [])
    assert words in message


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff"])
def test_a_structured_event_that_is_none_is_refused(endpoint: Endpoint, body: bytes) -> None:
    assert endpoint.post({"Content-Type": "application/cloudevents+json"}, body)[0] == 400


def test_a_batch_is_refused(endpoint: Endpoint) -> None:
    status, message = endpoint.post({"Content-Type": "application/cloudevents-batch+json"}, b"[]")
    assert (status, message.endswith("send each by itself")) == (400, True)


def test_a_body_that_is_too_large_is_refused(endpoint: Endpoint) -> None:
    assert endpoint.post({"Content-Type": "application/cloudevents+json"}, b" " * (MOST_BYTES + 1))[0] == 413


def test_a_flood_is_cut_off(endpoint: Endpoint) -> None:
    codes = [endpoint.post(id=f"a{number}")[0] for number in range(65)]
    assert codes == [202] * 64 + [429]
    assert len(endpoint.stored().wanted) == 1


def test_what_cannot_be_stored_is_not_accepted(endpoint: Endpoint) -> None:
    endpoint.world.server.faults.append(Fault(409, times=20))
    status, message = endpoint.post()
    assert (status, endpoint.woken) == (503, [])
    assert "send it again" in message
