"""Kubeflow Pipelines that is away, refuses, or is something else: each has its sentence, and nothing half-made is left."""

import asyncio
import json
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines.compile import COMPILED
from serinus.adapters import kfp_auth
from serinus.adapters.kfp_auth import settings_from
from serinus.adapters.kfp_client import KfpClient
from serinus.adapters.kfp_runs import KfpRuns
from serinus.core.errors import PipelinesRefused, PipelinesUnavailable, SerinusError
from serinus.core.pipeline_run import RunPhase, RunRequest, version_name
from serinus.local.sockets import free_port
from tests.cluster.control_plane.certificates import Authority
from tests.pipelines.kfp_api_server import KfpServer, Refusal, basic, kfp_server, task

REQUEST = RunRequest("trips-1", "trips", json.dumps({"model": "trips"}), ("linear",), "http://127.0.0.1:9")
PIPELINE = COMPILED / "training.yaml"


@pytest.fixture
def server() -> Iterator[KfpServer]:
    with kfp_server() as started:
        yield started


def runs(url: str, namespace: str = "", **environment: str) -> KfpRuns:
    return KfpRuns(KfpClient(settings_from(environment, url, namespace)), PIPELINE)


def refused(error: type[SerinusError], url: str, match: str, namespace: str = "", **environment: str) -> None:
    """Starting a run is refused, with a sentence."""
    with pytest.raises(error, match=match) as caught:
        asyncio.run(runs(url, namespace, **environment).start(REQUEST))
    assert "Traceback" not in str(caught.value)
    assert len(str(caught.value)) < 700


def test_a_server_that_is_not_there() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    refused(PipelinesUnavailable, url, f"Kubeflow Pipelines at {url} did not answer .*port-forward")


def test_a_server_that_never_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        refused(PipelinesUnavailable, url, "did not answer .*[Tt]imed? ?out", KFP_TIMEOUT_SECONDS="1")


def test_a_host_whose_name_nobody_knows() -> None:
    refused(PipelinesUnavailable, "http://pipelines.invalid", "did not answer")


@pytest.mark.parametrize("host", ["localhost:8080", "ftp://x", "http://", "https://me:secret@host"])
def test_an_address_that_is_none_is_refused_and_no_secret_of_it_is_told(host: str) -> None:
    with pytest.raises(PipelinesRefused, match="is not the address of Kubeflow Pipelines") as caught:
        settings_from({}, host)
    assert "secret" not in str(caught.value)


def test_credentials_are_sent_with_every_request(server: KfpServer) -> None:
    for environment, header in (
        ({"KFP_TOKEN": "abc"}, "Bearer abc"),
        ({"KFP_USERNAME": "me", "KFP_PASSWORD": "pw"}, basic("me", "pw")),
        ({}, ""),
    ):
        server.seen_authorization.clear()
        asyncio.run(runs(server.url, **environment).start(REQUEST))
        assert set(server.seen_authorization) == {header}


def test_a_service_accounts_token_is_read_anew_for_every_request(server: KfpServer, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    asked = runs(server.url, KFP_TOKEN_FILE=str(file))
    server.authorization = "Bearer first"
    run = asyncio.run(asked.start(REQUEST))
    server.authorization = "Bearer second"
    file.write_text("second\n")
    assert asyncio.run(asked.look(run)).phase is RunPhase.PENDING


def test_a_pod_uses_the_token_that_is_projected_into_it(
    server: KfpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kfp_auth, "PROJECTED_TOKEN", tmp_path / "token")
    (tmp_path / "token").write_text("projected")
    server.authorization = "Bearer projected"
    assert asyncio.run(runs(server.url).start(REQUEST))


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({}, "a request without credentials"),
        ({"KFP_TOKEN": "old"}, "the token of KFP_TOKEN"),
        ({"KFP_USERNAME": "me", "KFP_PASSWORD": "wrong"}, 'user "me" of KFP_USERNAME'),
    ],
)
def test_credentials_that_are_not_accepted_are_named_and_not_shown(
    server: KfpServer, environment: dict[str, str], told: str
) -> None:
    server.authorization = "Bearer right"
    with pytest.raises(PipelinesRefused, match=f"does not know {told} .401") as caught:
        asyncio.run(runs(server.url, **environment).start(REQUEST))
    assert "old" not in str(caught.value).replace("does not know", "")
    assert "wrong" not in str(caught.value)


