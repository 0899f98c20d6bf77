"""What KServe in Knative mode and Knative make of an InferenceService, in the small moves in which real ones were seen.

KServe's arithmetic of traffic and of what was rolled out is that of ksvc_reconciler.go and PropagateStatus in v0.20.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from serinus.adapters.knative_objects import KNATIVE_REVISION, MIN_SCALE, SOURCE
from serinus.adapters.kubernetes_objects import INFERENCE_SERVICE, POD, REVISION_LABEL, Manifest
from serinus.ports import Key
from tests.fakes.kserve import Process, pod_status
from tests.fakes.kubernetes import FakeKubernetes

ADDRESS = "http://flights-predictor.default.example.com"


@dataclass
class _Service:
    """A Knative Service, its Configuration and its Route."""

    template: dict[str, Any] = field(default_factory=dict)
    wanted: list[dict[str, Any]] = field(default_factory=list)
    made: list[dict[str, Any]] = field(default_factory=list)  # a template for each Knative revision
    up: set[str] = field(default_factory=set)
    created: str = ""
    ready: str = ""
    traffic: list[dict[str, Any]] = field(default_factory=list)
    told: dict[str, Any] = field(default_factory=dict)  # the Service's status


class FakeKnative:
    """Each of `moves` is what one controller does next. `processes`: how revisions behave that are not simply ready."""

    def __init__(self, kubernetes: FakeKubernetes) -> None:
        kubernetes.kinds.add(KNATIVE_REVISION)
        self.processes: dict[str, Process] = {}
        self.refuses: set[str] = set()  # models that KServe makes nothing of
        self.traffic: dict[str, int] = {}  # what requests really go by, by revision
        self.moves = (self.kserve, self.configuration, self.pods, self.route, self.service)
        self._kubernetes = kubernetes
        self._services: dict[str, _Service] = {}

    def step(self, key: Key) -> None:
        """Everything that there is to do now."""
        for _ in range(2):
            for move in self.moves:
                move(key)

    def kserve(self, key: Key) -> None:
        """KServe writes the Knative Service, and tells what that says."""
        found = self._found(key)
        if found is None:
            self._end(key)
            return
        uri = found["spec"]["predictor"]["model"]["storageUri"]
        if uri in self.refuses:
            status = found.get("status", {}) | {
                "modelStatus": {
                    "transitionStatus": "InvalidSpec",
                    "lastFailureInfo": {"reason": "NoSupportingRuntime", "message": f"nothing serves {uri}"},
                }
            }
            self._kubernetes.edit(INFERENCE_SERVICE, key.namespace, key.name, {"status": status})
            return
        service = self._services.setdefault(found["metadata"]["uid"], _Service())
        predictor = _predictor(found)
        service.template = _template(found)
        service.wanted = _wanted_traffic(found["spec"]["predictor"].get("canaryTrafficPercent"), predictor)
        if service.told:
            status = {"status": _propagated(found, service.told)}
            self._kubernetes.edit(INFERENCE_SERVICE, key.namespace, key.name, status)

    def configuration(self, key: Key) -> None:
        """Another template is another Knative revision."""
        service = self._service(key)
        if service is None or not service.template or (service.made and service.made[-1] == service.template):
            return
        service.made.append(copy.deepcopy(service.template))
        service.created = f"{key.name}-predictor-{len(service.made):05d}"
        self._tell(key, service.created, service.template, {"status": "Unknown", "reason": "Deploying"})

    def pods(self, key: Key) -> None:
        """Pods of the latest revision, and of those that have requests, come up, or do not."""
        service = self._service(key)
        if service is None:
            return
        for number, template in enumerate(service.made, 1):
            name = f"{key.name}-predictor-{number:05d}"
            process = self.processes.get(_id(template), Process())
            if process.exit_code:
                failed = {"status": "False", "reason": "RevisionFailed", "message": process.say}
                self._tell(key, name, template, failed)
            elif process.ready:
                service.up.add(name)
                self._tell(key, name, template, {"status": "True"})
            pod = {
                "metadata": {
                    "labels": {**template["labels"], "serving.knative.dev/revision": name, "component": "predictor"}
                },
                "status": pod_status(process),
            }
            self._kubernetes.edit(POD, key.namespace, f"{name}-0", pod)
        ready = [name for name in service.up if name > service.ready]
        service.ready = max(ready, default=service.ready)

    def route(self, key: Key) -> None:
        """The Route follows; the latest revision is the latest that is ready."""
        service = self._service(key)
        if service is None or not service.wanted or not service.ready:
            return
        service.traffic = [
            {**target, "revisionName": target.get("revisionName", service.ready)} for target in service.wanted
        ]
        self.traffic = {}
        for target in service.traffic:
            revision = _id(service.made[int(target["revisionName"][-5:]) - 1])
            self.traffic[revision] = self.traffic.get(revision, 0) + target["percent"]

    def service(self, key: Key) -> None:
        """The Knative Service tells what Configuration and Route say."""
        service = self._service(key)
        if service is not None and service.created:
            service.told = {
                "created": service.created,
                "ready": service.ready,
                "traffic": copy.deepcopy(service.traffic),
            }

    def kill(self, revision: str) -> None:
        """A predictor process dies, and is started again."""
        self.processes.setdefault(revision, Process()).restarts += 1

    # ---- inside

    def _found(self, key: Key) -> Manifest | None:
        return self._kubernetes.get(INFERENCE_SERVICE, key.namespace, key.name)

    def _service(self, key: Key) -> _Service | None:
        found = self._found(key)
        return self._services.get(found["metadata"]["uid"]) if found else None

    def _end(self, key: Key) -> None:
        self.traffic = {}
        for kind in (KNATIVE_REVISION, POD):
            for one in self._kubernetes.of(kind, key):
                self._kubernetes.remove(kind, key.namespace, one["metadata"]["name"])

    def _tell(self, key: Key, name: str, template: Mapping[str, Any], ready: Mapping[str, Any]) -> None:
        manifest = {
            "metadata": {"labels": template["labels"], "annotations": template["annotations"]},
            "spec": {"containers": [{"name": "kserve-container", "args": template["args"]}]},
            "status": {"conditions": [{"type": "Ready", **ready}]},
        }
        self._kubernetes.edit(KNATIVE_REVISION, key.namespace, name, manifest)


def _id(template: Mapping[str, Any]) -> str:
    return str(template["labels"].get(REVISION_LABEL) or template["annotations"][SOURCE])


def _template(found: Manifest) -> dict[str, Any]:
    """All that makes another Knative revision when it changes."""
    predictor = found["spec"]["predictor"]
    annotations = {
        **found["metadata"].get("annotations", {}),
        SOURCE: predictor["model"]["storageUri"],
        MIN_SCALE: str(predictor.get("minReplicas", 1)),
    }
    return {
        "labels": dict(found["metadata"].get("labels", {})),
        "annotations": annotations,
        "args": list(predictor["model"].get("args", ())),
    }


def _predictor(found: Manifest) -> dict[str, Any]:
    return dict(found.get("status", {}).get("components", {}).get("predictor", {}))


def _wanted_traffic(percent: int | None, predictor: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`createKnativeService`."""
    rolled = predictor.get("latestRolledoutRevision", "")
    if percent is None or not rolled:
        return [{"latestRevision": True, "percent": 100}]
    latest = [{"latestRevision": True, "percent": percent}]
    rest = {"revisionName": rolled, "latestRevision": False, "percent": 100 - percent, "tag": "prev"}
    return latest + ([rest] if percent < 100 else [])


