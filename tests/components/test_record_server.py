"""Record and register against a real MLflow server that hands out artifacts itself, and what is said where there is none."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest

from components.gate.record import Recording, record
from components.register.folder import MODEL_CARD_FILE
from components.register.step import register
from serinus.adapters.mlflow_artifacts import ArtifactsHere
from serinus.adapters.mlflow_client import DIGEST_TAG, OUTCOME_TAG, PART_TAG, RUN_KEY_TAG, connect, tagged
from serinus.core.errors import RegistryUnavailable
from serinus.training.config import TrainingConfig
from tests.adapters.mlflow_server import mlflow_server
from tests.components.mlflow_world import make_candidate, make_origin, make_search


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an MLflow server of these tests' own."""
    before = mlflow.get_tracking_uri()
    with mlflow_server(tmp_path_factory.mktemp("server"), "127.0.0.1", _free_port()) as started:
        yield started.url
    mlflow.set_tracking_uri(before)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def recording(trips: pd.DataFrame, config: TrainingConfig, tmp_path: Path) -> Recording:
    candidate = make_candidate(trips, config, tmp_path)
    make_search(tmp_path / "models" / "linear", 2)
    return Recording(
        origin=make_origin(config),
        card=candidate.card,
        metrics={"linear": candidate.decision.metrics},
        decision=candidate.decision,
        report_html="<h1>trips</h1>",
        report_markdown="# trips",
        models=tmp_path / "models",
    )


def test_a_server_gets_the_run_and_its_version_once(
    server: str, recording: Recording, config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    candidate = make_candidate(trips, config, tmp_path)
    for _ in range(2):
        run_id = record(server, config, recording)
        assert register(candidate, config, recording.origin, server) == "1"
    client = connect(server)
    (version,) = client.search_model_versions("name = 'trips'")
    assert (version.run_id, _challenger(client, "trips")) == (run_id, version.version)
    run = client.get_run(run_id)
    assert (run.info.status, run.data.tags[OUTCOME_TAG]) == ("FINISHED", "registered")
    assert "report-card.html" in {file.path for file in client.list_artifacts(run_id)}
    assert len(client.search_runs([run.info.experiment_id], tagged(PART_TAG, "run-1"))) == 3
    fetched = ArtifactsHere(server, tmp_path / "cache").of_version(
        client.get_model_version_download_uri("trips", version.version), version.tags[DIGEST_TAG]
    )
    assert Path(fetched.uri, MODEL_CARD_FILE).read_text().startswith("# trips")


def test_attempts_at_one_time_make_one_version(
    server: str, config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    raced = config.model_copy(update={"model": "raced"})
    candidate, origin = make_candidate(trips, raced, tmp_path), make_origin(raced)

    def attempt(_: int) -> str:
        for _ in range(5):  # as a step is tried again, where the other one cleared away what this one had begun
            with contextlib.suppress(RegistryUnavailable):
                return register(candidate, raced, origin, server)
        raise AssertionError("no attempt came through")

    with ThreadPoolExecutor(2) as both:
        said = set(both.map(attempt, range(2)))
    client = connect(server)
    (version,) = client.search_model_versions("name = 'raced'")
    assert said == {str(version.version)} == {str(_challenger(client, "raced"))}
    experiment = client.get_experiment_by_name("raced").experiment_id
    assert len(client.search_runs([experiment], tagged(RUN_KEY_TAG, "run-1"))) == 1
    assert len(client.search_logged_models([experiment])) == 1


def _challenger(client: Any, model: str) -> object:
    return client.get_model_version_by_alias(model, "challenger").version


@pytest.fixture
def closed() -> Iterator[str]:
    """The address of something in front of MLflow that lets nobody in."""

    class Closed(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(401, "You are not authenticated")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Closed) as front:
        thread = threading.Thread(target=front.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://me:secret@127.0.0.1:{front.server_port}"
        front.shutdown()
        thread.join()


def test_a_registry_that_lets_nobody_in_is_told_without_the_password(
    closed: str, recording: Recording, config: TrainingConfig
) -> None:
    with pytest.raises(RegistryUnavailable, match=r"does not let us in .* set MLFLOW_TRACKING_TOKEN") as caught:
        record(closed, config, recording)
    assert "secret" not in str(caught.value)


def test_a_registry_that_is_down_is_told(
    recording: Recording, config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    address = f"http://127.0.0.1:{_free_port()}"
    with pytest.raises(RegistryUnavailable, match=f"the registry at {address} did not answer .*; start it or correct"):
        record(address, config, recording)
