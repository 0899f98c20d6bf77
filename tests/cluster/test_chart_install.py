"""The chart on a real API server: installed, upgraded, uninstalled, and what it lets the operator do."""

import json
import os
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.charts.render import render
from tests.charts.rendered import CHART, ROOT, VALUE_SETS, documents, golden, of_kind
from tests.charts.test_objects import IN_A_NAMESPACE, IN_THE_CLUSTER
from tests.cluster import chart as charts
from tests.cluster import openapi
from tests.cluster.chart import CRD, LATER_FIELD, NAMESPACE, OLDER_VERSION, Chart
from tests.cluster.control_plane import builds
from tests.cluster.control_plane import cluster as clusters
from tests.cluster.control_plane.manifests import Source, load
from tests.cluster.looking import eventually

pytestmark = pytest.mark.xdist_group("chart")

MONITORING = Source("monitoring", "github.com/prometheus-operator/prometheus-operator")
NAMESPACES = (NAMESPACE, "models", "fraud", "delays")
OPERATOR = f"system:serviceaccount:{NAMESPACE}:serinus"
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
OTHERS = (
    "/secrets", "/configmaps", "/services", "/namespaces", "/nodes", "apps/deployments", "serinus.dev/modeldeployments",
    "apiextensions.k8s.io/customresourcedefinitions", "rbac.authorization.k8s.io/clusterroles",
    "gateway.networking.k8s.io/gateways", "serving.knative.dev/services", "/pods/exec", "coordination.k8s.io/leases",
)  # fmt: skip
EXAMPLES = ROOT / "manifests" / "examples"
EXAMPLE = EXAMPLES / "flight-delay.yaml"


@pytest.fixture(scope="module")
def chart() -> Iterator[Chart]:
    """A cluster of our own, because the custom resource is installed and removed."""
    name = f"chart-{os.getpid()}"
    cluster = clusters.up(name)
    try:
        made = Chart.of(cluster)
        folder = MONITORING.folder() / "example" / "prometheus-operator-crd"
        kinds = ("servicemonitors", "podmonitors", "prometheusrules")
        needed = [folder / f"monitoring.coreos.com_{plural}.yaml" for plural in kinds]
        restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
        namespaces = [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": restricted}}
            for name in NAMESPACES
        ]
        cluster.kubectl().apply([*load(*needed), *namespaces])
        yield made
    finally:
        clusters.down(name)


@pytest.fixture
def clean(chart: Chart) -> Iterator[Chart]:
    """The cluster, without a release and what one leaves."""
    yield chart
    chart.helm("uninstall", charts.RELEASE, "--wait", "--ignore-not-found")
    chart.kubectl("delete", "crd", CRD, "--ignore-not-found", "--timeout=60s")
    chart.kubectl("delete", "clusterservingruntime", "serinus", "--ignore-not-found")


def test_install_upgrade_and_uninstall_keep_what_people_have_made(clean: Chart, tmp_path: Path) -> None:
    clean.install("--set", "replicaCount=1", chart=charts.older_chart(tmp_path))
    assert LATER_FIELD not in (clean.definition() or {})
    eventually(lambda: clean.kubectl("apply", "-f", str(EXAMPLE)).returncode == 0, "a ModelDeployment is accepted")

    clean.install("--set", "replicaCount=1")
    assert LATER_FIELD in (clean.definition() or {})
    assert clean.kubectl("get", "mdep", "-n", "models", "flight-delay").returncode == 0
    (operator,) = clean.look.apps.list_namespaced_deployment(NAMESPACE).items
    assert operator.metadata.generation == 2
    assert not operator.spec.template.spec.containers[0].image.endswith(OLDER_VERSION)

    said = clean.uninstall()
    assert CRD in said
    assert "resource policy" in said
    assert clean.kubectl("get", "mdep", "-n", "models", "flight-delay").returncode == 0
    assert clean.names("clusterservingruntime") >= {"serinus"}
    for kind in ("deployment", "service", "serviceaccount", "role", "rolebinding", "poddisruptionbudget"):
        assert not {name for name in clean.names(kind) if name.startswith("serinus")}, kind
    for kind in ("clusterrole", "clusterrolebinding"):
        assert not {name for name in clean.names(kind) if name.startswith("serinus")}, kind

    clean.install("--set", "crds.keep=false", "--set", "servingRuntime.keep=false")
    clean.uninstall()
    eventually(lambda: clean.definition() is None, "the custom resource is gone")
    assert "serinus" not in clean.names("clusterservingruntime")