def _propagated(found: Manifest, told: Mapping[str, Any]) -> dict[str, Any]:
    """`PropagateStatus`."""
    predictor, ready, traffic = _predictor(found), told["ready"], told["traffic"]
    rolled, previous = predictor.get("latestRolledoutRevision", ""), predictor.get("previousRolledoutRevision", "")
    shares: dict[str, int] = {}
    for one in traffic:
        shares[one["revisionName"]] = shares.get(one["revisionName"], 0) + one["percent"]
    for one in traffic:
        if one["revisionName"] != ready or not one["latestRevision"]:
            continue
        if rolled != ready:
            if one["percent"] == 100:
                rolled, previous = ready, rolled
        elif ready == told["created"] and one["percent"] < 100 and shares[ready] == 100 and previous:
            rolled = previous
    named = {
        "latestCreatedRevision": told["created"],
        "latestReadyRevision": ready,
        "latestRolledoutRevision": rolled,
        "previousRolledoutRevision": previous,
        "traffic": traffic,
    }
    routed = "True" if traffic else "Unknown"
    return {
        "url": ADDRESS,
        "conditions": [{"type": "PredictorRouteReady", "status": routed}, {"type": "PredictorReady", "status": routed}],
        "components": {"predictor": {name: value for name, value in named.items() if value}},
        "modelStatus": {"transitionStatus": "UpToDate"},
    }
