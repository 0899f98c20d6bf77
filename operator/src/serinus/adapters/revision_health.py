"""How a revision is doing, told from its pods and from what KServe says of its model.

KServe's conditions and observedGeneration are no proof: they stay as they were while a pod crashes or a format is wrong.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Final

from serinus.adapters import manifests
from serinus.adapters.inference_service import is_our_predictor, wanted_replicas
from serinus.adapters.kubernetes_objects import REVISION_LABEL, Manifest
from serinus.adapters.look import Look
from serinus.core.observation import RevisionStatus

COMPONENT_LABEL: Final = "component"
PREDICTOR: Final = "predictor"
STORAGE_INITIALIZER: Final = "storage-initializer"
# What the Serinus predictor says by its exit code: wrong arguments, a wrong digest, a model that does not load.
FATAL_CODES: Final = frozenset({2, 3, 4})
# A crash may pass (a slow disk, a lost connection); a container that has crashed so often in a row will not start.
HOPELESS_CRASHES: Final = 3
UNSTARTABLE: Final = frozenset({"InvalidImageName", "ErrImageNeverPull"})
# A registry that is slow, a Secret that comes late, a node that is busy: these may pass.
STUCK: Final = frozenset(
    {
        *("ImagePullBackOff", "ErrImagePull", "ImageInspectError"),
        *("CreateContainerConfigError", "CreateContainerError", "RunContainerError"),
    }
)
MLFLOW_ADDRESSES: Final = ("mlflow-artifacts:", "models:/", "runs:/")
INVALID_SPEC: Final = "InvalidSpec"
SENTENCE_CHARACTERS: Final = 400


def status_of(inference_service: Manifest, pods: Sequence[Manifest], restarts: int, look: Look) -> RevisionStatus:
    """The status of one revision. `pods` are all of its pods; `restarts` those since it was created."""
    wanted = wanted_replicas(inference_service)
    ready = sum(_is_ready(pod, look) for pod in _living(pods) if _component(pod) == PREDICTOR)
    hopeless = _hopeless(inference_service, pods, look)
    return RevisionStatus(
        revision=manifests.label_of(inference_service, REVISION_LABEL),
        ready=ready >= wanted and _others_are_up(inference_service, pods, look),
        replicas=wanted,
        ready_replicas=ready,
        restarts=restarts,
        failed=bool(hopeless) and not ready,
        message=""
        if ready >= wanted
        else (hopeless or _waiting_for(inference_service, pods, look))[:SENTENCE_CHARACTERS],
    )


def stuck_containers(pods: Iterable[Manifest]) -> set[str]:
    """The containers that do not start, and may still; by the pod's uid and their name."""
    return {
        _name_of(pod, one)
        for pod in pods
        for one in _containers(pod)
        if manifests.field(one, "state", "waiting", "reason") in STUCK
    }


def settles_in(pods: Iterable[Manifest], look: Look) -> timedelta | None:
    """How long until the next of the pods that are ready counts as ready; None where none is waited for."""
    since = (condition.get("lastTransitionTime") for pod in _living(pods) if _is_true(condition := _ready_of(pod)))
    return min((left for one in since if (left := look.settles_in(one))), default=None)


def has_service(inference_service: Manifest) -> bool:
    """Whether the Kubernetes Service that a route names is there: KServe gives its URL once the revision was ready."""
    component = "transformer" if manifests.field(inference_service, "spec", "transformer") else PREDICTOR
    return bool(manifests.field(inference_service, "status", "components", component, "url"))


def deaths(pod: Manifest) -> int:
    """How often a process of the pod has died."""
    containers = manifests.field(pod, "status", "containerStatuses") or ()
    evicted = manifests.field(pod, "status", "phase") == "Failed"
    return sum(int(one.get("restartCount", 0)) for one in containers) + int(evicted)


def _living(pods: Iterable[Manifest]) -> list[Manifest]:
    return [pod for pod in pods if not manifests.is_being_deleted(pod)]


def _component(pod: Manifest) -> str:
    return manifests.label_of(pod, COMPONENT_LABEL)


def _is_ready(pod: Manifest, look: Look) -> bool:
    """Whether it takes requests and gateways send it some: those sent sooner would fail, and be held against it."""
    condition = _ready_of(pod)
    return _is_true(condition) and look.has_settled(condition.get("lastTransitionTime"))


def _ready_of(pod: Manifest) -> Manifest:
    return manifests.condition_of(manifests.field(pod, "status", "conditions"), "Ready")


def _is_true(condition: Manifest) -> bool:
    return bool(condition.get("status") == "True")


def _others_are_up(inference_service: Manifest, pods: Sequence[Manifest], look: Look) -> bool:
    """Whether each component beside the predictor has a ready replica."""
    spec = inference_service["spec"]
    up = {_component(pod) for pod in _living(pods) if _is_ready(pod, look)}
    return all(component in up for component in ("transformer", "explainer") if spec.get(component))


def _hopeless(inference_service: Manifest, pods: Sequence[Manifest], look: Look) -> str:
    """Why the revision cannot come up by itself, as a sentence; empty where it still may."""
    codes = FATAL_CODES if is_our_predictor(inference_service) else frozenset()
    sentences = [_invalid(inference_service, look), *(_stuck(pod, codes, look) for pod in _living(pods))]
    return next((sentence for sentence in sentences if sentence), "")


