"""The CRD on a real API server: it refuses what lint refuses, in the same words, and accepts what the models accept."""

import json
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from kubernetes import client  # type: ignore[import-untyped]

from serinus.core.spec import ModelDeployment
from serinus.core.spec.metadata import MAX_NAME
from serinus.core.status import status_of
from serinus.lint import Level, lint_text
from tests.cases.filled import full_state
from tests.cases.strategies import DEPLOYMENTS, spoilt
from tests.cases.table import MALFORMED, WELLFORMED, Case, manifest
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.looking import Look, eventually

ROOT = Path(__file__).parents[2]
DEFINITION = ROOT / "manifests" / "crd" / "modeldeployments.yaml"
KUBECTL = Path(sys.executable).with_name("kubectl")
NAMESPACE = f"crd-{uuid.uuid4().hex[:8]}"
GROUP, VERSION, PLURAL = "serinus.dev", "v1alpha1", "modeldeployments"
CRD = f"{PLURAL}.{GROUP}"
OBJECTS = {"group": GROUP, "version": VERSION, "namespace": NAMESPACE, "plural": PLURAL}
MANY_WEIGHTS = [{"weight": weight, "hold": "1h30m", "minRequests": 10} for weight in range(1, 33)]
MANY_SIGNALS = [{"name": f"slow-{at}", "type": "Latency", "threshold": f"{at}ms"} for at in range(1, 17)]


@pytest.fixture(scope="module")
def kubeconfig(cluster: Cluster) -> str:
    return str(cluster.kubeconfig)


@pytest.fixture(scope="module")
def api(look: Look, kubeconfig: str) -> Iterator[client.CustomObjectsApi]:
    """The objects of an API server that has the CRD as it is committed, in a namespace of these tests' own."""
    was_there = kubectl(kubeconfig, "get", "crd", CRD, "--ignore-not-found", "-o", "name") != ""
    kubectl(kubeconfig, "apply", "--server-side", "--force-conflicts", "-f", str(DEFINITION))
    kubectl(kubeconfig, "wait", "--for=condition=Established", f"crd/{CRD}", "--timeout=30s")
    look.core.create_namespace({"metadata": {"name": NAMESPACE}})
    eventually(lambda: look.custom.list_namespaced_custom_object(**OBJECTS), "the API server knows the CRD")
    yield look.custom
    look.core.delete_namespace(NAMESPACE)
    if not was_there:
        kubectl(kubeconfig, "delete", "crd", CRD)


def kubectl(kubeconfig: str, *arguments: str, given: str | None = None) -> str:
    command = [str(KUBECTL), f"--kubeconfig={kubeconfig}", *arguments]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def created(api: client.CustomObjectsApi, body: dict[str, Any], *, dry: bool) -> dict[str, Any]:
    """What the API server makes of an object. Raises client.ApiException when it is refused."""
    tried = {"dry_run": "All"} if dry else {}
    found: dict[str, Any] = api.create_namespaced_custom_object(
        **OBJECTS, body=body, field_validation="Strict", **tried
    )
    return found


def refusal(api: client.CustomObjectsApi, body: dict[str, Any]) -> list[tuple[str, str]]:
    """The field and the message of everything the API server has against an object."""
    with pytest.raises(client.ApiException) as raised:
        created(api, body, dry=True)
    status = json.loads(raised.value.body)
    assert status["reason"] in ("Invalid", "BadRequest")
    unknown = re.search(r'strict decoding error: (unknown field "(.*)")$', status["message"])
    if unknown:
        return [(unknown[2], unknown[1])]
    return [(cause["field"], cause["message"]) for cause in status["details"]["causes"]]


def says_the_same(server: str, lint: str) -> bool:
    """Whether lint's sentence is the API server's, and what to do where the API server does not say it.

    The API server says first what is invalid: `Invalid value: "x": spec.a in body should ...`.
    """
    ends = [at for at, character in enumerate(lint) if character in ";,"] + [len(lint)]
    words = next((lint[:end] for end in reversed(ends) if server.endswith(lint[:end])), "")
    before = server.removesuffix(words)
    return bool(words) and (not before or before.startswith("Invalid value: "))


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in MALFORMED.items()])
def test_a_malformed_object_is_refused_at_its_field_in_the_words_of_lint(
    case: Case, api: client.CustomObjectsApi
) -> None:
    messages = [message for field, message in refusal(api, case.manifest) if field == case.at]
    (problem,) = [one for one in lint_text(case.text, "file.yaml") if one.level is Level.ERROR]
    assert any(case.words in message for message in messages), messages
    assert any(says_the_same(message, problem.message) for message in messages), (messages, problem.message)


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in WELLFORMED.items()])
def test_a_wellformed_object_is_accepted(case: Case, api: client.CustomObjectsApi) -> None:
    found = created(api, case.manifest, dry=True)
    for given_, kept in zip(steps_of(case.manifest), steps_of(found), strict=False):
        assert kept == given_, "an item of a list was given a default"


