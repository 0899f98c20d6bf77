"""What the chart's objects may do, for every value set."""

import re

import pytest

from serinus.kubernetes.telemetry import Telemetry
from tests.charts.rendered import VALUE_SETS, Manifest, golden, name_of, of_kind

READ = {"get", "list", "watch"}
KSERVE, GATEWAY = "serving.kserve.io", "gateway.networking.k8s.io"
IN_A_NAMESPACE = {
    ("serinus.dev", "modeldeployments"): READ,
    ("serinus.dev", "modeldeployments/status"): {"patch", "update"},
    (KSERVE, "inferenceservices"): READ | {"create", "patch", "delete"},
    (GATEWAY, "httproutes"): READ | {"create", "patch", "delete"},
    (GATEWAY, "gateways"): READ,
    (KSERVE, "servingruntimes"): READ,
    ("serving.knative.dev", "revisions"): READ,
    ("", "pods"): READ,
    ("events.k8s.io", "events"): {"create", "patch"},
}
IN_THE_CLUSTER = IN_A_NAMESPACE | {(KSERVE, "clusterservingruntimes"): READ, (GATEWAY, "gatewayclasses"): READ}
LEASE = ("coordination.k8s.io", "leases")
CLUSTER_WIDE = {"default", "monitoring", "everything"}
SERVED = {"namespaced": {"models"}, "mirrored": {"fraud", "delays"}}


def rights(role: Manifest) -> dict[tuple[str, str], set[str]]:
    """The verbs of each group and resource."""
    found: dict[tuple[str, str], set[str]] = {}
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                found.setdefault((group, resource), set()).update(rule["verbs"])
    return found


def role(manifests: list[Manifest], kind: str, suffix: str = "", namespace: str = "") -> Manifest:
    """The one role of a kind whose name ends so."""
    names = {f"{name}{suffix}" for name in ("serinus", "canaries")}
    (found,) = [one for one in of_kind(manifests, kind) if name_of(one)[1:] in {(namespace, name) for name in names}]
    return found


@pytest.mark.parametrize("values", sorted(CLUSTER_WIDE))
def test_the_operator_has_exactly_the_rights_that_it_needs(values: str) -> None:
    assert rights(role(golden(values), "ClusterRole")) == IN_THE_CLUSTER


@pytest.mark.parametrize("values", sorted(SERVED))
def test_an_operator_of_some_namespaces_has_rights_there_and_no_other(values: str) -> None:
    made = golden(values)
    assert not of_kind(made, "ClusterRole", "ClusterRoleBinding", "ClusterServingRuntime")
    roles = {one["metadata"]["namespace"] for one in of_kind(made, "Role")}
    assert roles == SERVED[values] | {"serinus-system"}
    for namespace in SERVED[values]:
        assert rights(role(made, "Role", namespace=namespace)) == IN_A_NAMESPACE


@pytest.mark.parametrize("values", sorted(CLUSTER_WIDE | SERVED.keys()))
def test_only_its_own_lease_is_written(values: str) -> None:
    lease = role(golden(values), "Role", "-lease", "serinus-system")
    assert rights(lease) == {LEASE: {"create", "get", "update"}}
    named = [rule for rule in lease["rules"] if "create" not in rule["verbs"]]
    (operator,) = of_kind(golden(values), "Deployment")
    environment = {
        one["name"]: one.get("value") for one in operator["spec"]["template"]["spec"]["containers"][0]["env"]
    }
    assert [rule["resourceNames"] for rule in named] == [[environment["SERINUS_LEASE_NAME"]]]


@pytest.mark.parametrize("values", VALUE_SETS)
def test_no_role_has_a_wildcard_or_reads_secrets(values: str) -> None:
    for one in of_kind(golden(values), "ClusterRole", "Role"):
        for rule in one["rules"]:
            assert "*" not in [*rule["verbs"], *rule["resources"], *rule["apiGroups"]], name_of(one)
            assert not {"secrets", "configmaps"} & set(rule["resources"]), name_of(one)
            assert not {"escalate", "bind", "impersonate"} & set(rule["verbs"]), name_of(one)


@pytest.mark.parametrize("values", VALUE_SETS)
def test_every_binding_is_of_a_role_that_is_there(values: str) -> None:
    made = golden(values)
    roles = {name_of(one) for one in of_kind(made, "ClusterRole", "Role")}
    (deployment,) = of_kind(made, "Deployment")
    account = deployment["spec"]["template"]["spec"]["serviceAccountName"]
    for binding in of_kind(made, "ClusterRoleBinding", "RoleBinding"):
        kind, name = binding["roleRef"]["kind"], binding["roleRef"]["name"]
        assert (kind, binding["metadata"].get("namespace", ""), name) in roles
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account, "namespace": "serinus-system"}]


@pytest.mark.parametrize("values", VALUE_SETS)
def test_every_selector_finds_the_operators_pods_and_every_port_has_its_name(values: str) -> None:
    made = golden(values)
    (deployment,) = of_kind(made, "Deployment")
    template = deployment["spec"]["template"]
    labels = template["metadata"]["labels"].items()
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels
    for service in of_kind(made, "Service"):
        assert service["spec"]["selector"].items() <= labels
        ports = {port["name"] for port in template["spec"]["containers"][0]["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    for budget in of_kind(made, "PodDisruptionBudget"):
        assert budget["spec"]["selector"]["matchLabels"].items() <= labels
    for policy in of_kind(made, "NetworkPolicy"):
        assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels
    for monitor in of_kind(made, "ServiceMonitor"):
        (service,) = of_kind(made, "Service")
        assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()


@pytest.mark.parametrize("values", ["monitoring", "everything"])
def test_every_alert_is_about_a_metric_that_the_operator_has(values: str) -> None:
    telemetry = Telemetry()
    telemetry.watch_queue(lambda: 0, lambda: 0)
    known = set(re.findall(r"^# TYPE (\w+)", telemetry.text().decode(), re.MULTILINE))
    known |= {f"{name}_count" for name in known}
    (rule,) = of_kind(golden(values), "PrometheusRule")
    for alert in rule["spec"]["groups"][0]["rules"]:
        named = set(re.findall(r"\bserinus_\w+", alert["expr"]))
        assert named, alert["alert"]
        assert named <= known, alert["alert"]
        assert {"summary", "description"} <= alert["annotations"].keys()


def test_a_single_replica_has_no_disruption_budget_that_would_block_a_drain() -> None:
    assert not of_kind(golden("single"), "PodDisruptionBudget")
    assert of_kind(golden("default"), "PodDisruptionBudget")
