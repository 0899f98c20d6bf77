"""What the chart's objects may do, for every value set."""

import hashlib
import re

import pytest

from scripts.dashboards.__main__ import PAGES, text
from serinus.collector.settings import CollectorSettings
from serinus.collector.telemetry import Telemetry as CollectorTelemetry
from serinus.core import reasons
from serinus.core.errors import TrainingUnavailable
from serinus.kubernetes.telemetry import Telemetry
from serinus.predictor.outbox import Outbox
from serinus.predictor.prediction_log import EventCounters
from tests.charts.rendered import ROOT, VALUE_SETS, Manifest, golden, name_of, of_kind

RUNBOOKS = ROOT / "docs" / "runbooks.md"
SEVERITIES = {"info", "warning", "critical"}

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
CLUSTER_WIDE = {"default", "monitoring", "everything", "collector"}
COLLECTOR = ("collector", "everything")
RETRAINED = {"everything", "retraining"}
TRAINING_FILES = {("", "configmaps"): {"get"}}
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
    of_retraining = TRAINING_FILES if values in RETRAINED else {}
    assert rights(role(golden(values), "ClusterRole")) == IN_THE_CLUSTER | of_retraining


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
    assert [rule["resourceNames"] for rule in named] == [[environment(operator)["SERINUS_LEASE_NAME"]]]


