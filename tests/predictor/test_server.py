import json

import httpx
import pytest

from tests.predictor.behaviours import FAIL, FORGET
from tests.predictor.support import COLUMNS, ROW

ORDERED = [ROW[name] for name in COLUMNS]


def tensor(name: str, datatype: str, data: list) -> dict:
    return {"name": name, "shape": [len(data)], "datatype": datatype, "data": data}


def tensors(**changes) -> dict:
    kinds = {"double": "FP64", "integer": "INT64", "string": "BYTES", "boolean": "BOOL"}
    row = ROW | changes
    return {"inputs": [tensor(name, kinds[column["type"]], [row[name]]) for name, column in COLUMNS.items()]}


def test_v1_answers_rows_as_objects_and_as_lists_alike(shared_server):
    answers = shared_server.predict(ROW, ROW | {"temp": -5, "extra": 1}), shared_server.predict(ORDERED)
    assert [answer.status_code for answer in answers] == [200, 200]
    first, second = answers[0].json()["predictions"]
    assert 0 <= second < first <= 1
    assert answers[1].json() == {"predictions": [first]}
    assert answers[0].headers["content-type"] == "application/json"


def test_v1_answers_whatever_the_content_type(shared_server):
    body = json.dumps({"instances": [ROW]})
    for kind in ("application/json; charset=utf-8", "text/plain", "application/x-www-form-urlencoded"):
        assert shared_server.post(content=body, headers={"content-type": kind}).status_code == 200


def test_v2_answers_a_tensor_per_column_as_v1_answers_the_row(shared_server):
    answer = shared_server.post("/v2/models/flights/infer", json=tensors() | {"id": "q1"})
    assert answer.status_code == 200, answer.text
    content = answer.json()
    assert (content["id"], content["model_name"], content["model_version"]) == ("q1", "flights", "r1")
    expected = shared_server.predict().json()["predictions"]
    output = {"name": "predict_proba", "shape": [1], "datatype": "FP64", "data": expected}
    assert content["outputs"] == [output | {"parameters": None}]


def test_v2_answers_one_tensor_with_all_columns(shared_server):
    columns = {"name": "rows", "shape": [2, len(ORDERED)], "datatype": "BYTES", "data": [ORDERED, ORDERED]}
    answer = shared_server.post("/v2/models/flights/infer", json={"inputs": [columns]})
    expected = shared_server.predict(ORDERED, ORDERED).json()["predictions"]
    assert answer.json()["outputs"][0]["data"] == expected