@pytest.mark.parametrize(
    ("environment", "match"),
    [
        ({"KFP_USERNAME": "me"}, "KFP_USERNAME and KFP_PASSWORD belong together"),
        ({"KFP_TOKEN_FILE": "/nowhere/token"}, "the token in /nowhere/token cannot be read"),
        ({"KFP_CA_FILE": "/nowhere/ca"}, "KFP_CA_FILE names /nowhere/ca"),
        ({"KFP_TIMEOUT_SECONDS": "soon"}, 'KFP_TIMEOUT_SECONDS is "soon"'),
    ],
)
def test_a_setting_that_is_wrong_is_named(server: KfpServer, environment: dict[str, str], match: str) -> None:
    refused(PipelinesRefused, server.url, match, **environment)
    assert server.requests == []


def test_a_login_page_is_told_apart_from_an_answer(server: KfpServer) -> None:
    server.redirect = "https://dex.example/auth"
    refused(PipelinesRefused, server.url, "sends a request without credentials to a login page; .*KFP_TOKEN")
    server.redirect, server.page = "", "<html>Log in to Kubeflow</html>"
    refused(PipelinesRefused, server.url, "answered with a page, not as the API")


def test_a_server_of_another_version_is_told_before_anything_is_made(server: KfpServer) -> None:
    server.api = "v1beta1"
    refused(PipelinesRefused, server.url, "has no API v2beta1: it is Kubeflow Pipelines 1")
    assert server.requests == ["GET /apis/v2beta1/healthz"]


def test_a_server_of_many_namespaces_wants_one_that_is_allowed(server: KfpServer) -> None:
    server.multi_user = True
    refused(PipelinesRefused, server.url, "serves many namespaces; name yours by --kfp-namespace")
    refused(
        PipelinesRefused, server.url, "does not let .* look for the experiment .403.*rbac.yaml", namespace="foreign"
    )
    run = asyncio.run(runs(server.url, "team").start(REQUEST))
    (experiment,) = server.experiments.values()
    (pipeline,) = server.pipelines.values()
    assert experiment["namespace"] == pipeline["namespace"] == "team"
    assert server.runs[run]["experiment_id"] == experiment["experiment_id"]


def test_a_server_of_one_namespace_is_not_told_one(server: KfpServer) -> None:
    assert asyncio.run(runs(server.url, "team").start(REQUEST)) in server.runs


def failing(status: int, code: int, message: str, at: str) -> Callable[[str, str], Refusal | None]:
    return lambda method, path: Refusal(status, code, message) if f"{method} {path}".endswith(at) else None


@pytest.mark.parametrize(
    ("status", "code", "message", "error", "match"),
    [
        (429, 8, "too many", PipelinesUnavailable, "a quota is used up .*too many"),
        (500, 13, 'pods "x" is forbidden: exceeded quota: team', PipelinesUnavailable, "a quota is used up"),
        (403, 7, "workflows is forbidden: exceeded quota", PipelinesUnavailable, "a quota is used up"),
        (403, 7, "cannot create runs", PipelinesRefused, "does not let .* start a run .403: cannot create runs"),
        (404, 5, "PipelineVersion not found", PipelinesRefused, "the pipeline was deleted after .*start again"),
        (400, 3, "bad parameters", PipelinesRefused, "refused to start a run .400: bad parameters"),
        (503, 14, "", PipelinesUnavailable, "could not start a run .503"),
    ],
)
def test_a_run_that_cannot_be_started_says_why(
    server: KfpServer, status: int, code: int, message: str, *, error: type[SerinusError], match: str
) -> None:
    server.fault = failing(status, code, message, "POST /apis/v2beta1/runs")
    refused(error, server.url, match)
    assert server.runs == {}