def test_a_custom_resource_that_kubectl_applied_is_taken_over_when_asked(clean: Chart) -> None:
    committed = ROOT / "manifests" / "crd" / "modeldeployments.yaml"
    assert clean.kubectl("apply", "--server-side", "-f", str(committed)).returncode == 0
    refused = clean.helm("install", charts.RELEASE, str(CHART))
    assert refused.returncode != 0
    assert CRD in refused.stderr
    clean.install("--take-ownership")
    assert LATER_FIELD in (clean.definition() or {})


def test_the_kustomization_is_accepted_and_its_pods_are_admitted(clean: Chart) -> None:
    base = str(ROOT / "manifests" / "base")
    try:
        done = clean.kubectl("apply", "--server-side", "--validate=strict", "-k", base)
        assert done.returncode == 0, done.stderr
        eventually(lambda: len(pods(clean)) == 2, "both pods are admitted")
    finally:
        # Without the namespace, which the other tests use.
        clean.kubectl("delete", "--ignore-not-found", "-n", NAMESPACE, "deployment,pdb,service,sa,role,rolebinding", "-l",
                      "app.kubernetes.io/instance=serinus")  # fmt: skip
        clean.kubectl("delete", "--ignore-not-found", "clusterrole,clusterrolebinding", "-l",
                      "app.kubernetes.io/instance=serinus")  # fmt: skip


def pods(chart: Chart) -> list[Any]:
    return list(chart.look.core.list_namespaced_pod(NAMESPACE, label_selector="app.kubernetes.io/name=serinus").items)


@pytest.mark.parametrize("values", VALUE_SETS)
def test_the_api_server_accepts_every_rendering(chart: Chart, values: str) -> None:
    arguments = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-f", "-")
    done = chart.kubectl(*arguments, given=render(values))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("serverside-applied") == len(documents(render(values)))


@pytest.mark.parametrize("values", VALUE_SETS)
def test_kubeconform_finds_nothing_by_the_servers_own_schemas(chart: Chart, values: str, tmp_path: Path) -> None:
    rendered = render(values)
    builds.build([builds.KUBECONFORM])
    kinds = {(one["apiVersion"], one["kind"]) for one in documents(rendered)}
    openapi.write_schemas(lambda path: ask(chart, path), kinds, tmp_path)
    location = str(tmp_path / openapi.NAMES)
    file = tmp_path / "rendered.yaml"
    for text, accepted in ((rendered, True), (rendered.replace("replicas:", "replica:"), False)):
        file.write_text(text)
        done = chart._run(builds.KUBECONFORM.path, "-strict", "-schema-location", location, str(file))
        assert (done.returncode == 0) is accepted, done.stdout


def ask(chart: Chart, path: str) -> dict[str, Any]:
    done = chart.kubectl("get", "--raw", path)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = yaml.load(done.stdout, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return answer


def test_the_examples_are_accepted(clean: Chart) -> None:
    clean.install("--set", "replicaCount=0")
    for example in sorted(EXAMPLES.iterdir()):
        assert clean.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", str(example)).returncode == 0, (
            example
        )


def test_the_operator_may_do_what_it_needs_and_nothing_else(clean: Chart) -> None:
    clean.install("--set", "replicaCount=0")
    assert allowed(clean, "models") == wanted(IN_THE_CLUSTER)
    assert not clean.allows(OPERATOR, "get", "coordination.k8s.io/leases", NAMESPACE)
    assert clean.allows(OPERATOR, "create", "coordination.k8s.io/leases", NAMESPACE)


def test_an_operator_of_one_namespace_may_do_nothing_in_another(clean: Chart) -> None:
    clean.install("--set", "replicaCount=0", "--set", "namespaces={models}")
    assert allowed(clean, "models") == wanted(IN_A_NAMESPACE)
    assert not allowed(clean, "fraud")
    assert not allowed(clean, "")


def allowed(chart: Chart, namespace: str) -> set[tuple[str, str]]:
    """What the operator may do in a namespace, of everything it should do and some that it should not."""
    resources = {f"{group}/{plural}" for group, plural in IN_THE_CLUSTER} | set(OTHERS)
    asked = [(resource, verb) for resource in resources for verb in VERBS]
    return {(resource, verb) for resource, verb in asked if chart.allows(OPERATOR, verb, resource, namespace)}