def test_v2_answers_binary_tensors(shared_server):
    from kserve import InferInput, InferRequest
    from numpy import array

    inputs = [InferInput(t["name"], t["shape"], t["datatype"], t["data"]) for t in tensors(gust=20, gate="A")["inputs"]]
    inputs[0].set_data_from_numpy(array([12.5]), binary_data=True)
    body, length = InferRequest("flights", inputs).to_rest()
    headers = {"content-type": "application/octet-stream", "inference-header-content-length": str(length)}
    answer = shared_server.post("/v2/models/flights/infer", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    expected = shared_server.predict(gust=20, gate="A").json()["predictions"]
    assert answer.json()["outputs"][0]["data"] == expected


def test_health_and_metadata_are_answered(shared_server):
    for path in ("/v2/health/live", "/v2/health/ready", "/v2/models/flights/ready", "/v1/models/flights"):
        assert shared_server.get(path).status_code == 200
    metadata = shared_server.get("/v2/models/flights").json()
    assert [column["name"] for column in metadata["inputs"]] == list(COLUMNS)
    assert metadata["outputs"] == [{"name": "predict_proba", "datatype": "FP64", "shape": [-1]}]


BAD_V1 = [
    ("", "zero-length"),
    ("{", "end of data"),
    ("[]", '"instances"'),
    ("null", '"instances"'),
    ('{"instances": []}', "at least one row"),
    ('{"instances": {}}', "at least one row"),
    ('{"instances": ["x"]}', "row 0 is the string 'x'"),
    (json.dumps({"instances": [ROW, ORDERED]}), "row 1 is a list"),
    (json.dumps({"instances": [ORDERED[:-1]]}), "row 0 has 6 values, but the model takes 7"),
    (
        json.dumps({"instances": [ROW, {k: v for k, v in ROW.items() if k != "wind"} | {"Wind": 1}]}),
        'row 1 has no column "wind"',
    ),
    (
        json.dumps({"instances": [ROW, ROW | {"wind": "8"}]}),
        "row 1, column \"wind\": expected a number, got the string '8'",
    ),
    (json.dumps({"instances": [ROW | {"wind": None}]}), 'row 0, column "wind": expected a number, got null'),
    (json.dumps({"instances": [ROW | {"wind": True}]}), "got true"),
    (json.dumps({"instances": [ROW | {"wind": [1]}]}), "got a list"),
    (json.dumps({"instances": [ROW | {"wind": float("nan")}]}), "expected a JSON value"),
    (json.dumps({"instances": [ROW | {"hour": 7.5}]}), 'column "hour": expected a whole number'),
    (json.dumps({"instances": [ROW | {"hour": 2**60}]}), 'column "hour": expected a whole number'),
    (json.dumps({"instances": [ROW | {"gust": "x"}]}), "or null"),
    (json.dumps({"instances": [ROW | {"origin": 3}]}), 'column "origin": expected a string, got 3'),
    (json.dumps({"instances": [ROW | {"origin": None}]}), 'column "origin": expected a string, got null'),
    (json.dumps({"instances": [ROW | {"weekend": 1}]}), 'column "weekend": expected true or false, got 1'),
]


@pytest.mark.parametrize(("body", "sentence"), BAD_V1)
def test_a_bad_v1_body_is_answered_400_with_a_sentence(shared_server, body, sentence):
    assert_rejected(shared_server, "/v1/models/flights:predict", body, 400, sentence)


BAD_V2 = [
    ("", "Field required"),
    ("{", "not JSON"),
    ("[]", "request"),
    ("{}", '"inputs"'),
    ('{"inputs": []}', 'no input "temp"'),
    (json.dumps({"inputs": tensors()["inputs"][1:]}), 'no input "temp"'),
    (json.dumps(tensors(wind="x")), 'row 0, column "wind": expected a number'),
    (json.dumps(tensors(wind=None)), "got null"),
    (json.dumps(tensors(wind=float("nan"))), 'row 0, column "wind": expected a number, got nan'),
    (json.dumps(tensors(wind=float("inf"))), "got inf"),
    (
        json.dumps({"inputs": [*tensors()["inputs"][:-1], tensor("weekend", "BOOL", [True, False])]}),
        '"weekend" has 2 rows',
    ),
    (json.dumps({"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP64", "data": [1, 2, 3]}]}), "[rows, 7]"),
    (json.dumps({"inputs": [{"name": "x", "shape": [2, 7], "datatype": "FP64", "data": [1]}]}), "make them agree"),
    (json.dumps({"inputs": [{"name": "x", "shape": [1, 7], "datatype": "FP64", "data": [[1], 2]}]}), "mixes"),
    (json.dumps({"inputs": [{"name": "x"}]}), "inputs.0.shape"),
    (json.dumps(tensors() | {"outputs": [{"name": "odds"}]}), "'odds'"),
]


@pytest.mark.parametrize(("body", "sentence"), BAD_V2)
def test_a_bad_v2_body_is_answered_400_with_a_sentence(shared_server, body, sentence):
    assert_rejected(shared_server, "/v2/models/flights/infer", body, 400, sentence)


@pytest.mark.parametrize("length", ["x", "-1", "2", "99999999"])
def test_a_broken_binary_v2_body_is_answered_400(shared_server, length):
    headers = {"content-type": "application/octet-stream", "inference-header-content-length": length}
    answer = shared_server.post("/v2/models/flights/infer", content=b"{}", headers=headers)
    assert answer.status_code == 400


@pytest.mark.parametrize("path", ["/v1/models/trains:predict", "/v2/models/trains/infer"])
def test_a_wrong_model_name_is_answered_404_and_told_the_right_one(shared_server, path):
    body = json.dumps({"instances": [ROW]} | tensors())
    assert_rejected(shared_server, path, body, 404, 'serves "flights"')


