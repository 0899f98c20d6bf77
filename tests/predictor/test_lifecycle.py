import json
import shutil
import signal
import socket
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.predictor.behaviours import HOLD
from tests.predictor.support import free_port, start, wait_ready, wait_until

EXIT_SECONDS = 120


def exit_code(server) -> int:
    return server.process.wait(EXIT_SECONDS)


def test_a_damaged_artifact_is_refused_with_code_3_before_it_is_loaded(model_dir, tmp_path):
    damaged = shutil.copytree(model_dir, tmp_path / "damaged")
    reference = damaged / "serinus" / "reference.json"
    reference.write_text(reference.read_text().replace("late", "early"))
    from serinus.artifact import directory_digest

    server = start(damaged, tmp_path, digest=directory_digest(model_dir))
    assert exit_code(server) == 3
    assert server.log().count("\n") == 1
    assert "its files were changed or damaged" in server.log()


def test_without_a_digest_it_serves_and_says_that_nobody_verified_the_files(model_dir, tmp_path):
    server = start(model_dir, tmp_path, "--digest", "")
    try:
        wait_ready(server)
        assert "nobody has verified" in server.log()
    finally:
        server.stop()


def test_a_model_that_is_not_sklearn_is_refused_with_code_4_and_the_flavors_it_has(tmp_path):
    directory = tmp_path / "model"
    directory.mkdir()
    (directory / "MLmodel").write_text("flavors:\n  python_function:\n    loader_module: x\nmodel_uuid: a\n")
    server = start(directory, tmp_path)
    assert exit_code(server) == 4
    assert "has the flavors python_function" in server.log()
    assert "Traceback" not in server.log()


def test_a_model_that_does_not_answer_its_warm_up_row_is_refused_with_code_4(model_dir, tmp_path):
    directory = shutil.copytree(model_dir, tmp_path / "model")
    path = directory / "serinus" / "reference.json"
    reference = json.loads(path.read_text())
    reference["features"] = [f for f in reference["features"] if f["name"] != "wind"]
    path.write_text(json.dumps(reference))
    server = start(directory, tmp_path)
    assert exit_code(server) == 4
    assert "does not answer its warm-up row" in server.log()


def test_a_reference_that_breaks_its_schema_is_refused_with_code_4_and_the_field(model_dir, tmp_path):
    directory = shutil.copytree(model_dir, tmp_path / "model")
    path = directory / "serinus" / "reference.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"rows": 0}))
    server = start(directory, tmp_path)
    assert exit_code(server) == 4
    assert 'field "rows"' in server.log()


def test_a_taken_port_is_refused_with_code_5(model_dir, tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        server = start(model_dir, tmp_path, port=other.getsockname()[1])
        assert exit_code(server) == 5
    assert "choose another --port" in server.log()


@pytest.mark.parametrize(
    "option", [("--slo-ms", "nan"), ("--slo-ms", "-1"), ("--max-body-bytes", "0"), ("--model", "x")]
)
def test_wrong_arguments_are_refused_with_code_2(model_dir, tmp_path, option):
    assert exit_code(start(model_dir, tmp_path, *option, port=free_port())) == 2


def test_sigterm_finishes_what_is_in_flight_and_probes_are_answered_meanwhile(server):
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(server.predict, temp=HOLD)
        wait_until((server.folder / "held").exists)
        assert server.get("/v2/health/ready").status_code == 200
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: refused(server))
        (server.folder / "release").touch()
        assert answer.result(30).status_code == 200
    assert exit_code(server) == 0
    lines = server.log().splitlines()
    assert [line.split("serinus.predictor: ")[1].split(":")[0] for line in lines] == ["starting", "ready", "stopped"]


def test_sigterm_ends_the_process_even_if_a_prediction_never_does(server):
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(server.predict, temp=HOLD)
        wait_until((server.folder / "held").exists)
        assert server.stop() == 0
        with pytest.raises(httpx.HTTPError):
            answer.result(30).raise_for_status()


def refused(server) -> bool:
    try:
        server.get("/v2/health/ready")
    except httpx.ConnectError:
        return True
    return False
