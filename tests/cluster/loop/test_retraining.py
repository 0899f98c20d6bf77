"""What serves drifts, a run is started on the pipelines' API, and the version that it registers is rolled out."""

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from kubernetes import client  # type: ignore[import-untyped]

from serinus.adapters.mlflow_client import MESSAGE_TAG, REASON_TAG, RUN_KEY_TAG, connect
from tests.adapters.mlflow_server import MlflowServer
from tests.adapters.test_training_source_contract import TEXT
from tests.charts.render import render
from tests.charts.rendered import ROOT, documents, of_kind
from tests.cluster.chart import NAMESPACE
from tests.cluster.control_plane import forward
from tests.cluster.control_plane.layout import NODE_ADDRESS
from tests.cluster.looking import eventually
from tests.cluster.loop.world import PER_SECOND, Loop, Models
from tests.cluster.monitoring.server import Inside, Prometheus, running
from tests.cluster.stored_models import INSIDE, Registry, serving
from tests.local.support.models import rows
from tests.pipelines.kfp_api_server import KfpServer, kfp_server, task

pytestmark = pytest.mark.timeout(600)  # the first test waits for the cluster, too

NAME = "trips"
WINDOW_SECONDS = 10
FARTHER = 4.0  # times as far as before
KFP_PORT = 8888
PROMETHEUS_PORT = 9090
AUDIENCE = "pipelines.kubeflow.org"
TRAINING = "trips-training"
EVENT_TYPE = "com.example.trips.refreshed"
TOKEN = "a-token-that-nobody-guesses"
SNAPSHOTS = "s3://tables/snapshots"


@dataclass(frozen=True)
class Outside:
    """What the operator reaches beside the cluster: a real MLflow and Prometheus, and who speaks as Kubeflow Pipelines does."""

    mlflow: MlflowServer
    kfp: KfpServer
    prometheus: Prometheus

    def register(self, models: Models, version: str, distance: float = 1.0, **tags: str) -> str:
        """Register a model and point the alias at it, as the pipeline's last step does; returns the version's number."""
        name, folder = models.namespace, models.save(version, 1.0, distance)
        made = Registry(self.mlflow, folder).register(name=name, more_tags=tags)
        connect(self.mlflow.url).set_registered_model_alias(name, "challenger", made)
        return made

    def leave(self, models: Models, key: str, reason: str, message: str) -> None:
        """What the pipeline logs of a run."""
        server = connect(self.mlflow.url)
        known = server.get_experiment_by_name(models.namespace)
        experiment = known.experiment_id if known else server.create_experiment(models.namespace)
        server.create_run(experiment, tags={RUN_KEY_TAG: key, REASON_TAG: reason, MESSAGE_TAG: message})

    def champion(self, models: Models) -> str:
        """The version that the promotion's alias points at."""
        found = connect(self.mlflow.url).get_registered_model(models.namespace)
        return str(found.aliases.get("champion", ""))