@pytest.mark.parametrize("path", ["/v1/models/flights:predict", "/v2/models/flights/infer"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_answered_413(shared_server, path, chunked):
    body = json.dumps({"instances": [ROW] * 1000})
    content = iter([body.encode()]) if chunked else body
    assert_rejected(shared_server, path, content, 413, "larger than 20000 bytes")


def assert_rejected(server, path: str, content, code: int, sentence: str) -> None:
    key = ("serinus_requests_total", str(code))
    before = server.metrics().get(key, 0)
    answer = server.post(path, content=content, headers={"content-type": "application/json"})
    assert answer.status_code == code, answer.text
    assert sentence in answer.json()["error"]
    assert server.metrics()[key] == before + 1
    assert "Traceback" not in server.log()


def test_a_model_that_raises_is_answered_500_without_a_trace_and_logged_once(shared_server):
    before = shared_server.metrics().get(("serinus_requests_total", "500"), 0)
    for _ in range(3):
        answer = shared_server.predict(temp=FAIL)
        assert answer.status_code == 500
        assert answer.json()["error"].endswith("failed on valid input: RuntimeError: the boiler exploded")
    assert shared_server.metrics()["serinus_requests_total", "500"] == before + 3
    assert shared_server.log().count("the boiler exploded") == 1


def test_a_model_that_answers_too_few_rows_is_answered_500(shared_server):
    answer = shared_server.predict(ROW, ROW | {"temp": FORGET})
    assert answer.status_code == 500
    assert "shape (1,) to 2 rows" in answer.json()["error"]


def test_the_model_cannot_be_unloaded_by_a_request(shared_server):
    assert shared_server.post("/v2/repository/models/flights/unload").status_code == 404
    assert shared_server.predict().status_code == 200


def test_bins_count_every_valid_row_and_start_at_zero(server):
    zero = {key: value for key, value in server.metrics().items() if key[0].endswith("_bin_total")}
    assert set(zero.values()) == {0}
    rows = [ROW, ROW | {"temp": None, "origin": "EWR", "hour": 6}, ROW | {"temp": 25, "weekend": False, "gate": "B"}]
    assert server.predict(*rows).status_code == 200
    assert server.predict(wind="bad").status_code == 400
    counted = server.metrics()
    answers = {key[1]: counted[key] for key in zero if key[0] == "serinus_answer_bin_total"}
    assert (len(answers), sum(answers.values())) == (21, 3)
    hits = {key[1:]: counted[key] for key in zero if counted[key] and key[0] != "serinus_answer_bin_total"}
    bins = {(bin_, feature): count for (bin_, feature, *_), count in ((k, v) for k, v in hits.items() if len(k) == 2)}
    assert bins == {
        ("2", "temp"): 1, ("missing", "temp"): 1, ("3", "temp"): 1,
        ("0", "wind"): 3,
        ("0", "hour"): 1, ("1", "hour"): 2,
        ("missing", "gust"): 3,
        ("JFK", "origin"): 2, ("other", "origin"): 1,
        ("missing", "gate"): 2, ("B", "gate"): 1,
        ("True", "weekend"): 2, ("False", "weekend"): 1,
    }  # fmt: skip
    assert sum(count for key, count in hits.items() if len(key) == 1) == 3


def test_the_reference_is_told_for_every_bin_that_is_counted(shared_server):
    metrics = shared_server.metrics()
    for counted, told in (
        ("serinus_feature_bin_total", "serinus_reference_rows"),
        ("serinus_prediction_bin_total", "serinus_reference_prediction_rows"),
    ):
        assert {key[1:] for key in metrics if key[0] == counted} == {key[1:] for key in metrics if key[0] == told}
    temp = {key[1]: rows for key, rows in metrics.items() if key[0] == "serinus_reference_rows" and key[2] == "temp"}
    assert temp == {"0": 0, "1": 60, "2": 0, "3": 40, "missing": 0}


def test_metrics_name_the_model_and_have_an_edge_at_every_slo(shared_server):
    metrics = shared_server.metrics()
    info = next(key for key in metrics if key[0] == "serinus_model_info")
    assert info[1].startswith("sha256:")
    assert info[2] == "flights"
    edges = [key[1] for key in metrics if key[0] == "serinus_request_seconds_bucket"]
    assert {"0.04", "0.1", "+Inf"} <= set(edges)
    total = sum(value for key, value in metrics.items() if key[0] == "serinus_requests_total")
    assert metrics["serinus_request_seconds_bucket", "+Inf"] == metrics[("serinus_request_seconds_count",)] == total
    assert metrics[("process_start_time_seconds",)] > 0
    assert not any(key[0].startswith("request_") for key in metrics)


def test_a_model_without_a_reference_is_served_by_its_signature(plain_server):
    answer = plain_server.predict()
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"] in ([True], [False])
    wrong = plain_server.predict(wind="x")
    assert (wrong.status_code, wrong.json()["error"].split(":")[0]) == (400, 'row 0, column "wind"')
    named = {key[0] for key in plain_server.metrics()}
    assert not named & {"serinus_feature_bin_total", "serinus_reference_rows", "serinus_reference_prediction_rows"}


def test_the_answers_of_a_model_without_a_reference_are_counted(plain_server):
    def labels() -> dict[str, float]:
        return {key[1]: count for key, count in plain_server.metrics().items() if key[0] == "serinus_answer_bin_total"}

    before = labels()
    assert set(before) == {"False", "True", "other", "missing"}
    assert plain_server.predict().status_code == 200
    assert sum(labels().values()) == sum(before.values()) + 1
    assert labels()["other"] == 0


def test_many_clients_at_once_are_all_answered_and_counted(shared_server):
    from concurrent.futures import ThreadPoolExecutor

    before = shared_server.metrics()["serinus_requests_total", "200"]
    with httpx.Client() as client, ThreadPoolExecutor(8) as pool:
        url = shared_server.url + "/v1/models/flights:predict"
        answers = list(
            pool.map(lambda i: client.post(url, json={"instances": [ROW] * (1 + i % 3)}, timeout=30), range(200))
        )
    assert {answer.status_code for answer in answers} == {200}
    assert [len(answer.json()["predictions"]) for answer in answers] == [1 + i % 3 for i in range(200)]
    assert shared_server.metrics()["serinus_requests_total", "200"] == before + 200
