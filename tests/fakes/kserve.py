"""What KServe in Standard mode and a kubelet make of InferenceServices: pods and statuses, as they were seen on real ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serinus.adapters.kubernetes_objects import INFERENCE_SERVICE, POD, REVISION_LABEL, Manifest
from serinus.ports import Key
from tests.fakes.kubernetes import FakeKubernetes

CONTAINER = "kserve-container"


@dataclass
class Process:
    """How a revision's predictor behaves."""

    ready: bool = True
    exit_code: int = 0
    say: str = ""
    restarts: int = 0


class FakeKServe:
    """Follows InferenceServices one step at a time.

    `processes`: how revisions behave that are not simply ready. `headless`: KServe's serviceClusterIPNone.
    """

    def __init__(self, kubernetes: FakeKubernetes) -> None:
        self.processes: dict[str, Process] = {}
        self.headless = False
        self._kubernetes = kubernetes

    def step(self, key: Key) -> None:
        """Everything KServe has to do for a deployment."""
        services = self._kubernetes.of(INFERENCE_SERVICE, key)
        for one in services:
            self._follow(key, one)
        wanted = {one["metadata"]["labels"][REVISION_LABEL] for one in services}
        for pod in self._kubernetes.of(POD, key):
            if pod["metadata"]["labels"][REVISION_LABEL] not in wanted:
                self._kubernetes.remove(POD, key.namespace, pod["metadata"]["name"])

    def kill(self, revision: str) -> None:
        """A predictor process dies, and is started again."""
        self.processes.setdefault(revision, Process()).restarts += 1

    def _follow(self, key: Key, service: Manifest) -> None:
        name, labels = service["metadata"]["name"], service["metadata"]["labels"]
        process = self.processes.setdefault(labels[REVISION_LABEL], Process())
        for number in range(service["spec"]["predictor"]["minReplicas"]):
            pod = {
                "metadata": {"labels": {**labels, "component": "predictor"}},
                "status": pod_status(process),
            }
            self._kubernetes.edit(POD, key.namespace, f"{name}-predictor-{number}", pod)
        known = bool(service.get("status", {}).get("components"))
        is_up = (process.ready and not process.exit_code) or known
        status = ready_status(name, key, ":8080" if self.headless else "") if is_up else STARTING
        self._kubernetes.edit(INFERENCE_SERVICE, key.namespace, name, {"status": status})


STARTING: dict[str, Any] = {
    "conditions": [{"type": "PredictorReady", "status": "Unknown", "reason": "MinimumReplicasUnavailable"}],
    "modelStatus": {"transitionStatus": "InProgress", "states": {"targetModelState": "Pending"}},
}


def ready_status(name: str, key: Key, port: str = "") -> dict[str, Any]:
    """An InferenceService whose predictor has come up; its Service answers at `port`."""
    url = f"http://{name}-predictor.{key.namespace}.svc.cluster.local"
    return {
        "conditions": [{"type": name, "status": "True"} for name in ("IngressReady", "PredictorReady", "Ready")],
        "address": {"url": f"{url}{port}"},
        "components": {"predictor": {"url": url}},
        "modelStatus": {"transitionStatus": "UpToDate", "states": {"activeModelState": "Loaded"}},
    }


def pod_status(process: Process) -> dict[str, Any]:
    """A pod with that process in it."""
    ended = {"exitCode": process.exit_code, "message": process.say, "reason": "Error"}
    up = process.ready and not process.exit_code
    state: Mapping[str, Any] = {"terminated": ended} if process.exit_code else {"running": {}}
    container = {"name": CONTAINER, "ready": up, "restartCount": process.restarts, "state": state}
    return {
        "phase": "Running",
        "podIP": "127.0.0.1",
        "conditions": [{"type": "Ready", "status": "True" if up else "False"}],
        "containerStatuses": [container],
    }
