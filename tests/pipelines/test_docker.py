"""Steps in containers: a step that failed is never taken for one that succeeded, however the container goes."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import pytest
from kfp.local import docker_task_handler

from pipelines.docker import LOST, RUN_LABEL, remove_containers, run_container
from pipelines.mounts import container_settings
from pipelines.run import run_training
from serinus.adapters.mlflow_client import registry_of
from serinus.core.errors import TrainingFailed
from serinus.training.config import TrainingConfig
from serinus.training.load import load_config
from tests.components.conftest import TRAINING, config, training_file, trips
from tests.pipelines.docker_api_server import IMAGE, DockerServer, docker_server

__all__ = ["config", "training_file", "trips"]


@contextmanager
def client_of(server: DockerServer) -> Iterator[Any]:
    with docker_server(server):
        client = docker.DockerClient(base_url=server.url)
        try:
            yield client
        finally:
            client.close()


def ran(server: DockerServer) -> int:
    with client_of(server) as client:
        return run_container(client, IMAGE, ["true"], {"/work": {"bind": "/work", "mode": "rw"}}, labels={"a": "b"})


@pytest.mark.parametrize("code", [1, 2, 125, 137, 255])
def test_a_container_that_failed_has_its_exit_code(code: int, capsys: pytest.CaptureFixture[str]) -> None:
    server = DockerServer(exit_code=code)
    assert ran(server) == code
    assert capsys.readouterr().out.startswith("working\n")
    assert server.held == {}


@pytest.mark.parametrize("code", [0, 1])
@pytest.mark.parametrize("gone_at", ["start", "json", "logs", "wait"])
def test_a_container_that_is_gone_before_its_exit_code_is_known_has_failed(gone_at: str, code: int) -> None:
    server = DockerServer(exit_code=code, gone_at=gone_at)
    assert ran(server) == LOST


def test_with_the_same_order_of_events_kfps_own_runner_says_success(capsys: pytest.CaptureFixture[str]) -> None:
    """That is why ours stands in for it; when this fails, ours may go."""
    with client_of(DockerServer(exit_code=1, gone_at="wait")) as client:
        code = docker_task_handler.run_docker_container(client, IMAGE, ["false"], {})
    capsys.readouterr()
    assert code == 0


@pytest.mark.parametrize("cut_at", ["create", "start", "wait"])
def test_a_connection_that_ends_instead_of_an_answer_is_a_failure(cut_at: str) -> None:
    assert ran(DockerServer(exit_code=0, cut_at=cut_at)) == LOST


@pytest.mark.parametrize("code", [0, 1])
def test_output_that_is_cut_off_says_nothing_of_the_exit_code(code: int) -> None:
    assert ran(DockerServer(exit_code=code, cut_at="logs")) == code


@pytest.mark.parametrize("code", [0, 3])
def test_an_error_beside_the_exit_code_is_a_failure(code: int) -> None:
    assert ran(DockerServer(exit_code=code, wait_error="lost contact with the container")) == (code or LOST)


def test_a_container_that_somebody_else_removes_after_its_exit_code_is_known_has_that_code() -> None:
    assert ran(DockerServer(exit_code=0, gone_at="remove")) == 0


def test_a_container_that_succeeded_is_removed_only_after_its_exit_code_is_known() -> None:
    server = DockerServer(exit_code=0)
    assert ran(server) == 0
    assert server.asked[-2:] == ["wait", "remove"]
    assert server.created[0]["HostConfig"].get("AutoRemove") is not True


def test_an_image_that_is_nowhere_fails_the_step_and_says_how_to_build_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert ran(DockerServer(has_image=False)) == LOST
    assert "make images" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("server", "told"),
    [
        (DockerServer(exit_code=137), "ended with exit code 137 .killed, by lack of memory"),
        (
            DockerServer(exit_code=1, gone_at="wait"),
            "came to no end that is known, so its step failed: .*No such container",
        ),
    ],
    ids=["killed", "gone"],
)
def test_a_run_whose_first_container_fails_has_failed(
    server: DockerServer, told: str, training_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = training_file.parent / "state"
    with docker_server(server):
        monkeypatch.setenv("DOCKER_HOST", server.url)
        with pytest.raises(TrainingFailed, match=f"the container of .* {told}"):
            run_training(
                training_file, work_dir=state, registry_uri=registry_of(state), progress=print, run_id="r", on="docker"
            )
    (made,) = server.created
    assert made["Labels"] == {RUN_LABEL: "r"}
    assert made["User"] == f"{os.getuid()}:{os.getgid()}"
    assert server.held == {}
    assert not (state / "mlflow.db").exists()


def test_without_docker_the_run_says_so(training_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    with pytest.raises(TrainingFailed, match=r"Docker does not answer .*DOCKER_HOST"):
        run_training(training_file, work_dir=training_file.parent / "state", progress=print, on="docker")


def test_containers_of_an_attempt_that_was_killed_are_ended_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    server = DockerServer(held={"1": {"Labels": {RUN_LABEL: "mine"}}, "2": {"Labels": {RUN_LABEL: "another"}}})
    with docker_server(server):
        monkeypatch.setenv("DOCKER_HOST", server.url)
        remove_containers("mine")
    assert list(server.held) == ["2"]


def arguments(config: TrainingConfig, registry: str, snapshots: str = "") -> dict[str, Any]:
    return {"training": config.model_dump_json(by_alias=True), "registry_uri": registry, "snapshot_root": snapshots}


def bound(settings: dict[str, Any]) -> dict[str, bool]:
    """Whether each path is only read."""
    return {mount["Target"]: mount["ReadOnly"] for mount in settings["mounts"]}


def test_a_container_reads_the_source_and_writes_only_snapshots_and_the_registrys_folder(
    config: TrainingConfig, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    settings = container_settings(arguments(config, registry_of(state), str(state / "snapshots")), {})
    assert bound(settings) == {str(tmp_path / "trips.csv"): True, str(state): False, str(state / "snapshots"): False}
    assert (state / "snapshots").is_dir()
    assert settings["environment"]["HOME"] == "/tmp"
    assert (settings["cap_drop"], settings["security_opt"]) == (["ALL"], ["no-new-privileges"])
    assert "network_mode" not in settings


@pytest.mark.parametrize(
    ("registry", "expected"),
    [
        ("http://127.0.0.1:5000", "host"),
        ("http://localhost:5000", "host"),
        ("http://[::1]:5000", "host"),
        ("http://mlflow.example", None),
    ],
)
def test_what_listens_on_this_machine_only_is_reached_through_its_network(
    config: TrainingConfig, registry: str, expected: str | None
) -> None:
    assert container_settings(arguments(config, registry), {}).get("network_mode") == expected


def test_only_the_variables_that_steps_need_are_passed_on(tmp_path: Path) -> None:
    source = 'source: {type: sql, url: "postgresql://me:${DB_PASSWORD}@db/rides", query: select 1}'
    file = tmp_path / "training.yaml"
    file.write_text(TRAINING.replace("source: {type: csv, path: trips.csv}", source))
    ours = {"DB_PASSWORD": "s", "AWS_ENDPOINT_URL": "e", "MLFLOW_TRACKING_TOKEN": "t", "KFP_TOKEN": "no", "PATH": "no"}
    settings = container_settings(arguments(load_config(file), "http://mlflow"), ours)
    passed = {name: value for name, value in settings["environment"].items() if name in ours}
    assert passed == {"DB_PASSWORD": "s", "AWS_ENDPOINT_URL": "e", "MLFLOW_TRACKING_TOKEN": "t"}
    assert json.dumps(settings["mounts"]) == "[]"


def test_a_pattern_of_files_is_read_from_its_folder(config: TrainingConfig, tmp_path: Path) -> None:
    (tmp_path / "lake" / "day=1").mkdir(parents=True)
    pattern = config.source.model_copy(update={"path": f"{tmp_path}/lake/day=*/part-*.parquet"})
    lake = config.model_copy(update={"source": pattern})
    assert bound(container_settings(arguments(lake, "http://mlflow"), {})) == {f"{tmp_path}/lake": True}
