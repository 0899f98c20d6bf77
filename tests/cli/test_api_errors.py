"""Whatever an API server answers, the person reads one sentence that says what to do, and the exit code says the rest."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from serinus.cli.app import app, plugin
from serinus.core.state import Phase
from tests.cli.homes import Answer, StubServer, stub_server
from tests.cli.test_cluster_objects import manifest

ME = {"status": {"userInfo": {"username": "ann@example.org"}}}
NOT_FOUND = {
    "message": 'modeldeployments.serinus.dev "x" not found',
    "details": {"name": "x", "kind": "modeldeployments"},
}
FORBIDDEN = {"message": 'modeldeployments.serinus.dev "x" is forbidden: User "ann" cannot get resource'}


def run(stub: StubServer, folder: Path, *words: str, **user: Any) -> Result:
    kubeconfig = stub.kubeconfig(folder, **user)
    result = CliRunner().invoke(app, [*words, "--kubeconfig", str(kubeconfig)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        ((401, {"message": "Unauthorized"}), 3, "does not know you (any more); log in again"),
        ((403, FORBIDDEN), 3, "cannot get resource; ask who runs the cluster for it"),
        ((404, NOT_FOUND), 1, "there is no ModelDeployment ml/x in context stub"),
        ((404, "404 page not found"), 3, "does not know ModelDeployments; install Serinus there"),
        (
            (404, {"message": "the server could not find the requested resource", "details": {}}),
            3,
            "install Serinus there",
        ),
        ((500, {"message": "etcdserver: leader changed"}), 3, "cannot answer now: etcdserver: leader changed"),
        ((503, "x" * 9000), 3, "cannot answer now: xxx"),
        ((418, {"message": "no"}), 3, "ModelDeployment ml/x: no (HTTP 418)"),
        ((200, "<html>welcome</html>"), 3, "<html>welcome</html> (HTTP 200)"),
        ((200, "[]"), 3, "[] (HTTP 200)"),
        ((302, ""), 3, "no reason given (HTTP 302)"),
    ],
)
def test_each_answer_is_a_sentence(answer: Answer, code: int, words: str, tmp_path: Path) -> None:
    with stub_server(lambda _method, _path: answer) as stub:
        result = run(stub, tmp_path, "explain", "x")
    assert result.exit_code == code
    assert words in result.stderr
    assert len(result.stderr) < 700
    assert result.stderr.count("\n") == 1


def test_no_answer_at_all_is_a_sentence(tmp_path: Path) -> None:
    with stub_server(lambda _method, _path: (200, {})) as stub:
        pass
    result = run(stub, tmp_path, "get", "x")
    assert result.exit_code == 3
    assert f"the API server of context stub ({stub.url}) does not answer" in result.stderr


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["sh", "-c", "echo no >&2; exit 1"], "gives no token"),
        (["sh", "-c", "echo not-json"], "gives no token"),
        (["sh", "-c", "echo '{}'"], "gives no token"),
        (["there-is-no-such-program"], "gives no token"),
    ],
)
def test_a_login_program_that_fails_is_a_sentence(command: list[str], words: str, tmp_path: Path) -> None:
    login = {"apiVersion": "client.authentication.k8s.io/v1", "command": command[0], "args": command[1:]}
    with stub_server(lambda _method, _path: (200, {})) as stub:
        result = run(stub, tmp_path, "get", "x", exec=login)
    assert result.exit_code == 3
    assert words in result.stderr
    assert "log in again" in result.stderr


def test_a_login_program_gives_the_token(tmp_path: Path) -> None:
    script = 'test -n "$KUBERNETES_EXEC_INFO" && echo \'{"status": {"token": "secret"}}\''
    login = {"apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "args": ["-c", script]}
    with stub_server(lambda _method, _path: (200, manifest())) as stub:
        result = run(stub, tmp_path, "get", "flights", exec=login)
    assert result.exit_code == 0
    assert stub.requests[0][2] == "Bearer secret"


@pytest.mark.parametrize(
    "user", [{"client-certificate": "missing.crt", "client-key": "missing.key"}, {"auth-provider": {"name": "gcp"}}]
)
def test_credentials_that_cannot_be_used_are_a_sentence(user: dict[str, Any], tmp_path: Path) -> None:
    with stub_server(lambda _method, _path: (200, {})) as stub:
        result = run(stub, tmp_path, "get", "x", **user)
    assert result.exit_code == 3
    assert "the credentials of context stub cannot be used" in result.stderr


@pytest.mark.parametrize("name", ["../secrets", "x?y=1", "a/b/c", "%2e%2e", "Flights", "ml/", "x" * 64])
def test_what_cannot_be_a_name_is_never_asked_for(name: str, tmp_path: Path) -> None:
    with stub_server(lambda _method, _path: (200, manifest())) as stub:
        result = run(stub, tmp_path, "abort", name)
    assert (result.exit_code, stub.requests) == (1, [])
    assert "cannot be the name of an object" in result.stderr


class Acting:
    """A deployment that has been paused, and an operator that answers at once."""

    def __init__(self, *, answer: str, who: Answer = (201, ME)) -> None:
        self.object = manifest(Phase.PAUSED)
        self.answer = answer
        self.who = who

    def __call__(self, method: str, path: str) -> Answer:
        return self.who if path.endswith("selfsubjectreviews") else (200, self.object)


def left(stub: StubServer) -> dict[str, str]:
    """The request on the object."""
    ((_, path, _, body),) = [one for one in stub.requests if one[0] == "PATCH"]
    assert path == "/apis/serinus.dev/v1alpha1/namespaces/ml/modeldeployments/flights"
    patch = json.loads(body)
    assert set(patch) == {"metadata"}
    assert set(patch["metadata"]) == {"annotations"}
    action: dict[str, str] = json.loads(patch["metadata"]["annotations"]["serinus.dev/action"])
    return action


@pytest.mark.parametrize(
    ("who", "by"), [((201, ME), "ann@example.org"), ((404, "404 page not found"), "ann"), ((403, FORBIDDEN), "ann")]
)
def test_a_request_says_who_asks_and_which_rollout_they_saw(
    who: Answer, by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serinus.cli.act.ANSWER_SECONDS", 0.0)
    acting = Acting(answer="", who=who)
    with stub_server(acting) as stub:
        result = run(stub, tmp_path, "resume", "flights")
    action = left(stub)
    assert (action["verb"], action["by"]) == ("resume", by)
    assert action["rolloutId"] == acting.object["status"]["rollout"]["id"]
    assert len(action["nonce"]) == 32
    assert result.exit_code == 3
    assert "nobody did within 0 s; is the operator running?" in result.stderr


def test_a_request_may_name_the_rollout_it_is_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serinus.cli.act.ANSWER_SECONDS", 0.0)
    with stub_server(Acting(answer="")) as stub:
        run(stub, tmp_path, "abort", "flights", "--rollout", "the-one-i-saw")
    assert left(stub)["rolloutId"] == "the-one-i-saw"


def test_a_timeout_that_is_none_is_wrong_usage(tmp_path: Path) -> None:
    with stub_server(Acting(answer="")) as stub:
        result = run(stub, tmp_path, "abort", "flights", "--wait", "--timeout", "soon")
    assert result.exit_code == 2
    assert "is not a duration" in result.stderr
    assert stub.requests == []


def test_the_plugin_shows_itself_as_kubectl_serinus() -> None:
    result = CliRunner().invoke(plugin, ["get", "--help"], prog_name="kubectl serinus")
    assert "kubectl serinus get" in result.stdout