def test_a_version_is_uploaded_once_for_its_digest(server: KfpServer, tmp_path: Path) -> None:
    other = tmp_path / "training.yaml"
    other.write_bytes(PIPELINE.read_bytes() + b"# changed\n")
    first, second = runs(server.url), KfpRuns(KfpClient(settings_from({}, server.url)), other)
    for key in ("a", "b"):
        for runner in (first, second):
            request = RunRequest(f"{key}-{id(runner)}", "trips", REQUEST.training, ("linear",), "http://r")
            asyncio.run(runner.start(request))
    assert server.uploads == [PIPELINE.read_bytes(), other.read_bytes()]
    assert [one["name"] for one in server.versions.values()] == [version_name(one) for one in server.uploads]
    assert len(server.pipelines) == 1
    used = [run["pipeline_version_reference"]["pipeline_version_id"] for run in server.runs.values()]
    assert used == [*server.versions, *server.versions]


def test_what_another_client_makes_at_the_same_time_is_used(server: KfpServer) -> None:
    """Each of the three is looked for and not found, and is there when it is to be made."""
    asyncio.run(runs(server.url).start(RunRequest("other", "trips", REQUEST.training, ("linear",), "http://r")))
    (pipeline,) = server.pipelines
    server.hidden = {"experiments", "pipelines/names/serinus-training", f"pipelines/{pipeline}/versions"}
    assert asyncio.run(runs(server.url).start(REQUEST)) in server.runs
    assert server.hidden == set()
    assert (len(server.pipelines), len(server.versions), len(server.experiments)) == (1, 1, 1)


def test_a_certificate_that_is_not_trusted_is_told_and_its_authority_can_be_named(tmp_path: Path) -> None:
    context, authority = certificate(tmp_path)
    with kfp_server(tls=context) as server:
        refused(PipelinesRefused, server.url, "the certificate of https://.* is not trusted.*KFP_CA_FILE")
        assert asyncio.run(runs(server.url, KFP_CA_FILE=str(authority)).start(REQUEST)) in server.runs


def test_a_server_without_tls_behind_an_https_address_is_told(server: KfpServer) -> None:
    refused(PipelinesRefused, server.url.replace("http:", "https:"), "does not speak TLS")


def test_a_failed_run_says_so_where_the_server_does_not_tell_why(server: KfpServer) -> None:
    asked = runs(server.url)
    run = asyncio.run(asked.start(REQUEST))
    server.report(run, "FAILED", task("ingest-driver", "FAILED"), task("ingest", "FAILED"))
    assert asyncio.run(asked.look(run)).message == "step ingest failed: its log in the dashboard says why"
    server.report(run, "FAILED", error="the workflow is too large")
    assert asyncio.run(asked.look(run)).message == "no step failed, and the run did: the workflow is too large"


def test_a_run_whose_registry_is_out_of_reach_says_what_its_steps_say(server: KfpServer) -> None:
    asked = runs(server.url)
    run = asyncio.run(asked.start(REQUEST))
    server.report(run, "SUCCEEDED", task("register", "SUCCEEDED"))
    seen = asyncio.run(asked.look(run))
    assert (seen.phase, seen.outcome) == (RunPhase.SUCCEEDED, None)
    assert seen.message.startswith("a version was registered, and more is not known from here: the registry at")


def test_a_run_of_something_else_is_told_without_an_outcome(server: KfpServer) -> None:
    asked = runs(server.url)
    run = asyncio.run(asked.start(REQUEST))
    del server.runs[run]["runtime_config"]
    server.report(run, "SUCCEEDED")
    assert "no run of the training pipeline" in asyncio.run(asked.look(run)).message


@pytest.mark.parametrize("asked", ["a name", "../runs", "x?y=z", "ä"])
def test_a_run_id_is_never_part_of_the_address_but_as_itself(server: KfpServer, asked: str) -> None:
    with pytest.raises(SerinusError, match="has no run"):
        asyncio.run(runs(server.url).look(asked))
    assert all(path.startswith("GET /apis/v2beta1/") for path in server.requests)


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's side of TLS, and the file of the authority behind it."""
    authority = Authority(folder)
    authority.sign("server", "kfp", hosts=["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    return context, authority.certificate
