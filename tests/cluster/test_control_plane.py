"""The cluster that the other tests trust: its pods really run, and say truthfully how they are."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.cluster import samples
from tests.cluster.control_plane import cluster as clusters
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.errors import ClusterError
from tests.cluster.control_plane.layout import REPOSITORY, Layout
from tests.cluster.control_plane.processes import OWNER, read_records
from tests.cluster.looking import Look, WrongCluster, eventually, look_at

INFERENCE_SERVICES = ("serving.kserve.io", "v1beta1")
ROW = {"instances": [{"temp": 12.5, "wind": 3.0}]}
SERVER = ("-m", "http.server", "8080", "--directory", "/usr/share/zoneinfo")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """(URI, digest) of a model on this machine."""
    folder = tmp_path_factory.mktemp("models") / "model"
    digest = samples.write_model(folder)
    return folder.as_uri(), digest


def apply_service(look: Look, namespace: str, body: samples.Manifest) -> None:
    look.custom.create_namespaced_custom_object(*INFERENCE_SERVICES, namespace, "inferenceservices", body)


def url_when_ready(look: Look, namespace: str, name: str) -> str:
    def ready() -> str:
        one = look.custom.get_namespaced_custom_object(*INFERENCE_SERVICES, namespace, "inferenceservices", name)
        status = one.get("status", {})
        conditions = {condition["type"]: condition["status"] for condition in status.get("conditions", ())}
        return str(status["url"]) if conditions.get("Ready") == "True" else ""

    return eventually(ready, f"{name} is Ready", seconds=120)


def predict(cluster: Cluster, url: str, name: str) -> httpx.Response:
    host = httpx.URL(url).host
    path = f"{cluster.gateway_url}/v1/models/{name}:predict"
    return httpx.post(path, json=ROW, headers={"Host": host}, timeout=20, trust_env=False)


def container_of(look: Look, namespace: str, name: str):
    """The status of the only container of a pod."""
    statuses = look.core.read_namespaced_pod(name, namespace).status.container_statuses
    assert statuses, "its node has not seen it yet"
    return statuses[0]


def process_of(cluster: Cluster, pod: str) -> psutil.Process:
    found = [r for r in read_records(cluster.layout.records) if pod in r.name and "sandbox" not in r.name]
    assert found, f"nothing of {pod} runs"
    process = found[0].process()
    assert process is not None
    return process


@pytest.mark.parametrize("mode", ["Standard", "Knative"])
def test_an_inference_service_becomes_ready_and_its_real_predictor_answers_through_the_gateway(
    mode: str, knative: Cluster, look: Look, namespace: str, model: tuple[str, str]
) -> None:
    apply_service(look, namespace, samples.inference_service("late", *model, mode))
    url = url_when_ready(look, namespace, "late")
    answer = eventually(lambda: (r := predict(knative, url, "late")).is_success and r, "the gateway knows the route")
    assert answer.json() == {"predictions": [True]}


def test_a_model_that_is_not_there_never_becomes_ready_and_the_pod_says_why(
    look: Look, namespace: str, tmp_path: Path
) -> None:
    apply_service(look, namespace, samples.inference_service("gone", (tmp_path / "none").as_uri(), "sha256:0"))

    def initializer():
        pods = look.core.list_namespaced_pod(namespace).items
        return pods and next(iter(pods[0].status.init_container_statuses or ()), None)

    failed = eventually(lambda: (one := initializer()) and one.restart_count and one, "the initializer is tried again")
    assert "there is no model at file://" in (failed.last_state.terminated or failed.state.terminated).message
    assert not look.core.list_namespaced_pod(namespace).items[0].status.container_statuses[0].ready


def test_a_container_that_is_killed_is_not_ready_until_it_answers_again(
    cluster: Cluster, look: Look, namespace: str
) -> None:
    probe = {"readinessProbe": {"httpGet": {"port": 8080, "path": "/"}, "periodSeconds": 1}}
    name = f"web-{uuid.uuid4().hex[:6]}"
    look.core.create_namespaced_pod(namespace, samples.pod(name, *SERVER, container=probe))
    eventually(lambda: container_of(look, namespace, name).ready, "it is ready")
    process_of(cluster, name).kill()
    eventually(lambda: not container_of(look, namespace, name).ready, "it is not ready")
    again = eventually(lambda: (one := container_of(look, namespace, name)).ready and one, "it is ready again")
    assert (again.restart_count, again.last_state.terminated.exit_code) == (1, 128 + signal.SIGKILL)


def test_a_container_that_does_not_answer_is_never_ready(look: Look, namespace: str) -> None:
    probe = {"readinessProbe": {"httpGet": {"port": 8080, "path": "/"}, "periodSeconds": 1}}
    look.core.create_namespaced_pod(
        namespace, samples.pod("mute", "-c", "import time; time.sleep(999)", container=probe)
    )
    started = eventually(lambda: container_of(look, namespace, "mute").state.running, "it runs").started_at
    time.sleep(3)
    now = container_of(look, namespace, "mute")
    assert not now.ready
    assert now.state.running.started_at == started


def test_an_image_that_nobody_knows_cannot_be_pulled(look: Look, namespace: str) -> None:
    look.core.create_namespaced_pod(namespace, samples.pod("lost", image="example.test/none:1"))
    reasons = ("ErrImagePull", "ImagePullBackOff")
    waiting = lambda: container_of(look, namespace, "lost").state.waiting  # noqa: E731
    found = eventually(lambda: (one := waiting()).reason in reasons and one, "it cannot be pulled")
    assert "example.test/none:1" in found.message


def test_a_pod_reaches_a_service_by_its_name_and_the_api_server_as_its_service_account(
    look: Look, namespace: str
) -> None:
    look.core.create_namespaced_pod(namespace, samples.pod("web", *SERVER))
    look.core.create_namespaced_service(namespace, samples.service("web"))
    program = (
        "import urllib.request as u, ssl, os\n"
        "folder = '/var/run/secrets/kubernetes.io/serviceaccount/'\n"
        f"print(u.urlopen('http://web.{namespace}.svc/').status)\n"
        "context = ssl.create_default_context(cafile=folder + 'ca.crt')\n"
        "token = {'Authorization': 'Bearer ' + open(folder + 'token').read()}\n"
        "request = u.Request('https://kubernetes.default.svc/version', headers=token)\n"
        "print(u.urlopen(request, context=context).status)\n"
        "print(os.uname().nodename)\n"
    )
    look.core.create_namespaced_pod(namespace, samples.pod("asking", "-c", program, restartPolicy="OnFailure"))
    done = eventually(lambda: look.core.read_namespaced_pod("asking", namespace).status.phase == "Succeeded", "it asks")
    assert done
    # Until the Service's pod listens, its connections are refused and the program is started again.
    assert look.core.read_namespaced_pod_log("asking", namespace).split()[-3:] == ["200", "200", "asking"]


def test_a_pod_may_run_without_root_and_without_writing_to_its_files(look: Look, namespace: str) -> None:
    program = "import os; print(os.getuid()); open('/data/x', 'w').close(); open('/x', 'w')"
    context = {"runAsUser": 12345, "readOnlyRootFilesystem": True}
    volumes = [{"name": "data", "emptyDir": {}}]
    mounts = [{"name": "data", "mountPath": "/data"}]
    body = samples.pod(
        *("strict", "-c", program),
        container={"securityContext": context, "volumeMounts": mounts},
        restartPolicy="Never",
        volumes=volumes,
    )
    look.core.create_namespaced_pod(namespace, body)
    eventually(lambda: look.core.read_namespaced_pod("strict", namespace).status.phase == "Failed", "it fails")
    log = look.core.read_namespaced_pod_log("strict", namespace)
    assert "Read-only file system: '/x'" in log
    assert ("12345" if os.geteuid() == 0 else "0") in log.split()


def test_pods_of_fake_nodes_are_told_to_behave_as_their_model_says(look: Look, new_namespace) -> None:
    namespace = new_namespace(fake=True)
    expected = {"good": (True, 0), "never": (False, 0), "crash": (False, 3)}
    for word in expected:
        apply_service(
            look, namespace, samples.inference_service(word, f"https://example.com/models/{word}-1", "sha256:0")
        )

    def seen() -> dict[str, tuple[bool, int]]:
        found = {}
        for pod in look.core.list_namespaced_pod(namespace).items:
            for one in pod.status.container_statuses or ():
                found[pod.metadata.labels["serving.kserve.io/inferenceservice"]] = (one.ready, one.restart_count)
        return found

    eventually(lambda: seen() == expected, f"{expected}")


def test_a_kubelet_that_is_killed_and_started_again_runs_its_pods_again(
    cluster: Cluster, look: Look, namespace: str
) -> None:
    from tests.cluster.control_plane.nodes import RealNode

    probe = {"readinessProbe": {"httpGet": {"port": 8080, "path": "/"}, "periodSeconds": 1}}
    name = f"kept-{uuid.uuid4().hex[:6]}"
    look.core.create_namespaced_pod(namespace, samples.pod(name, *SERVER, container=probe))
    eventually(lambda: container_of(look, namespace, name).ready, "it is ready")
    before = process_of(cluster, name)
    kubelet = next(record for record in read_records(cluster.layout.records) if record.name == "kubelet")
    os.kill(kubelet.pid, signal.SIGKILL)
    RealNode(cluster.layout, cluster.starter).start_part("kubelet")
    eventually(lambda: not before.is_running() or before.status() == psutil.STATUS_ZOMBIE, "the former one is ended")
    eventually(lambda: process_of(cluster, name).pid != before.pid, "another one runs")
    eventually(lambda: container_of(look, namespace, name).ready, "it is ready again")
    eventually(
        lambda: all(
            d.status.available_replicas
            for d in look.apps.list_deployment_for_all_namespaces().items
            if d.metadata.namespace in ("kserve", "traefik", "knative-serving")
        ),
        "all is back",
        120,
    )


def test_pods_go_on_while_the_api_server_is_away(cluster: Cluster, look: Look, namespace: str) -> None:
    probe = {"readinessProbe": {"httpGet": {"port": 8080, "path": "/"}, "periodSeconds": 1}}
    name = f"kept-{uuid.uuid4().hex[:6]}"
    look.core.create_namespaced_pod(namespace, samples.pod(name, *SERVER, container=probe))
    eventually(lambda: container_of(look, namespace, name).ready, "it is ready")
    kept = process_of(cluster, name)
    cluster.stop("kube-apiserver")
    try:
        assert kept.is_running()
    finally:
        cluster.start_api_server()
    kept.kill()
    again = eventually(
        lambda: (one := container_of(look, namespace, name)).restart_count and one.ready and one, "again"
    )
    assert again.restart_count == 1


def test_a_deleted_pod_has_its_grace_period_to_finish(look: Look, namespace: str, tmp_path: Path) -> None:
    said = tmp_path / "said"
    program = (
        "import signal, time\n"
        "def end(*_):\n"
        "    time.sleep(1); open('/said/term', 'w').close(); raise SystemExit\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "open('/said/begun', 'w').close()\n"
        "time.sleep(999)\n"
    )
    hook = {"preStop": {"exec": {"command": ["touch", "/said/hook"]}}}
    mount = {"volumeMounts": [{"name": "said", "mountPath": "/said"}], "securityContext": {"runAsUser": 0}}
    said.mkdir()
    volumes = [{"name": "said", "hostPath": {"path": str(said)}}]
    body = samples.pod("slow", "-c", program, container={"lifecycle": hook, **mount}, volumes=volumes)
    look.core.create_namespaced_pod(namespace, body)
    eventually((said / "begun").exists, "it runs")
    look.core.delete_namespaced_pod("slow", namespace)
    eventually(lambda: not look.core.list_namespaced_pod(namespace).items, "it is gone")
    assert sorted(file.name for file in said.iterdir()) == ["begun", "hook", "term"]


@pytest.fixture
def other() -> Iterator[str]:
    """The name of another cluster, of which nothing is left afterwards."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    yield name
    clusters.down(name)


