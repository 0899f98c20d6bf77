import pytest

from tests.predictor.sink import listening_sink
from tests.predictor.support import COLUMNS, ROW, free_port, start, wait_ready, wait_until
from tests.predictor.test_server import tensors

COPY = {"x-serinus-copy": "1"}


@pytest.fixture(scope="module")
def logged(model_dir, tmp_path_factory):
    """A predictor and the collector it tells of its answers."""
    with listening_sink() as sink, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SERINUS_LOG_KEY", "a key of sixteen")
        told = ("--collector-url", sink.url, "--model-version", "7", "--log-features", "--log-drop", "gate")
        server = start(model_dir, tmp_path_factory.mktemp("server"), *told, "--log-hash", "origin")
        try:
            yield wait_ready(server), sink
        finally:
            server.stop()


def named(name: str) -> dict[str, str]:
    return {"x-request-id": name}


def test_the_answer_carries_the_id_that_the_request_had_or_was_given(shared_server):
    body = {"instances": [ROW]}
    assert shared_server.post(json=body, headers=named("a")).headers["x-request-id"] == "a"
    assert len(shared_server.post(json=body).headers["x-request-id"]) == 36
    infer = "/v2/models/flights/infer"
    answer = shared_server.post(infer, json=tensors() | {"id": "body"})
    assert (answer.headers["x-request-id"], answer.json()["id"]) == ("body", "body")
    assert shared_server.post(infer, json=tensors() | {"id": "b"}, headers=named("h")).headers["x-request-id"] == "h"
    unnamed = shared_server.post(infer, json=tensors())
    assert unnamed.headers["x-request-id"] == unnamed.json()["id"]


def test_an_id_that_no_header_can_hold_does_not_fail_the_request(shared_server):
    answer = shared_server.post("/v2/models/flights/infer", json=tensors() | {"id": "line\nbreak ü 中"})
    assert answer.status_code == 200
    assert len(answer.headers["x-request-id"]) == 36


def test_a_refused_request_is_answered_with_its_id_too(shared_server):
    refused = shared_server.post(json={"instances": []}, headers=named("bad"))
    assert (refused.status_code, refused.headers["x-request-id"]) == (400, "bad")


def test_a_copy_is_answered_and_counted_nowhere(shared_server):
    shared_server.predict()
    before = {name: value for name, value in shared_server.metrics().items() if name[0].startswith("serinus_")}
    assert shared_server.post(json={"instances": [ROW]}, headers=COPY).json() == shared_server.predict().json()
    assert shared_server.post(json={"instances": []}, headers=COPY).status_code == 400
    after = shared_server.metrics()
    grown = {name: after[name] - value for name, value in before.items() if name[0] == "serinus_requests_total"}
    assert grown[("serinus_requests_total", "200")] == 1
    assert (
        after[("serinus_feature_bin_total", "missing", "gust")]
        == before[("serinus_feature_bin_total", "missing", "gust")] + 1
    )


def test_answers_are_told_to_the_collector_with_the_columns_that_may_leave(logged):
    server, sink = logged
    prediction = server.post(json={"instances": [ROW, ROW | {"gust": 30}]}, headers=named("q")).json()["predictions"]
    wait_until(lambda: {"q/0", "q/1"} <= sink.events().keys())
    first, second = sink.events()["q/0"], sink.events()["q/1"]
    assert [first["prediction"], second["prediction"]] == prediction
    assert first["features"].keys() == COLUMNS.keys() - {"gate"}
    assert first["features"] | {"origin": "JFK"} == {name: value for name, value in ROW.items() if name != "gate"}
    assert first["features"]["origin"].startswith("hmac:")
    assert (second["features"]["gust"], first["copy"]) == (30, False)
    about = {name: value for name, value in sink.bodies[0].items() if name != "events"}
    assert about == {"deployment": "ml/flights", "model": "flights", "revision": "r1", "version": "7"}


def test_copies_for_pairing_and_refused_requests_are_not_told(logged):
    server, sink = logged
    server.post(json={"instances": [ROW]}, headers=named("copy") | COPY)
    server.post(json={"instances": []}, headers=named("refused"))
    server.post(json={"instances": [ROW]}, headers=named("mirrored") | {"x-serinus-mirrored": "1"})
    wait_until(lambda: "mirrored" in sink.events())
    assert not {"copy", "refused"} & sink.events().keys()
    assert sink.events()["mirrored"]["copy"] is True
    assert server.metrics()[("serinus_prediction_events_dropped_total", "refused")] == 0


def test_sigterm_sends_what_still_waits(model_dir, tmp_path):
    with listening_sink() as sink:
        server = wait_ready(start(model_dir, tmp_path, "--collector-url", sink.url))
        for index in range(20):
            server.post(json={"instances": [ROW]}, headers=named(str(index)))
        assert server.stop() == 0
        assert sink.events().keys() == {str(index) for index in range(20)}
        assert sink.events()["0"]["features"] == {}


def test_without_its_collector_it_answers_as_ever_and_ends_in_time(model_dir, tmp_path):
    server = wait_ready(start(model_dir, tmp_path, "--collector-url", f"http://127.0.0.1:{free_port()}"))
    assert [server.predict().status_code for _ in range(5)] == [200] * 5
    wait_until(lambda: "does not take predictions" in server.log())
    assert server.stop() == 0
    assert "5 predictions could not be sent" in server.log()