def steps_of(deployment: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = deployment["spec"].get("rollout", {}).get("steps", [])
    return found


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deployment=DEPLOYMENTS)
def test_whatever_the_models_accept_the_api_server_accepts(
    deployment: ModelDeployment, api: client.CustomObjectsApi
) -> None:
    content = deployment.model_dump(mode="json", by_alias=True, exclude_none=True)
    kept = created(api, {**content, "metadata": {"name": deployment.metadata.name}}, dry=True)
    assert ModelDeployment.model_validate({**kept, "metadata": content["metadata"]}) == deployment


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(spec=spoilt())
def test_of_a_spoilt_object_the_api_server_and_the_models_think_alike(
    spec: dict[str, Any], api: client.CustomObjectsApi
) -> None:
    body = {**manifest({}), "spec": spec}
    problems = [one for one in lint_text(yaml.safe_dump(body), "file.yaml") if "not supported" not in one.message]
    if any(problem.level is Level.ERROR for problem in problems):
        refusal(api, body)
    else:
        created(api, body, dry=True)


def test_what_is_left_out_is_defaulted_as_the_models_do(api: client.CustomObjectsApi) -> None:
    kept = created(api, manifest({}), dry=True)
    asked = ModelDeployment.model_validate(manifest({}))
    assert ModelDeployment.model_validate({**kept, "metadata": {"name": "flight-delay"}}) == asked
    assert kept["spec"]["serving"]["keepWarm"] == "10m"
    assert [step["weight"] for step in kept["spec"]["rollout"]["steps"]] == [10, 50]


def test_the_largest_object_is_within_the_cost_of_the_rules(api: client.CustomObjectsApi) -> None:
    resources = {f"x{at}": "1" * 32 for at in range(8)}
    spec = {
        "model": {"name": "m" * 250, "uri": "s3://" + "u" * 2043},
        "serving": {"resources": {"limits": resources, "requests": resources}},
        "rollout": {"steps": MANY_WEIGHTS, "signals": MANY_SIGNALS},
        "monitoring": {"drift": {"features": ["f" * 256] * 256}},
        "retraining": {"pipeline": "p", "triggers": [{"type": "Schedule", "cron": " ".join(["1" * 24] * 5)}] * 16},
    }
    assert created(api, manifest(spec, "n" * MAX_NAME), dry=True)["spec"]["model"]["uri"].endswith("u")


def test_a_whole_status_is_kept_as_it_was_written(api: client.CustomObjectsApi) -> None:
    kept = created(api, manifest({}, "with-a-status"), dry=False)
    operators = {"observedGeneration": kept["metadata"]["generation"], "checkpoint": "x" * 100_000}
    status = {**status_of(full_state()), **operators}
    written = api.replace_namespaced_custom_object_status(
        **OBJECTS, name="with-a-status", body={**kept, "status": status}, field_validation="Strict"
    )
    assert written["status"] == status
    assert written["spec"] == kept["spec"]
    assert written["metadata"]["generation"] == kept["metadata"]["generation"]


def test_kubectl_prints_what_matters(api: client.CustomObjectsApi, kubeconfig: str) -> None:
    kept = created(api, manifest({}, "printed"), dry=False)
    status = {"phase": "Progressing", "reason": "Holding", "url": "http://delay.example.org", "rollout": {"weight": 10}}
    versions = {"stable": {"artifact": {"version": "6"}}, "candidate": {"artifact": {"version": "7"}}}
    api.replace_namespaced_custom_object_status(**OBJECTS, name="printed", body={**kept, "status": status | versions})
    header, row = kubectl(kubeconfig, "get", "mdep", "printed", "-n", NAMESPACE).splitlines()
    assert header.split() == ["NAME", "PHASE", "STABLE", "CANDIDATE", "WEIGHT", "REASON", "AGE"]
    assert row.split()[:-1] == ["printed", "Progressing", "6", "7", "10", "Holding"]
    assert "http://delay.example.org" in kubectl(kubeconfig, "get", "serinus", "-n", NAMESPACE, "-o", "wide")
    assert "modeldeployment.serinus.dev/printed" in kubectl(kubeconfig, "get", "all", "-n", NAMESPACE, "-o", "name")


def test_kubectl_explains_a_rollout(api: client.CustomObjectsApi, kubeconfig: str) -> None:
    said = " ".join(kubectl(kubeconfig, "explain", "modeldeployment.spec.rollout").split())
    assert "How a new version is released. Steps, evidence and deadlines of a rollout." in said
    assert "deadline <string> How long a rollout may wait for evidence or for a person. Defaults to 24h." in said
    assert "strategy <string> enum: Canary, BlueGreen, Shadow, Immediate How traffic reaches the candidate" in said
    signal = " ".join(kubectl(kubeconfig, "explain", "mdep.spec.rollout.signals").split())
    assert "type <string> -required-" in signal
    assert "Latency: Share of requests slower than the threshold" in signal


def test_a_file_applied_twice_changes_nothing(api: client.CustomObjectsApi, kubeconfig: str) -> None:
    text = (ROOT / "examples" / "flights" / "modeldeployment.yaml").read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    content["metadata"]["namespace"] = NAMESPACE
    first = kubectl(kubeconfig, "apply", "-f", "-", given=yaml.safe_dump(content))
    assert first.strip().endswith("created")
    assert kubectl(kubeconfig, "apply", "-f", "-", given=yaml.safe_dump(content)).strip().endswith("unchanged")
    assert kubectl(kubeconfig, "diff", "-f", "-", given=yaml.safe_dump(content)) == ""