def test_a_second_cluster_runs_beside_and_is_refused_as_the_first(cluster: Cluster, other: str) -> None:
    second = clusters.up(other, serving=False)
    assert look_at(second).core.read_namespace("kube-system").metadata.uid != (
        look_at(cluster).core.read_namespace("kube-system").metadata.uid
    )
    mixed = Cluster(Layout(other))
    mixed.kubeconfig.write_text(cluster.kubeconfig.read_text().replace(cluster.layout.context, mixed.layout.context))
    with pytest.raises(WrongCluster, match="is of another cluster"):
        look_at(mixed)


def test_a_cluster_whose_starter_was_killed_can_be_taken_down_whole(other: str) -> None:
    argv = [sys.executable, "-m", "tests.cluster.control_plane", "up", "--name", other]
    starter = subprocess.Popen(argv, cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    files = Layout(other)
    eventually((files.records / "kube-apiserver.json").exists, "it has begun", seconds=60)
    starter.kill()
    starter.wait()
    assert processes_of(files)
    clusters.down(other)
    assert not processes_of(files)
    assert not files.folder.exists()


def test_a_name_that_is_taken_is_refused(cluster: Cluster) -> None:
    with pytest.raises(ClusterError, match="there is a cluster"):
        clusters.up(cluster.layout.name)


def processes_of(files: Layout) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(OWNER) == str(files.folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found