def wanted(rights: dict[tuple[str, str], set[str]]) -> set[tuple[str, str]]:
    return {(f"{group}/{plural}", verb) for (group, plural), verbs in rights.items() for verb in verbs}


@pytest.mark.parametrize("namespaces", [[], ["models"]], ids=["the cluster", "one namespace"])
def test_the_operator_works_with_the_rights_that_the_chart_gives(clean: Chart, namespaces: list[str]) -> None:
    clean.install("--set-json", f"namespaces={json.dumps(namespaces)}")
    eventually(lambda: available(clean) == 2, "both replicas are ready", seconds=120)
    lease = clean.look.leases.read_namespaced_lease("serinus", NAMESPACE)
    assert lease.spec.holder_identity.startswith("serinus-")

    # The second one comes when everything has been listed, so it is a watch that has told of it.
    for name in ("flight-delay", "iris"):
        assert clean.kubectl("apply", "-f", str(EXAMPLES / f"{name}.yaml")).returncode == 0
        eventually(partial(phase, clean, name), f"the operator has written a status for {name}")
    forbidden = {kind for pod in pods(clean) for kind in forbidden_kinds(clean, pod.metadata.name)}
    assert forbidden == set(), "an alert watches this"


def phase(chart: Chart, name: str) -> str:
    return chart.kubectl("get", "mdep", name, "-n", "models", "-o", "jsonpath={.status.phase}").stdout


def available(chart: Chart) -> int:
    return int(chart.look.apps.read_namespaced_deployment_status("serinus", NAMESPACE).status.available_replicas or 0)


def forbidden_kinds(chart: Chart, pod: str) -> set[str]:
    """Kinds of requests that the API server has refused an operator, as the operator counts them."""
    done = chart.kubectl("get", "--raw", f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}:8080/proxy/metrics")
    assert "serinus_api_requests_total" in done.stdout, done.stderr
    return set(re.findall(r'^serinus_api_requests_total{code="403",kind="(\w+)"', done.stdout, re.MULTILINE))


def test_who_may_view_or_edit_a_namespace_may_do_so_with_its_model_deployments(clean: Chart) -> None:
    clean.install("--set", "replicaCount=0")
    for user, role in (("vera", "view"), ("eddie", "edit")):
        arguments = ("create", "rolebinding", user, f"--clusterrole={role}", f"--user={user}", "--namespace=models")
        assert clean.kubectl(*arguments).returncode == 0
    resource = "serinus.dev/modeldeployments"
    eventually(lambda: clean.allows("vera", "list", resource, "models"), "vera may look")
    eventually(lambda: clean.allows("eddie", "patch", resource, "models"), "eddie may change")
    assert clean.allows("eddie", "list", resource, "models")
    assert not clean.allows("vera", "patch", resource, "models")
    assert not clean.allows("vera", "list", resource, "fraud")
    assert not clean.allows("eddie", "patch", f"{resource}/status", "models")


def test_kserve_serves_with_the_charts_runtime(clean: Chart) -> None:
    clean.install("--set", "replicaCount=0")
    service = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "delay", "namespace": "models"},
        "spec": {"predictor": {"model": {
            "runtime": "serinus", "modelFormat": {"name": "serinus"}, "protocolVersion": "v2",
            "args": ["--model-name=delay"],
        }}},
    }  # fmt: skip
    clean.cluster.kubectl().apply([service])
    (made,) = eventually(
        lambda: clean.look.apps.list_namespaced_deployment("models").items, "KServe has made a Deployment"
    )
    (container,) = [one for one in made.spec.template.spec.containers if one.name == "kserve-container"]
    (runtime,) = of_kind(golden("default"), "ClusterServingRuntime")
    (template,) = runtime["spec"]["containers"]
    assert container.args == [*template["args"], "--model-name=delay"]
    assert container.image == template["image"]
    assert container.security_context.read_only_root_filesystem is True
    assert container.readiness_probe.http_get.path == "/v2/health/ready"
    eventually(lambda: clean.look.core.list_namespaced_pod("models").items, "its pod is admitted")
    assert clean.kubectl("delete", "isvc", "delay", "-n", "models").returncode == 0