def _invalid(inference_service: Manifest, look: Look) -> str:
    """KServe does not know the runtime, or the runtime not the format."""
    status = manifests.field(inference_service, "status", "modelStatus") or {}
    if status.get("transitionStatus") != INVALID_SPEC or not look.is_over(_created(inference_service)):
        return ""
    failure = status.get("lastFailureInfo", {})
    model = manifests.field(inference_service, "spec", "predictor", "model") or {}
    return (
        f"KServe refuses the model: {failure.get('reason', INVALID_SPEC)}: {failure.get('message', 'no reason given')} "
        f"(runtime {model.get('runtime')}, format {manifests.field(model, 'modelFormat', 'name')}, "
        f"protocol {model.get('protocolVersion')}); correct spec.serving or install the runtime"
    )


def _stuck(pod: Manifest, fatal_codes: frozenset[int], look: Look) -> str:
    """Why a pod will not start, from the state of its containers; the first that is stuck holds up the others."""
    for container in _containers(pod):
        waiting = manifests.field(container, "state", "waiting") or {}
        reason = waiting.get("reason", "")
        if reason in UNSTARTABLE or (reason in STUCK and look.is_stuck(_name_of(pod, container))):
            return f"container {container['name']} cannot start: {reason}: {waiting.get('message', '')}".rstrip(": ")
        if sentence := _crashing(container, fatal_codes):
            return sentence
    return ""


def _crashing(container: Manifest, fatal_codes: frozenset[int]) -> str:
    ended = _last_end(container)
    fatal = ended.get("exitCode") in fatal_codes and container["name"] != STORAGE_INITIALIZER
    is_down = not container.get("ready") and manifests.field(container, "state", "running") is None
    hopeless = int(container.get("restartCount", 0)) >= HOPELESS_CRASHES and is_down
    return _death(container) if ended.get("exitCode") and (fatal or hopeless) else ""


def _death(container: Manifest) -> str:
    ended = _last_end(container)
    lines = str(ended.get("message") or ended.get("reason") or "it left no message").strip().splitlines()
    what = f"container {container['name']} ends (exit code {ended.get('exitCode')})"
    if container["name"] == STORAGE_INITIALIZER:
        what = f"the storage initializer cannot fetch the model (exit code {ended.get('exitCode')}){_not_ours(ended)}"
    return f"{what}: {lines[-1] if lines else ''}"


def _not_ours(ended: Manifest) -> str:
    """What to do where KServe's own storage initializer was given an address that only Serinus's knows.

    KServe takes an address without // for a path, and lets its own initializer fail on it; ours never exits with 1.
    """
    names = [name for name in MLFLOW_ADDRESSES if name in str(ended.get("message"))]
    if ended.get("exitCode") != 1 or not names:
        return ""
    return f", for KServe's own knows no {names[0]} addresses; set storageInitializer.install=true in Serinus's chart"


def _waiting_for(inference_service: Manifest, pods: Sequence[Manifest], look: Look) -> str:
    """What an unready revision waits for, where something says so."""
    for pod in _living(pods):
        scheduled = manifests.condition_of(manifests.field(pod, "status", "conditions"), "PodScheduled")
        if scheduled.get("status") == "False":
            return f"pod {manifests.name_of(pod)} is not scheduled: {scheduled.get('message', '')}"
        for container in _containers(pod):
            if _last_end(container).get("exitCode"):
                return _death(container)
            waiting = manifests.field(container, "state", "waiting") or {}
            if waiting.get("message"):
                return f"container {container['name']} waits: {waiting.get('reason')}: {waiting['message']}"
    condition = manifests.condition_of(manifests.field(inference_service, "status", "conditions"), "PredictorReady")
    words = [condition.get(name) for name in ("reason", "message")] if condition.get("status") != "True" else []
    if not any(words) and not pods and look.is_over(_created(inference_service)):
        return _ignored(inference_service)
    return ": ".join(word for word in words if word)


def _ignored(inference_service: Manifest) -> str:
    """KServe says nothing where it stumbles before it has looked at the model."""
    if manifests.field(inference_service, "status", "modelStatus", "transitionStatus"):
        return ""
    return (
        f"KServe has not begun with InferenceService {manifests.name_of(inference_service)}; its Events say why "
        "(kubectl describe it), most often a storageUri of a kind that no ClusterStorageContainer supports; for MLflow's, "
        "set storageInitializer.install=true in Serinus's chart"
    )


def _name_of(pod: Manifest, container: Manifest) -> str:
    return f"{manifests.uid_of(pod)}/{container['name']}"


def _containers(pod: Manifest) -> list[Any]:
    status = pod.get("status") or {}
    return [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]


def _last_end(container: Manifest) -> Manifest:
    """How the container ended, now or before it was started again; empty if it never did."""
    for state in ("state", "lastState"):
        if ended := manifests.field(container, state, "terminated"):
            return ended if isinstance(ended, dict) else {}
    return {}


def _created(manifest: Manifest) -> Any:
    return manifests.field(manifest, "metadata", "creationTimestamp")