@pytest.mark.parametrize("values", VALUE_SETS)
def test_no_role_has_a_wildcard_or_reads_secrets(values: str) -> None:
    for one in of_kind(golden(values), "ClusterRole", "Role"):
        for rule in one["rules"]:
            assert "*" not in [*rule["verbs"], *rule["resources"], *rule["apiGroups"]], name_of(one)
            forbidden = {"secrets"} if values in RETRAINED else {"secrets", "configmaps"}
            assert not forbidden & set(rule["resources"]), name_of(one)
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
def test_every_selector_finds_the_pods_of_one_workload_and_every_port_has_its_name(values: str) -> None:
    made = golden(values)
    workloads = of_kind(made, "Deployment", "StatefulSet")
    for one in workloads:
        assert selects(one["spec"]["selector"]["matchLabels"], workloads) == [one]
    for service in of_kind(made, "Service"):
        (found,) = selects(service["spec"]["selector"], workloads)
        ports = {port["name"] for port in found["spec"]["template"]["spec"]["containers"][0]["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    for one in of_kind(made, "PodDisruptionBudget"):
        assert len(selects(one["spec"]["selector"]["matchLabels"], workloads)) == 1
    for one in of_kind(made, "NetworkPolicy"):
        assert len(selects(one["spec"]["podSelector"]["matchLabels"], workloads)) == 1
    for monitor in of_kind(made, "ServiceMonitor"):
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        services = [one for one in of_kind(made, "Service") if wanted <= one["metadata"]["labels"].items()]
        assert len(services) == 1, name_of(monitor)


@pytest.mark.parametrize("values", VALUE_SETS)
def test_events_have_a_service_where_there_is_a_token_for_them(values: str) -> None:
    names = [one["metadata"]["name"] for one in of_kind(golden(values), "Service")]
    assert ("serinus-events" in names) == (values in RETRAINED)


@pytest.mark.parametrize("values", ["monitoring", "everything"])
def test_the_alert_about_retraining_knows_every_reason_that_no_run_can_be_started_for(values: str) -> None:
    (told,) = {
        rule["expr"]
        for made in of_kind(golden(values), "PrometheusRule")
        for group in made["spec"]["groups"]
        for rule in group["rules"]
        if rule.get("alert") == "SerinusRetrainingKeepsFailing"
    }
    wanted = (reasons.RETRAINING_UNAVAILABLE, reasons.TRAINING_INVALID, TrainingUnavailable.__name__)
    assert all(re.search(rf"\b{reason}\b", told) for reason in wanted)


def selects(labels: dict[str, str], workloads: list[Manifest]) -> list[Manifest]:
    """The workloads whose pods bear the labels."""
    return [one for one in workloads if labels.items() <= one["spec"]["template"]["metadata"]["labels"].items()]


@pytest.mark.parametrize("values", COLLECTOR)
def test_the_collector_has_no_rights_and_the_operator_knows_where_it_is(values: str) -> None:
    made = golden(values)
    (collector,), (operator,) = of_kind(made, "StatefulSet"), of_kind(made, "Deployment")
    pod = collector["spec"]["template"]["spec"]
    account = ("ServiceAccount", "serinus-system", pod["serviceAccountName"])
    assert account in {name_of(one) for one in made}
    assert pod["automountServiceAccountToken"] is False
    subjects = [one["subjects"] for one in of_kind(made, "RoleBinding", "ClusterRoleBinding")]
    assert pod["serviceAccountName"] not in {subject["name"] for named in subjects for subject in named}
    service = next(one for one in of_kind(made, "Service") if one["metadata"]["name"] == "serinus-collector")
    address = f"http://{service['metadata']['name']}.serinus-system:{service['spec']['ports'][0]['port']}"
    assert environment(operator)["SERINUS_COLLECTOR_URL"] == address
    assert "SERINUS_COLLECTOR_URL" not in environment(of_kind(golden("default"), "Deployment")[0])


def environment(workload: Manifest) -> dict[str, str | None]:
    """The variables of its container, None for what comes from elsewhere."""
    (container,) = workload["spec"]["template"]["spec"]["containers"]
    return {one["name"]: one.get("value") for one in container["env"]}


def test_no_password_of_the_collector_stands_in_an_object() -> None:
    (collector,) = of_kind(golden("everything"), "StatefulSet")
    given = environment(collector)
    assert given["SERINUS_COLLECTOR_DATABASE"] is None
    assert given["SERINUS_COLLECTOR_HASH_KEY"] is None


def test_collector_and_operator_are_given_the_same_token() -> None:
    (collector,), (operator,) = (of_kind(golden("everything"), kind) for kind in ("StatefulSet", "Deployment"))
    for workload in (collector, operator):
        pod = workload["spec"]["template"]["spec"]
        (volume,) = [one for one in pod["volumes"] if one["name"] == "collector-token"]
        assert volume["secret"] == {"secretName": "serinus-collector", "items": [{"key": "token", "path": "token"}]}
        (mount,) = [one for one in pod["containers"][0]["volumeMounts"] if one["name"] == "collector-token"]
        assert environment(workload)["SERINUS_COLLECTOR_TOKEN_FILE"] == f"{mount['mountPath']}/token"
        assert mount["readOnly"]


def test_what_the_collector_keeps_outlives_its_pod_or_lies_elsewhere() -> None:
    (on_disk,), (elsewhere,) = of_kind(golden("collector"), "StatefulSet"), of_kind(golden("everything"), "StatefulSet")
    (claim,) = on_disk["spec"]["volumeClaimTemplates"]
    mounts = {
        one["name"]: one["mountPath"] for one in on_disk["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    }
    folder = mounts[claim["metadata"]["name"]]
    assert environment(on_disk)["SERINUS_COLLECTOR_DATABASE"] == f"sqlite:///{folder}/collector.db"
    assert str(environment(on_disk)["SERINUS_COLLECTOR_LOG_ROOT"]).startswith(f"{folder}/")
    assert "volumeClaimTemplates" not in elsewhere["spec"]
    assert environment(elsewhere)["SERINUS_COLLECTOR_LOG_ROOT"] == "s3://lake/predictions"


@pytest.mark.parametrize("values", ["monitoring", "everything"])
def test_every_alert_is_about_a_metric_that_is_there(values: str) -> None:
    for alert in alerts(values):
        named = set(re.findall(r"\b(?:serinus_\w+|up)\b", alert["expr"]))
        assert named, alert["alert"]
        assert named <= known_metrics() | {"up"}, alert["alert"]


def alerts(values: str) -> list[Manifest]:
    """Of every group."""
    rules = [one for one in of_kind(golden(values), "PrometheusRule") if not name_of(one)[2].endswith("-recording")]
    (rule,) = rules
    return [alert for group in rule["spec"]["groups"] for alert in group["rules"]]


def known_metrics() -> set[str]:
    """The series of the operator and of the collector, and what a predictor tells of the prediction log."""
    telemetry, collector = Telemetry(), CollectorTelemetry(CollectorSettings(_cli_parse_args=[]))
    telemetry.watch_queue(lambda: 0, lambda: 0)
    pages = telemetry.text().decode() + collector.text().decode()
    known = set(re.findall(r"^# TYPE (\w+)", pages, re.MULTILINE))
    known |= {f"{one.name}_total" for one in EventCounters(["", ""], Outbox()).collect()}
    return known | {f"{name}_count" for name in known} | {f"{name}_bucket" for name in known}


@pytest.mark.parametrize("values", ["monitoring", "everything"])
def test_every_alert_says_what_happened_and_where_to_read_on(values: str) -> None:
    chapters = set(re.findall(r"^## (\w+)$", RUNBOOKS.read_text(encoding="utf-8"), re.MULTILINE))
    names = [alert["alert"] for alert in alerts(values)]
    assert len(set(names)) == len(names)
    assert set(names) <= chapters
    for alert in alerts(values):
        annotations = alert["annotations"]
        assert annotations["summary"].endswith("."), alert["alert"]
        assert annotations["description"].endswith("."), alert["alert"]
        page, anchor = annotations["runbook_url"].split("#")
        assert anchor == alert["alert"].lower()
        assert page.endswith("docs/runbooks.md") or values == "everything"
        assert alert["labels"]["severity"] in SEVERITIES


def test_no_chapter_of_the_runbooks_is_about_an_alert_that_is_none() -> None:
    chapters = set(re.findall(r"^## (Serinus\w+)$", RUNBOOKS.read_text(encoding="utf-8"), re.MULTILINE))
    assert chapters == {alert["alert"] for alert in alerts("everything")}


@pytest.mark.parametrize("values", ["monitoring", "everything"])
def test_grafanas_sidecar_finds_a_dashboard_in_each_of_its_config_maps(values: str) -> None:
    maps = of_kind(golden(values), "ConfigMap")
    assert len(maps) == len(PAGES)
    wanted = {"grafana_dashboard": "1"} if values == "monitoring" else {"grafana_dashboard": "1", "dashboards": "yes"}
    for one in maps:
        assert wanted.items() <= one["metadata"]["labels"].items()
        (file,) = one["data"]
        digest = hashlib.sha256(text(file.removeprefix("serinus-")).strip().encode()).hexdigest()
        assert one["data"][file] == digest


def test_a_single_replica_has_no_disruption_budget_that_would_block_a_drain() -> None:
    assert not of_kind(golden("single"), "PodDisruptionBudget")
    assert of_kind(golden("default"), "PodDisruptionBudget")