@pytest.fixture(scope="module")
def prometheus(loop: Loop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus in the cluster's network, with the chart's rules, that scrapes the predictors' pods."""
    folder = tmp_path_factory.mktemp("prometheus")
    rules = folder / "rules.yml"
    rules.write_text((ROOT / "manifests" / "prometheus" / "recording-rules.yaml").read_text().replace(": 1m", ": 1s"))
    address = (NODE_ADDRESS, PROMETHEUS_PORT)
    _, ports = forward.start(loop.cluster.starter, {"prometheus": address}, "forward-prometheus")
    inside = Inside(loop.cluster.prefix, "{}:{}".format(*address), f"http://127.0.0.1:{ports['prometheus']}")
    with running(folder, rules=[rules], interval="1s", discovered=[predictors(loop)], inside=inside) as started:
        yield started


def predictors(loop: Loop) -> dict[str, Any]:
    """What the Prometheus operator makes of the chart's PodMonitor."""
    (monitor,) = of_kind(documents(render("default", "--set", "metrics.podMonitor.enabled=true")), "PodMonitor")
    (selected,) = monitor["spec"]["selector"]["matchExpressions"]
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    (relabeling,) = endpoint["relabelings"]
    present = f"__meta_kubernetes_pod_labelpresent_{label(selected['key'])}"
    kept = [
        {"source_labels": [f"__meta_kubernetes_pod_label_{label(key)}"], "target_label": label(key)}
        for key in monitor["spec"]["podTargetLabels"]
    ]
    return {
        "job_name": "predictors",
        "metrics_path": endpoint["path"],
        "kubernetes_sd_configs": [
            {"role": "pod", "kubeconfig_file": str(loop.cluster.layout.kubeconfig_of("admin"))},
        ],
        "relabel_configs": [
            {"source_labels": [present], "regex": "true", "action": "keep"},
            {
                "source_labels": ["__meta_kubernetes_pod_container_port_number"],
                "regex": str(endpoint["portNumber"]),
                "action": "keep",
            },
            {
                "source_labels": relabeling["sourceLabels"],
                "regex": relabeling["regex"],
                "action": relabeling["action"],
            },
            {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
            {"source_labels": ["__meta_kubernetes_pod_name"], "target_label": "pod"},
            *kept,
        ],
    }


def label(key: str) -> str:
    """The name that Prometheus gives a label of Kubernetes."""
    return re.sub("[^a-zA-Z0-9_]", "_", key)


@pytest.fixture(scope="module")
def outside(loop: Loop, prometheus: Prometheus, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    """All of it, and the release told of it. Prometheus counts, and the gateway does not."""
    listener = forward.listen_inside(loop.cluster.prefix, (NODE_ADDRESS, KFP_PORT))
    loop.give_token("serinus-events", TOKEN)
    with serving(loop.cluster, tmp_path_factory.mktemp("mlflow")) as mlflow, kfp_server(listener=listener) as kfp:
        loop.install(
            "settings.gatewayMetricsUrl=",
            f"settings.prometheusUrl=http://{NODE_ADDRESS}:{PROMETHEUS_PORT}",
            f"settings.registryUri={INSIDE}",
            "settings.registryPollSeconds=3",
            "storageInitializer.install=true",
            "retraining.enabled=true",
            "retraining.eventsToken.existingSecret.name=serinus-events",
            f"settings.kfpHost={kfp.url}",
            f"settings.snapshots={SNAPSHOTS}",
        )
        yield Outside(mlflow, kfp, prometheus)


def spec(models: Models, *triggers: dict[str, str]) -> dict[str, Any]:
    step = {"weight": 50, "hold": "2s", "minRequests": 20}
    return {
        "model": {"name": models.namespace, "alias": "challenger", "promoteAlias": "champion"},
        "serving": {"protocol": "v1", "diagnosticsTTL": "1s"},
        "rollout": {"interval": "1s", "readyDeadline": "120s", "steps": [step]},
        "monitoring": {"drift": {"psi": 0.2, "minSamples": 200, "window": f"{WINDOW_SECONDS}s"}},
        "retraining": {"pipeline": TRAINING, "cooldown": "1s", "triggers": list(triggers)},
    }


def give_training_file(models: Models) -> None:
    text = TEXT.replace("model: trips", f"model: {models.namespace}")
    body = {"metadata": {"name": TRAINING}, "data": {"training.yaml": text}}
    models.look.core.create_namespaced_config_map(models.namespace, body)


def started(outside: Outside, models: Models, known: set[str]) -> str:
    """The id of the run that is started."""
    run = eventually(lambda: next(iter(outside.kfp.runs.keys() - known), ""), "a run is started", 120)
    under_way = lambda: models.status(NAME)["retraining"]["run"].get("id") == run  # noqa: E731
    eventually(under_way, "the status tells of the run")
    return run


def who(loop: Loop, authorization: str) -> str:
    """Whose token it is, as the API server says."""
    asked = {"spec": {"token": authorization.removeprefix("Bearer "), "audiences": [AUDIENCE]}}
    return str(client.AuthenticationV1Api(loop.look.api).create_token_review(asked).status.user.username)


def forbidden(loop: Loop) -> list[str]:
    """What the API server has refused the operator."""
    page = httpx.get(f"{loop.reach('serinus-metrics')}/metrics", trust_env=False).text
    assert "serinus_api_requests_total" in page
    return [line for line in page.splitlines() if line.startswith('serinus_api_requests_total{code="403"')]


def test_drift_starts_a_run_whose_version_is_rolled_out(loop: Loop, models: Models, outside: Outside) -> None:
    give_training_file(models)
    first = outside.register(models, "before")
    models.ask(NAME, spec(models, {"type": "Drift"}))
    models.until_phase("Stable", name=NAME, seconds=120)
    with models.clients(NAME) as clients:
        calm = lambda: models.conditions(NAME).get("Drifted", ("", ""))[1] == "NoDrift"  # noqa: E731
        begun = WINDOW_SECONDS * PER_SECOND  # what differs within the first window is skew
        eventually(lambda: clients.answered > begun and calm(), "a whole window was like training")
        clients.rows = rows(2000, seed=12, distance=FARTHER)
        eventually(lambda: models.conditions(NAME)["Drifted"] == ("True", "Drifted"), "drift is told", 90)
        psi = f'serinus:feature_psi:1h{{deployment="{models.namespace}/{NAME}",feature="distance"}} > 0.2'
        outside.prometheus.wait_for(psi)
        run = started(outside, models, set())
        under_way = models.status(NAME)["retraining"]["run"]
        outside.kfp.report(run, "RUNNING", task("ingest", "SUCCEEDED"), task("train", "RUNNING"))
        outside.leave(models, under_way["key"], "BetterThanChampion", "5 % better")
        second = outside.register(models, "after", FARTHER, **{RUN_KEY_TAG: under_way["key"]})
        outside.kfp.report(run, "SUCCEEDED", task("register", "SUCCEEDED"))

        def serves() -> bool:
            status = models.status(NAME)
            return bool(status["phase"] == "Stable" and status["stable"]["artifact"]["version"] == second)

        eventually(serves, "the new version is rolled out", 120)
        eventually(calm, "what is sent is what it was trained on", 60)
    assert clients.failed == []

    (cause,) = under_way["causes"]
    assert cause["trigger"] == "Drift"
    assert "distance: PSI" in cause["message"]
    asked = outside.kfp.runs[run]
    assert asked["display_name"] == under_way["key"]
    given = asked["runtime_config"]["parameters"]
    assert (given["registry_uri"], given["snapshot_root"]) == (INSIDE, SNAPSHOTS)
    assert json.loads(given["training"])["model"] == models.namespace
    assert who(loop, outside.kfp.seen_authorization[-1]) == f"system:serviceaccount:{NAMESPACE}:serinus"

    status = models.status(NAME)
    (past,) = status["retraining"]["runs"]
    assert (past["causes"], past["outcome"], past["version"]) == (["Drift"], "NewVersion", second)
    assert past["reason"] == "RetrainingSucceeded"
    assert "BetterThanChampion" in past["message"]
    (record,) = status["history"]
    assert (record["fromVersion"], record["toVersion"], record["outcome"]) == (first, second, "Promoted")
    eventually(lambda: outside.champion(models) == second, "the champion is the new version")
    told = {reason for reason, _ in models.events(NAME)}
    assert told >= {"Drifted", "RetrainingStarted", "RetrainingSucceeded", "AllSignalsPassed", "Promoted"}
    assert len(outside.kfp.runs) == 1
    assert forbidden(loop) == []


def post(loop: Loop, models: Models, token: str = TOKEN, **attributes: str) -> int:
    """A CloudEvent about the deployment, to the Service of the chart; the status of the answer."""
    subject = f"{models.namespace}/{NAME}"
    event = {"specversion": "1.0", "source": "/trips", "type": EVENT_TYPE, "subject": subject, **attributes}
    headers = {f"ce-{name}": value for name, value in event.items()}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return httpx.post(f"{loop.reach('serinus-events')}/v1/events", headers=headers, trust_env=False).status_code


def test_an_event_starts_one_run_and_strangers_none(loop: Loop, models: Models, outside: Outside) -> None:
    give_training_file(models)
    outside.register(models, "served")
    known = set(outside.kfp.runs)
    models.ask(NAME, spec(models, {"type": "Event", "eventType": EVENT_TYPE}))
    models.until_phase("Stable", name=NAME, seconds=120)
    now = datetime.now(UTC)
    event = {"id": uuid.uuid4().hex, "time": now.isoformat()}
    old = {"id": uuid.uuid4().hex, "time": (now - timedelta(hours=1)).isoformat()}
    assert post(loop, models, token="", **event) == 401
    assert post(loop, models, token="a-guess", **event) == 401
    assert post(loop, models, **old) == 422
    assert post(loop, models, **event) == 202
    assert post(loop, models, **event) == 200

    run = started(outside, models, known)
    under_way = models.status(NAME)["retraining"]["run"]
    assert [cause["trigger"] for cause in under_way["causes"]] == ["Event"]
    assert post(loop, models, **event) == 200
    outside.leave(models, under_way["key"], "ChampionAsGood", "the champion is as good")
    outside.kfp.report(run, "SUCCEEDED", task("gate", "SUCCEEDED"))
    eventually(lambda: models.status(NAME)["retraining"].get("runs"), "the run's end is told")
    (past,) = models.status(NAME)["retraining"]["runs"]
    assert (past["outcome"], past["reason"]) == ("NotBetter", "NotBetter")
    assert "the champion is as good" in past["message"]
    assert models.phase(NAME) == "Stable"
    assert outside.kfp.runs.keys() - known == {run}
