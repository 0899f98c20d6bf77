"""What manifests/pipelines puts beside Kubeflow Pipelines."""

import json
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from kubernetes import client

from pipelines.compile import COMPILED
from pipelines.placement import DATABASE_KEYS, REGISTRY_KEYS, SECRET, STORAGE_KEYS
from serinus.cli.train import train
from serinus.training.load import load_config
from serinus.training.reach import refuse_out_of_reach
from tests.charts.rendered import ROOT, Manifest, documents, of_kind
from tests.charts.test_kustomize import KUBECTL, kustomized
from tests.charts.test_objects import rights
from tests.pipelines.kfp_api_server import ROUTES

FOLDER = ROOT / "manifests" / "pipelines"
MODELS = {
    "ServiceAccount": "V1ServiceAccount",
    "Role": "V1Role",
    "RoleBinding": "V1RoleBinding",
    "CronJob": "V1CronJob",
    "ConfigMap": "V1ConfigMap",
    "Secret": "V1Secret",
}
HEAD = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
KFP = "pipelines.kubeflow.org"


@pytest.fixture(scope="module")
def made() -> list[Manifest]:
    return kustomized("pipelines")


def cron_job(made: list[Manifest]) -> tuple[Manifest, Manifest]:
    """The pod's template and its container."""
    (job,) = of_kind(made, "CronJob")
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    return pod, container


def test_every_object_is_one_that_kubernetes_knows_with_no_field_it_does_not(made: list[Manifest]) -> None:
    """Each is read into the published model of its kind and written back; a field that is none would be lost."""
    api = client.ApiClient()
    secret = documents((FOLDER / "secret.example.yaml").read_text())
    assert {one["kind"] for one in made + secret} == MODELS.keys()
    for one in made + secret:
        read = api.deserialize(SimpleNamespace(data=json.dumps(one)), MODELS[one["kind"]])
        assert api.sanitize_for_serialization(read) == one, one["kind"]


def test_all_is_in_one_namespace_and_what_is_named_is_there(made: list[Manifest]) -> None:
    assert {one["metadata"]["namespace"] for one in made} == {"kubeflow"}
    names = {(one["kind"], one["metadata"]["name"]) for one in made}
    pod, _ = cron_job(made)
    (binding,) = of_kind(made, "RoleBinding")
    (subject,) = binding["subjects"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert ("ServiceAccount", pod["serviceAccountName"]) in names
    assert ("ConfigMap", volumes["training"]["configMap"]["name"]) in names
    assert ("Role", binding["roleRef"]["name"]) in names
    assert (subject["name"], subject["namespace"]) == (pod["serviceAccountName"], "kubeflow")


def test_the_role_has_what_is_asked_of_the_api_and_no_more(made: list[Manifest]) -> None:
    """Of the routes that the adapter takes in the tests of it, by the API server's words for them."""
    words = {"GET": "get", "POST": "create", "DELETE": "delete"}
    asked: dict[tuple[str, str], set[str]] = {}
    for method, pattern, _ in ROUTES:
        kind, _, rest = pattern.partition("/")
        resource = {"recurringruns": "jobs"}.get(kind, kind)
        verb = pattern.rpartition(":")[2] if pattern.endswith((":terminate", ":retry")) else words[method]
        lists = method == "GET" and (not rest or rest.endswith("versions"))
        if kind != "healthz":
            asked.setdefault((KFP, resource), set()).add("list" if lists else verb)
    (role,) = of_kind(made, "Role")
    given = rights(role)
    assert {key: verbs - {"get"} for key, verbs in given.items()} == {
        key: verbs - {"get"} for key, verbs in asked.items()
    }
    assert all("get" in given[key] for key, verbs in asked.items() if "get" in verbs)


def test_the_pod_has_no_root_and_a_token_for_pipelines_only(made: list[Manifest]) -> None:
    pod, container = cron_job(made)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    (token,) = [volume for volume in pod["volumes"] if volume["name"] == "token"]
    (source,) = token["projected"]["sources"]
    assert source["serviceAccountToken"]["audience"] == KFP
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    environment = {one["name"]: one.get("value") for one in container["env"]}
    assert environment["KFP_TOKEN_FILE"] == f"{mounts['token']}/{source['serviceAccountToken']['path']}"


def test_the_command_is_one_that_serinus_has(made: list[Manifest]) -> None:
    _, container = cron_job(made)
    command, *options = container["args"]
    known = {"-f": "file", "--on": "on", "--run-id": "run_id", "--watch": "watch"}
    assert command == "train"
    assert {known[option] for option in options if option.startswith("-")} <= train.__annotations__.keys()


def test_the_training_file_is_one_that_a_cluster_can_use(made: list[Manifest], tmp_path: Path) -> None:
    (config_map,) = of_kind(made, "ConfigMap")
    file = tmp_path / "training.yaml"
    file.write_text(config_map["data"]["training.yaml"])
    config = load_config(file)
    refuse_out_of_reach(config, config.registry.uri)


def test_the_secret_is_the_one_that_is_asked_for_and_no_kustomization_overwrites_it(made: list[Manifest]) -> None:
    _, container = cron_job(made)
    (secret,) = documents((FOLDER / "secret.example.yaml").read_text())
    asked = [one["valueFrom"]["secretKeyRef"] for one in container["env"] if "secretKeyRef" in one.get("valueFrom", {})]
    assert {one["name"] for one in asked} == {secret["metadata"]["name"]}
    assert {one["key"] for one in asked} <= secret["stringData"].keys()
    assert secret["metadata"]["name"] == SECRET
    assert {*REGISTRY_KEYS, *STORAGE_KEYS, *DATABASE_KEYS} <= secret["stringData"].keys()
    assert all(one["optional"] for one in asked)
    assert not of_kind(made, "Secret")


def test_a_kustomization_of_ones_own_takes_the_pipeline_as_objects_too(tmp_path: Path, made: list[Manifest]) -> None:
    for folder in ("manifests/pipelines", "pipelines/compiled"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    objects = tmp_path / "pipelines" / "compiled" / "training.manifests.yaml"
    if not objects.exists():
        objects.write_text(as_objects(COMPILED / "training.yaml"))
    mine = tmp_path / "mine"
    mine.mkdir()
    resources = "resources: [../manifests/pipelines, ../pipelines/compiled]\n"
    (mine / "kustomization.yaml").write_text(f"{HEAD}namespace: kubeflow\n{resources}")
    done = subprocess.run([KUBECTL, "kustomize", mine], check=True, capture_output=True, text=True, timeout=60)
    more = [one for one in documents(done.stdout) if one not in made]
    assert {one["kind"] for one in more} == {"Pipeline", "PipelineVersion"}
    assert {one["metadata"]["namespace"] for one in more} == {"kubeflow"}


def as_objects(compiled: Path) -> str:
    """As KFP writes them, as far as a kustomization looks."""
    spec: Any = next(yaml.load_all(compiled.read_text(), Loader=yaml.CSafeLoader))
    kind = {"apiVersion": f"{KFP}/v2beta1", "metadata": {"name": "serinus-training"}}
    version = {"pipelineName": "serinus-training", "pipelineSpec": spec}
    return yaml.safe_dump_all([{**kind, "kind": "Pipeline"}, {**kind, "kind": "PipelineVersion", "spec": version}])
