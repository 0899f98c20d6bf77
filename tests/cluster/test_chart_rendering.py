"""What Helm makes of the chart, and what it refuses."""

import json
from typing import Any

import pytest
import yaml

from tests.charts.render import fresh_golden, helm, render, rule_files
from tests.charts.rendered import CHART, CRD_KIND, GOLDEN, HERE, ROOT, VALUE_SETS, documents, of_kind
from tests.cluster.control_plane.kserve import SOURCE

COMMITTED = CHART / "files" / "crd" / "modeldeployments.yaml"
KIND = ROOT / "manifests" / "kind"
REFUSED = {
    "an unknown value": ({"replicas": 2}, "replicas"),
    "an unknown value further down": ({"metrics": {"serviceMonitor": {"enable": True}}}, "/metrics/serviceMonitor"),
    "a namespace that is a text": ({"namespaces": "models"}, "/namespaces"),
    "a namespace that is no name": ({"namespaces": ["Models"]}, "/namespaces/0"),
    "a namespace twice": ({"namespaces": ["a", "a"]}, "/namespaces"),
    "a negative replica count": ({"replicaCount": -1}, "/replicaCount"),
    "half a replica": ({"replicaCount": 1.5}, "/replicaCount"),
    "an unknown setting": ({"settings": {"relist": 5}}, "/settings"),
    "a setting beyond its limit": ({"settings": {"workers": 1000}}, "/settings/workers"),
    "no time at all": ({"settings": {"relistSeconds": 0}}, "/settings/relistSeconds"),
    "a mode that is none": ({"settings": {"defaultMode": "Serverless"}}, "/settings/defaultMode"),
    "a registry that is no address": ({"settings": {"registryUri": "mlflow:5000"}}, "/settings/registryUri"),
    "a gateway without its namespace": ({"settings": {"gateway": "traefik"}}, "/settings/gateway"),
    "a digest that is none": ({"image": {"digest": "latest"}}, "/image/digest"),
    "a pull policy that is none": ({"image": {"pullPolicy": "Sometimes"}}, "/image/pullPolicy"),
    "a switch that is a text": ({"crds": {"keep": "no"}}, "/crds/keep"),
    "a port that is none": ({"networkPolicy": {"apiServerPorts": [70000]}}, "/networkPolicy/apiServerPorts/0"),
    "no port of the API server": ({"networkPolicy": {"apiServerPorts": []}}, "/networkPolicy/apiServerPorts"),
    "an interval without a unit": ({"metrics": {"serviceMonitor": {"interval": "30"}}}, "/metrics/serviceMonitor"),
    "a label that is a number": ({"podLabels": {"centre": 4711}}, "/podLabels/centre"),
    "a monitor without a service": (
        {"metrics": {"service": False, "serviceMonitor": {"enabled": True}}},
        "needs metrics.service: true",
    ),
    "rules without a service": (
        {"metrics": {"service": False, "prometheusRule": {"enabled": True}}},
        "needs metrics.service: true",
    ),
    "a share beyond the whole": (
        {"collector": {"enabled": True, "settings": {"sampleRate": 2}}},
        "/collector/settings/sampleRate",
    ),
    "a retention in days": (
        {"collector": {"enabled": True, "settings": {"retention": "90d"}}},
        "/collector/settings/retention",
    ),
    "a loss that is none": (
        {"collector": {"enabled": True, "settings": {"losses": {"*": ["hinge"]}}}},
        "/collector/settings/losses",
    ),
    "a password in the values": ({"collector": {"database": {"url": "postgresql://a:b@c/d"}}}, "/collector/database"),
    "a hash without a key": (
        {"collector": {"enabled": True, "settings": {"hashColumns": ["seat"]}}},
        "needs collector.hashKey.existingSecret.name",
    ),
    "labels that would be lost with the pod": (
        {"collector": {"enabled": True, "persistence": {"enabled": False}}},
        "collector.persistence.enabled: false needs",
    ),
    "senders of events where everybody may send": (
        {"networkPolicy": {"enabled": True, "eventsFrom": [{"podSelector": {}}]}},
        "networkPolicy.eventsFrom restricts nothing",
    ),
    "downloads without a registry": ({"storageInitializer": {"install": True}}, "needs settings.registryUri"),
}


@pytest.mark.parametrize("values", VALUE_SETS)
def test_helm_lints_without_a_warning(values: str) -> None:
    done = helm("lint", "--strict", str(CHART), "--values", str(HERE / "values" / f"{values}.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("values", VALUE_SETS)
def test_the_committed_rendering_is_up_to_date(values: str) -> None:
    committed = (GOLDEN / f"{values}.yaml").read_text(encoding="utf-8")
    assert committed == fresh_golden(values), "regenerate it: python -m tests.charts.render"


def test_the_rule_files_are_those_of_the_chart() -> None:
    for file, text in rule_files().items():
        assert file.read_text(encoding="utf-8") == text, f"{file}: regenerate it: python -m tests.charts.render"


def test_there_is_a_rendering_for_every_value_set_and_no_other() -> None:
    assert sorted(path.stem for path in GOLDEN.iterdir()) == list(VALUE_SETS)


@pytest.mark.parametrize(("values", "kept"), [("default", True), ("mirrored", False)])
def test_the_chart_brings_the_custom_resource_as_it_was_generated(values: str, kept: bool) -> None:
    (rendered,) = of_kind(documents(render(values)), CRD_KIND)
    (committed,) = documents(COMMITTED.read_text(encoding="utf-8"))
    assert rendered["spec"] == committed["spec"]
    assert rendered["metadata"].get("annotations", {}) == ({"helm.sh/resource-policy": "keep"} if kept else {})


def test_the_custom_resource_can_be_left_to_somebody_else() -> None:
    assert not of_kind(documents(render("single")), CRD_KIND)


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_values_are_refused_by_name(case: str, tmp_path: Any) -> None:
    values, named = REFUSED[case]
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    done = helm("template", "serinus", str(CHART), "--values", str(file))
    assert done.returncode != 0
    assert named in done.stderr


def test_the_values_of_make_kind_fit_our_chart() -> None:
    done = helm("template", "serinus", str(CHART), "--values", str(KIND / "serinus.yaml"))
    assert done.returncode == 0, done.stderr
    (deployment,) = of_kind(documents(done.stdout), "Deployment")
    assert deployment["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] == "Never"


def test_the_values_of_make_kind_put_kserve_into_standard_mode_with_the_gateway_api() -> None:
    chart = SOURCE.folder() / "charts" / "kserve-resources"
    done = helm("template", "kserve", str(chart), "--namespace", "kserve", "--values", str(KIND / "kserve.yaml"))
    assert done.returncode == 0, done.stderr
    configs = {one["metadata"]["name"]: one for one in of_kind(documents(done.stdout), "ConfigMap")}
    data = configs["inferenceservice-config"]["data"]
    assert json.loads(data["deploy"])["defaultDeploymentMode"] == "Standard"
    ingress = json.loads(data["ingress"])
    assert ingress["enableGatewayApi"] is True
    assert ingress["kserveIngressGateway"] == "kserve/kserve-ingress-gateway"
    assert ingress["disableIstioVirtualHost"] is True
