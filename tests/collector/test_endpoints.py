"""The endpoints: status codes, sentences, backpressure, and what /metrics says."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from serinus.collector.app import build_app
from serinus.collector.compose import Parts
from serinus.collector.database import Database
from tests.collector.support import (
    DEPLOYMENT,
    NOON,
    FakeClock,
    comparing,
    event,
    labels_body,
    predictions_body,
    settings_for,
    watching,
)

Client = httpx.AsyncClient


@asynccontextmanager
async def serving(folder: Path, **settings: object) -> AsyncIterator[tuple[Client, Parts]]:
    url = f"sqlite:///{folder}/collector.db"
    database = Database(url)
    database.open()
    parts = Parts(settings_for(folder, url, **settings), database, FakeClock())
    app = build_app(parts)
    try:
        async with parts.running(), Client(transport=httpx.ASGITransport(app), base_url="http://collector") as client:
            yield client, parts
    finally:
        database.close()


def asked(folder: Path, story: Callable[[Client, Parts], Awaitable[None]], **settings: object) -> None:
    """Run `story` with a client of a collector."""

    async def run() -> None:
        async with serving(folder, **settings) as (client, parts):
            await asyncio.wait_for(story(client, parts), 30)

    asyncio.run(run())


async def metrics(client: Client) -> dict[tuple[str, tuple[str, ...]], float]:
    """By name and the values of the labels, which are in the order of their names."""
    text = (await client.get("/metrics")).text
    families = text_string_to_metric_families(text)
    return {(one.name, tuple(one.labels.values())): one.value for family in families for one in family.samples}


def test_predictions_are_taken_and_labels_joined(tmp_path: Path) -> None:
    async def story(client: Client, _: Parts) -> None:
        done = await client.post("/v1/predictions", content=predictions_body(event("a"), event("b")))
        assert (done.status_code, done.json()["outcomes"]) == (202, {"stored": 2})
        done = await client.post("/v1/labels", content=labels_body({"a": 1, "z": 0}))
        assert (done.status_code, done.json()["outcomes"]) == (200, {"joined": 1, "unknown": 1})
        one = {"deployment": DEPLOYMENT, "requestId": "b", "label": False, "time": "2026-11-20T13:00:00+01:00"}
        assert (await client.post("/v1/labels", json=one)).json()["outcomes"] == {"joined": 1}

    asked(tmp_path, story)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"time": "2026-11-20T12:00:00"}, "time: Input should have timezone info"),
        ({"time": "yesterday"}, "time: "),
        ({"prediction": None}, "prediction"),
        ({"requestId": ""}, "requestId: String should have at least 1 character"),
        ({"requestId": "a\0b"}, "NUL"),
        ({"requestId": 7}, "requestId: Input should be a valid string"),
        ({"features": {"x": [1, 2]}}, "features.x"),
        ({"features": {"x": "y" * 5000}}, "features.x"),
        ({"copy": "yes"}, "copy: "),
    ],
)
def test_a_bad_event_is_told_by_its_place_and_the_others_are_taken(
    bad: dict[str, Any], said: str, tmp_path: Path
) -> None:
    async def story(client: Client, _: Parts) -> None:
        body = predictions_body(event("a"), event("b") | bad, event("c"))
        done = await client.post("/v1/predictions", content=body)
        assert (done.status_code, done.json()["outcomes"]) == (400, {"stored": 2, "invalid": 1})
        [problem] = done.json()["problems"]
        assert problem["index"] == 1
        assert said in problem["problem"]

    asked(tmp_path, story)


@pytest.mark.parametrize("label", ["2", "[1]", "null", '"yes"', "-0.1"])
def test_a_bad_label_is_told_and_the_others_are_joined(label: str, tmp_path: Path) -> None:
    async def story(client: Client, _: Parts) -> None:
        await client.post("/v1/predictions", content=predictions_body(event("a"), event("b")))
        items = f'{{"requestId": "a", "label": {label}}}, {{"requestId": "b", "label": 1}}'
        body = f'{{"deployment": "ml/flights", "labels": [{items}]}}'
        done = await client.post("/v1/labels", content=body)
        assert (done.status_code, done.json()["outcomes"]) == (400, {"invalid": 1, "joined": 1})
        assert done.json()["problems"][0]["requestId"] == "a"

    asked(tmp_path, story)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the body is not JSON"),
        (b"[]", "the body is not a JSON object"),
        (b'{"deployment": "ml/flights", "labels": [{"requestId": "a", "label": NaN}]}', "NaN"),
        (b'{"deployment": "../../etc", "labels": []}', "is not a ModelDeployment; write namespace/name"),
        (b'{"deployment": "flights", "labels": []}', "is not a ModelDeployment"),
        (b'{"labels": []}', "deployment: Field required"),
        (b'{"deployment": "ml/flights", "labels": 3}', "labels: Input should be a valid list"),
    ],
)
def test_a_body_that_is_no_batch_is_refused_with_a_sentence(body: bytes, said: str, tmp_path: Path) -> None:
    async def story(client: Client, _: Parts) -> None:
        done = await client.post("/v1/labels", content=body)
        assert done.status_code == 400
        assert said in done.json()["error"]

    asked(tmp_path, story)


def test_a_full_queue_answers_429_and_takes_more_when_it_is_empty_again(tmp_path: Path) -> None:
    async def story(client: Client, parts: Parts) -> None:
        held, write = Event(), parts.store.write
        parts.store.write = lambda batches: held.wait(20) and write(batches)  # type: ignore[method-assign]
        bodies = [predictions_body(*(event(f"r{n}-{i}") for i in range(40))) for n in range(4)]
        sent = [asyncio.create_task(client.post("/v1/predictions", content=body)) for body in bodies]
        refused = next(iter((await asyncio.wait(sent, return_when=asyncio.FIRST_COMPLETED))[0])).result()
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) >= 1
        assert parts.intake.events <= 100
        held.set()
        codes = sorted([(await one).status_code for one in sent])
        assert codes == [202, 202, 429, 429]
        assert (await client.post("/v1/predictions", content=bodies[3])).status_code == 202
        assert (await metrics(client))["serinus_collector_refused_total", ("Full",)] == 2

    asked(tmp_path, story, queue_events=100)


def test_bodies_have_a_largest_size_and_share_a_bounded_memory(tmp_path: Path) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 100

    async def story(client: Client, parts: Parts) -> None:
        assert (await client.post("/v1/labels", content=b" " * 1001)).status_code == 413
        assert (await client.post("/v1/labels", content=chunks())).status_code == 413
        batch = predictions_body(*(event(f"r{i}") for i in range(101)))
        assert (await client.post("/v1/predictions", content=batch)).status_code == 413
        async with parts.bodies.body(_request(b"x" * 800)):
            assert (await client.post("/v1/labels", content=b" " * 300)).status_code == 429
        assert (await client.post("/v1/labels", content=b" " * 300)).status_code == 400

    asked(tmp_path, story, body_bytes=1000, bodies_bytes=1000, queue_events=100)


def _request(body: bytes) -> Any:
    from starlette.requests import Request

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-length", str(len(body)).encode())]
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


def test_a_database_that_fails_is_503_and_what_was_sent_is_not_acknowledged(tmp_path: Path) -> None:
    async def story(client: Client, parts: Parts) -> None:
        from sqlalchemy import text

        await client.post("/v1/predictions", content=predictions_body(event("a")))
        with parts.store.database.writing() as connection:
            connection.execute(text("ALTER TABLE serinus_row RENAME TO away"))
        done = await client.post("/v1/predictions", content=predictions_body(event("b")))
        assert done.status_code == 503
        assert done.headers["Retry-After"]
        assert "cannot be asked" in done.json()["error"]
        with parts.store.database.writing() as connection:
            connection.execute(text("ALTER TABLE away RENAME TO serinus_row"))
        assert (await client.post("/v1/predictions", content=predictions_body(event("b")))).status_code == 202

    asked(tmp_path, story)


def test_comparison_and_quality_speak_the_contract(tmp_path: Path) -> None:
    async def story(client: Client, parts: Parts) -> None:
        await client.post("/v1/predictions", content=predictions_body(event("a", 0.5), event("b", 0.5)))
        await client.post("/v1/predictions", content=predictions_body(event("a", 1, copy=True), revision="bbbb"))
        await client.post("/v1/labels", content=labels_body({"a": 1, "b": 0}))
        question = comparing(since=NOON - timedelta(hours=1)).model_dump_json(by_alias=True)
        done = await client.post(f"/v1/deployments/{DEPLOYMENT}/comparison", content=question)
        assert done.status_code == 200
        [cohort] = done.json()["cohorts"]
        assert cohort["differences"] == {"-16": 1}
        assert (cohort["start"], cohort["candidateLoss"], cohort["stableLoss"]) == ("2026-11-20T12:00:00Z", 0.0, 0.25)
        assert list(parts.live.live()) == [DEPLOYMENT]
        question = watching().model_dump_json(by_alias=True)
        done = await client.post(f"/v1/deployments/{DEPLOYMENT}/quality", content=question)
        assert done.json()["cohorts"][0]["loss"] == 0.5
        assert done.json()["newestLabel"] is not None
        empty = await client.post("/v1/deployments/ml/nobody/quality", content=question)
        assert (empty.status_code, empty.json()["cohorts"], empty.json()["newestLabel"]) == (200, [], None)
        wrong = await client.post(f"/v1/deployments/{DEPLOYMENT}/quality", content=b'{"loss": "hinge"}')
        assert wrong.status_code == 400
        assert wrong.json()["error"].startswith("loss: Input should be 'brier'")

    asked(tmp_path, story)


def test_metrics_tell_outcomes_losses_confusion_and_lag(tmp_path: Path) -> None:
    async def story(client: Client, _: Parts) -> None:
        await client.post(
            "/v1/predictions", content=predictions_body(event("a", 0.75), event("b", 0.5), event("c", 0.1))
        )
        await client.post("/v1/labels", content=labels_body({"a": 1, "b": 0, "c": 0, "d": 1}))
        found, who = await metrics(client), (DEPLOYMENT, "aaaa")
        assert found["serinus_collector_predictions_total", (DEPLOYMENT, "stored")] == 3
        assert found["serinus_collector_labels_total", (DEPLOYMENT, "joined")] == 3
        assert found["serinus_collector_labels_total", (DEPLOYMENT, "unknown")] == 1
        assert found["serinus_labelled_total", who] == 3
        assert found["serinus_loss_sum_total", (DEPLOYMENT, "brier", "aaaa")] == pytest.approx(
            0.25**2 + 0.5**2 + 0.1**2
        )
        assert found["serinus_loss_sum_total", (DEPLOYMENT, "logLoss", "aaaa")] > 1
        assert found["serinus_confusion_total", (DEPLOYMENT, "1", "1", "aaaa")] == 1
        assert found["serinus_confusion_total", (DEPLOYMENT, "0", "1", "aaaa")] == 1
        assert found["serinus_confusion_total", (DEPLOYMENT, "0", "0", "aaaa")] == 1
        assert found["serinus_label_lag_seconds_count", who] == 3
        assert found["serinus_collector_queue_events", ()] == 0

    asked(tmp_path, story, losses={"ml/flights": ["brier", "logLoss"]})


def test_a_label_that_waited_while_the_losses_were_changed_stops_nobody(tmp_path: Path) -> None:
    async def before(client: Client, _: Parts) -> None:
        await client.post("/v1/labels", content=labels_body({"a": 7, "b": 1}))

    async def after(client: Client, parts: Parts) -> None:
        sent = await client.post("/v1/predictions", content=predictions_body(event("a"), event("b")))
        assert (sent.status_code, sent.json()["outcomes"]) == (202, {"stored": 2, "joined": 2})
        question = watching().model_dump_json(by_alias=True)
        asked = await client.post(f"/v1/deployments/{DEPLOYMENT}/quality", content=question)
        assert asked.status_code == 400
        assert "brier needs labels of 0 or 1" in asked.json()["error"]
        assert (await client.post("/v1/labels", content=labels_body({"b": 1}))).status_code == 200
        assert parts.unready == ""

    asked(tmp_path, before, losses={"*": ["absoluteError"]})
    asked(tmp_path, after)


def test_metrics_stay_bounded_whatever_revisions_and_deployments_come(tmp_path: Path) -> None:
    async def story(client: Client, _: Parts) -> None:
        for number in range(8):
            name = f"ml/m{number}"
            await client.post("/v1/predictions", content=predictions_body(event("a"), deployment=name))
            await client.post("/v1/labels", content=labels_body({"a": 1}, deployment=name))
        found = await metrics(client)
        assert {key[1][0] for key in found if key[0] == "serinus_labelled_total"} == {"ml/m5", "ml/m6", "ml/m7"}
        assert {key[1][0] for key in found if key[0] == "serinus_loss_sum_total"} == {"ml/m5", "ml/m6", "ml/m7"}
        assert found["serinus_collector_labels_total", ("other", "joined")] == 5

    asked(tmp_path, story, max_series=3)


def cloud_event(kind: str, service: str = "flights-0123456789", **headers: str) -> dict[str, str]:
    return {
        "ce-specversion": "1.0",
        "ce-id": "4711",
        "ce-type": f"org.kubeflow.serving.inference.{kind}",
        "ce-source": "http://localhost:9081/",
        "ce-time": "2026-11-20T12:00:00.5Z",
        "ce-inferenceservicename": service,
        "ce-namespace": "ml",
        "ce-component": "predictor",
        "content-type": "application/json",
    } | {name.replace("_", "-"): value for name, value in headers.items()}


V1 = ({"instances": [{"x": 1.5, "c": "AA"}, {"x": None, "c": "B6"}]}, {"predictions": [0.25, 0.5]})
V2 = (
    {
        "id": "4711",
        "inputs": [
            {"name": "x", "shape": [2], "datatype": "FP64", "data": [1.5, None]},
            {"name": "c", "shape": [2, 1], "datatype": "BYTES", "data": ["AA", "B6"]},
        ],
    },
    {"outputs": [{"name": "predict_proba", "shape": [2, 2], "datatype": "FP64", "data": [0.75, 0.25, 0.5, 0.5]}]},
)


@pytest.mark.parametrize("payloads", [V1, V2])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_logged_request_and_its_response_are_predictions(
    payloads: Any, order: tuple[int, int], tmp_path: Path
) -> None:
    async def story(client: Client, parts: Parts) -> None:
        sent = [("request", payloads[0]), ("response", payloads[1])]
        first, second = [await client.post("/", json=sent[i][1], headers=cloud_event(sent[i][0])) for i in order]
        assert (first.status_code, first.json()["outcomes"]) == (200, {"waiting": 1})
        assert (second.status_code, second.json()["outcomes"]) == (200, {"complete": 1, "stored": 2})
        rows = parts.store.unanswered(DEPLOYMENT, "x", answered_by="0123456789", since=NOON, rate=1)
        assert [(row.request_id, row.features) for row in rows] == [
            ("4711/0", {"x": 1.5, "c": "AA"}),
            ("4711/1", {"x": None, "c": "B6"}),
        ]
        done = await client.post("/v1/labels", content=labels_body({"4711/0": 1, "4711/1": 0}))
        assert done.json()["outcomes"] == {"joined": 2}

    asked(tmp_path, story)


def test_what_the_collector_asked_itself_does_not_come_back_as_a_clients_row(tmp_path: Path) -> None:
    async def story(client: Client, parts: Parts) -> None:
        logged = {"ce_metadata": json.dumps({"X-Serinus-Copy": ["1"]})}
        for kind, body in zip(("request", "response"), V1, strict=True):
            done = await client.post("/", json=body, headers=cloud_event(kind, **logged))
            assert (done.status_code, done.json()["outcomes"]) == (200, {"copy": 1})
        assert parts.store.unanswered(DEPLOYMENT, "x", answered_by="0123456789", since=NOON, rate=1) == []

    asked(tmp_path, story)


def test_the_logger_says_deployment_and_revision_in_its_url_where_the_name_does_not(tmp_path: Path) -> None:
    async def story(client: Client, parts: Parts) -> None:
        request, response = {"instances": [[1, 2]]}, {"predictions": [0.5]}
        headers = cloud_event("request", "anything", ce_metadata=json.dumps({"X-Request-Id": ["mine"]}))
        refused = await client.post("/", json=request, headers=headers)
        assert refused.status_code == 400
        assert "say it in the logger's URL" in refused.json()["error"]
        url = "/?deployment=ml/flights&revision=aaaa&version=7"
        await client.post(url, json=request, headers=headers)
        await client.post(url, json=response, headers=cloud_event("response", "anything"))
        [row] = parts.store.unanswered(DEPLOYMENT, "x", answered_by="aaaa", since=NOON, rate=1)
        assert (row.request_id, row.features) == ("mine", {"0": 1, "1": 2})

    asked(tmp_path, story)


@pytest.mark.parametrize(
    ("request_", "response"),
    [
        ({"instances": [1, 2]}, {"predictions": [1]}),
        ({"instances": [1]}, {"predictions": [[1, 2, 3]]}),
        ({"instances": [1]}, {"predictions": [{"class": 1}]}),
        ({"instances": [{"x": {"y": 1}}]}, {"predictions": [1]}),
        ({"inputs": [{"name": "x", "shape": [2], "data": [1, 2, 3]}]}, {"predictions": [1]}),
        ({"inputs": [{"name": "x"}]}, {"predictions": [1]}),
        ({"rows": []}, {"predictions": [1]}),
        ({"instances": [1]}, {"outputs": [{}]}),
        ([], {}),
    ],
)
def test_payloads_without_rows_and_answers_are_counted_as_invalid(request_: Any, response: Any, tmp_path: Path) -> None:
    async def story(client: Client, _: Parts) -> None:
        await client.post("/", json=request_, headers=cloud_event("request"))
        done = await client.post("/", json=response, headers=cloud_event("response"))
        assert done.json()["outcomes"] == {"invalid": 1}
        assert done.json()["problems"][0]["problem"]
        assert (await metrics(client))["serinus_collector_logged_events_total", (DEPLOYMENT, "invalid")] == 1

    asked(tmp_path, story)


QUESTIONS = {"comparison": comparing(), "quality": watching("aaaa")}


async def ask(client: Client, what: str, **headers: Any) -> httpx.Response:
    content = QUESTIONS[what].model_dump_json(by_alias=True)
    return await client.post(f"/v1/deployments/{DEPLOYMENT}/{what}", content=content, headers=headers)


@pytest.mark.parametrize("what", QUESTIONS)
def test_questions_need_the_token_and_nothing_else_does(tmp_path: Path, what: str) -> None:
    (tmp_path / "token").write_text("s3cret\n", encoding="utf-8")
    wrong = (
        "s3cret",
        "Bearer",
        "Bearer s3cre",
        "Bearer s3crets",
        "Basic s3cret",
        b"Bearer \xff\xfe",
        "Bearer é".encode(),
    )

    async def story(client: Client, parts: Parts) -> None:
        for headers in ({}, *({"Authorization": one} for one in wrong)):
            refused = await ask(client, what, **headers)
            assert refused.status_code == 401, headers
            assert refused.headers["WWW-Authenticate"] == "Bearer"
            assert refused.json()["error"].endswith("Authorization: Bearer TOKEN")
        assert not parts.live.live()
        assert (await metrics(client))["serinus_collector_refused_total", ("TokenWrong",)] == 1 + len(wrong)
        assert (await ask(client, what, Authorization="bearer s3cret")).status_code == 200
        taken = await client.post("/v1/predictions", content=predictions_body(event("a")))
        labelled = await client.post("/v1/labels", content=labels_body({"a": 1}))
        assert (taken.status_code, labelled.status_code) == (202, 200)

    asked(tmp_path, story, token_file=str(tmp_path / "token"))


def test_a_new_token_counts_at_once_and_an_empty_one_lets_nobody_in(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old", encoding="utf-8")

    async def story(client: Client, _: Parts) -> None:
        token.write_text("new", encoding="utf-8")
        assert (await ask(client, "quality", Authorization="Bearer old")).status_code == 401
        assert (await ask(client, "quality", Authorization="Bearer new")).status_code == 200
        token.write_text("\n", encoding="utf-8")
        assert (await ask(client, "quality", Authorization="Bearer ")).status_code == 403
        token.unlink()
        assert (await ask(client, "quality", Authorization="Bearer new")).status_code == 403

    asked(tmp_path, story, token_file=str(token))


@pytest.mark.parametrize(
    ("host", "status"), [("127.0.0.1", 200), ("::1", 200), ("localhost", 200), ("0.0.0.0", 403), ("10.0.0.7", 403)]
)
def test_without_a_token_questions_are_answered_on_this_machine_only(
    tmp_path: Path, host: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(client: Client, _: Parts) -> None:
        for _ in range(2):
            answer = await ask(client, "comparison")
            assert answer.status_code == status
        if status == 403:
            assert "SERINUS_COLLECTOR_TOKEN_FILE" in answer.json()["error"]

    asked(tmp_path, story, host=host)
    warned = [one for one in caplog.messages if "no token was set up" in one]
    assert len(warned) == (status == 403)
