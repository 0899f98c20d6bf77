"""The storage initializer against a real MLflow server: whole and verified, or not at all and a sentence."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from serinus import storage
from serinus.adapters.mlflow_artifacts import URI_DIGEST, ArtifactsElsewhere
from serinus.adapters.mlflow_client import DIGEST_TAG, connect
from serinus.adapters.mlflow_registry import MlflowRegistry
from serinus.artifact import directory_digest
from serinus.core.errors import ArtifactCorrupted, ArtifactOutOfReach, ModelVersionNotFound, RegistryUnavailable
from serinus.core.revision import Artifact
from serinus.predictor.main import EXIT_CODES
from serinus.storage import AccessRefused, FolderUnwritable, fetch

MODEL = "stored"
BIG = 200_000  # bytes


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not try again for long. What the program sets for its process is put back."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    values = {"MAX_RETRIES": "0", "BACKOFF_FACTOR": "1", "TIMEOUT": "20"}
    for name, value in values.items():
        monkeypatch.setenv(f"MLFLOW_HTTP_REQUEST_{name}", value)


@pytest.fixture(scope="module")
def version(server: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A registered version with its digest, whose files only the server can reach."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "serinus").mkdir()
    (folder / "MLmodel").write_text("flavors: {}\n")
    (folder / "serinus" / "reference.json").write_text("{}")
    (folder / "model.skops").write_bytes(os.urandom(BIG))
    client = connect(server)
    experiment = client.create_experiment(f"storage-{os.getpid()}")
    run = client.create_run(experiment).info.run_id
    client.log_artifacts(run, str(folder), "model")
    client.create_registered_model(MODEL)
    source = f"{client.get_run(run).info.artifact_uri}/model"
    made = client.create_model_version(MODEL, source, run_id=run, tags={DIGEST_TAG: directory_digest(folder)})
    return str(made.version)


@pytest.fixture
def artifact(server: str, version: str) -> Artifact:
    """As the operator names it to KServe."""
    return asyncio.run(MlflowRegistry(server, ArtifactsElsewhere()).resolve(MODEL, version=version))


def initializer(server: str, *arguments: str, prefix: tuple[str, ...] = ()) -> "subprocess.CompletedProcess[str]":
    """The program as KServe runs it."""
    command = [*prefix, sys.executable, "-m", "serinus.storage", *arguments]
    environment = os.environ | {"MLFLOW_TRACKING_URI": server}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_version_on_the_server_is_fetched_whole_and_verified(server: str, artifact: Artifact, tmp_path: Path) -> None:
    assert artifact.uri.startswith("mlflow-artifacts:/")
    assert artifact.uri.endswith(f"#{artifact.digest}")
    done = initializer(server, artifact.uri, str(tmp_path / "models"))
    assert (done.returncode, done.stderr) == (0, "")
    assert f"verified: {artifact.digest}" in done.stdout
    assert left_in(tmp_path / "models") == ["MLmodel", "model.skops", "serinus"]
    assert directory_digest(tmp_path / "models") == artifact.digest


def test_files_that_are_not_those_registered_are_not_handed_on(server: str, artifact: Artifact, tmp_path: Path) -> None:
    uri = artifact.uri.partition("#")[0]
    done = initializer(server, f"{uri}#sha256:{'0' * 64}", str(tmp_path))
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
    assert f"sha256:{'0' * 64} was registered" in done.stderr
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("registry", ["", "sqlite:///mlflow.db"])
def test_without_a_server_nothing_can_be_fetched(registry: str, tmp_path: Path) -> None:
    done = initializer(registry, "mlflow-artifacts:/1", str(tmp_path))
    assert done.returncode == 2
    assert f'MLFLOW_TRACKING_URI is "{registry}"' in done.stderr


def test_another_server_is_not_sent_the_credentials(server: str, tmp_path: Path) -> None:
    with refusing() as url:
        other = urlsplit(url).netloc
        done = initializer(server, f"mlflow-artifacts://{other}/1/model", str(tmp_path))
    assert done.returncode == 2
    assert f"mlflow-artifacts://{other}/1/model is on {other}, which must not see the credentials" in done.stderr


def test_a_model_that_is_not_there_is_named(server: str, artifact: Artifact, tmp_path: Path) -> None:
    del artifact
    for uri in ("mlflow-artifacts:/999/models/m-none/artifacts", f"models:/{MODEL}/99", f"runs:/{'0' * 32}/model"):
        with pytest.raises(ModelVersionNotFound, match=f"there is no model at {uri} in the registry at {server}"):
            fetch(server, uri, tmp_path)
    assert left_in(tmp_path) == []


def test_a_version_by_its_name_is_fetched_too(server: str, artifact: Artifact, tmp_path: Path) -> None:
    done = initializer(server, f"models:/{MODEL}/{artifact.version}", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "verified by nobody" in done.stdout
    assert directory_digest(tmp_path) == artifact.digest


def test_a_registry_that_is_away_is_named_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(RegistryUnavailable, match=r"the registry at http://127\.0\.0\.1:9 did not answer") as caught:
        fetch("http://ann:secret@127.0.0.1:9", "mlflow-artifacts:/1", tmp_path)
    assert "secret" not in str(caught.value)
    assert left_in(tmp_path) == []


def test_a_registry_that_is_away_for_a_moment_is_asked_again(
    server: str, artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "4")
    with hanging_up(server, times=2) as (url, taken):
        fetch(url, artifact.uri.partition("#")[0], tmp_path, artifact.digest)
        assert len(taken) > 2
    assert directory_digest(tmp_path) == artifact.digest


def test_a_server_that_wants_credentials_is_said_to(tmp_path: Path) -> None:
    with refusing() as url, pytest.raises(AccessRefused, match=f"the registry at {url} refuses to hand out"):
        fetch(url, "mlflow-artifacts:/1/model", tmp_path)


def test_what_a_killed_initializer_has_left_is_replaced(server: str, artifact: Artifact, tmp_path: Path) -> None:
    (tmp_path / ".draft-killed").mkdir()
    (tmp_path / ".draft-killed" / "half").write_text("x")
    (tmp_path / "serinus").mkdir()
    (tmp_path / "serinus" / "half").write_text("x")
    (tmp_path / "model.skops").write_text("half")
    fetch(server, artifact.uri.partition("#")[0], tmp_path, artifact.digest)
    assert left_in(tmp_path) == ["MLmodel", "model.skops", "serinus"]
    assert directory_digest(tmp_path) == artifact.digest


def test_a_folder_that_cannot_be_made_is_said_to(server: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderUnwritable, match=f"cannot be written to {tmp_path}/file/models: Not a directory"):
        fetch(server, "mlflow-artifacts:/1", tmp_path / "file" / "models")


def test_a_full_disk_is_said_to_be_full(server: str, artifact: Artifact, tmp_path: Path) -> None:
    small = f"mount -t tmpfs -o size={BIG // 2} tmpfs {tmp_path}"
    prefix = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", f'{small} && exec "$@"', "sh")
    if not shutil.which("unshare") or subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        pytest.skip("only with user namespaces can a small disk be had")
    done = initializer(server, artifact.uri, str(tmp_path), prefix=prefix)
    assert done.returncode == 6, done.stderr
    assert "No space left on device" in done.stderr


def test_every_error_has_an_exit_code_of_its_own() -> None:
    codes = storage.EXIT_CODES
    assert len(set(codes.values())) == len(codes)
    assert not set(codes.values()) & {0, 1, 2}, "1 is how other programs fail, 2 wrong arguments"
    assert codes[ArtifactCorrupted] == EXIT_CODES[ArtifactCorrupted], "the predictor says it by the same code"


def test_a_version_without_a_digest_has_that_of_its_address() -> None:
    located = ArtifactsElsewhere().of_version("mlflow-artifacts:/1/models/m-1/artifacts", "")
    assert located.uri == "mlflow-artifacts:/1/models/m-1/artifacts"
    assert located.digest.startswith(URI_DIGEST)


def test_stores_that_kserve_knows_get_the_address_as_it_is() -> None:
    assert ArtifactsElsewhere().of_version("s3://bucket/model", "sha256:abc") == ("s3://bucket/model", "sha256:abc")


@pytest.mark.parametrize("location", ["/var/mlruns/1/model", "file:///var/mlruns/1/model"])
def test_a_folder_of_some_machine_is_out_of_reach_of_a_cluster(location: str) -> None:
    with pytest.raises(ArtifactOutOfReach, match=f"{location}, a folder of the machine that logged them"):
        ArtifactsElsewhere().of_version(location, "sha256:abc")


@contextmanager
def hanging_up(server: str, times: int) -> Iterator[tuple[str, list[None]]]:
    """A server in front of another: it hangs up on the first connections and hands on the rest."""
    parts, taken = urlsplit(server), list[None]()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            taken.append(None)
            if len(taken) <= times:
                client.close()
                continue
            behind = socket.create_connection((parts.hostname, parts.port))
            for source, target in ((client, behind), (behind, client)):
                threading.Thread(target=_pump, args=(source, target), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", taken
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        target.close()


@contextmanager
def refusing() -> Iterator[str]:
    """A server that wants credentials for everything."""

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}"
    finally:
        httpd.shutdown()
        httpd.server_close()
