"""The InferenceService of one revision in KServe's Standard mode: pure functions from plan to manifest."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from serinus.adapters import manifests
from serinus.adapters.kubernetes_objects import (
    DEPLOYMENT_LABEL,
    INFERENCE_SERVICE,
    REVISION_LABEL,
    Manifest,
    Owner,
)
from serinus.adapters.serving_runtimes import CONTAINER, SERINUS, Runtime, name_args, name_env
from serinus.core.plan import ServedRevision
from serinus.core.revision import Revision
from serinus.ports import Key

DEPLOYMENT_MODE: Final = "serving.kserve.io/deploymentMode"
VISIBILITY: Final = "networking.kserve.io/visibility"
CLUSTER_LOCAL: Final = "cluster-local"
# The whole revision as it was brought up: a status that was lost is rebuilt from it.
REVISION_CONTENT: Final = "serinus.dev/revision-content"
SLO_FLAG: Final = "--slo-ms="
DEPLOYMENT_FLAG: Final = "--deployment="
USUAL_GRACE_SECONDS: Final = 30


def revision_name(key: Key, revision: str) -> str:
    """`<deployment>-<revision>`; where that would be too long the deployment's part ends in a hash instead.

    KServe joins it with a component's name and the namespace to one label of a host name, which holds 63 characters. In a
    namespace of more than 37 characters nothing fits, and KServe says so.
    """
    room = 63 - len(f"-transformer-{key.namespace}") - len(f"-{revision}")
    if len(key.name) <= room:
        return f"{key.name}-{revision}"
    digest = hashlib.sha256(key.name.encode()).hexdigest()[:6]
    short = f"{key.name[: room - 7]}-{digest}" if room > 7 else f"s{digest}"[: max(2, room)]
    return f"{short}-{revision}"


def ending_gently(manifest: dict[str, Any], seconds: int) -> dict[str, Any]:
    """The manifest with pods that answer on for a while when they are ended, until every gateway has left them out.

    They then have as long as usual to end: Kubernetes refuses a pod whose hook outlasts its grace period.
    """
    hook, grace = {"preStop": {"sleep": {"seconds": seconds}}}, seconds + USUAL_GRACE_SECONDS
    predictor = manifest["spec"]["predictor"]
    predictor.setdefault("terminationGracePeriodSeconds", grace)
    container = predictor["model"] if "model" in predictor else _serving_container(predictor)
    container.setdefault("lifecycle", hook)
    transformer = manifest["spec"].get("transformer", {})
    if containers := [dict(one) for one in transformer.get("containers", ())]:
        containers[0].setdefault("lifecycle", hook)
        transformer["containers"] = containers
        transformer.setdefault("terminationGracePeriodSeconds", grace)
    return manifest


def drain_of(inference_service: Manifest) -> int | None:
    """For how many seconds its pods were told to answer on; None where they have a hook of somebody else's."""
    predictor = manifests.field(inference_service, "spec", "predictor") or {}
    containers = [predictor["model"]] if "model" in predictor else predictor.get("containers") or ()
    lifecycle = next((one["lifecycle"] for one in containers if one.get("lifecycle")), None)
    if lifecycle is None:
        return 0
    seconds = manifests.field(lifecycle, "preStop", "sleep", "seconds")
    return None if seconds is None else int(seconds)


def entry_service(inference_service: Manifest) -> str:
    """The Kubernetes Service that takes a revision's requests."""
    component = "transformer" if manifests.field(inference_service, "spec", "transformer") else "predictor"
    return f"{manifests.name_of(inference_service)}-{component}"


def predictor_address(inference_service: Manifest) -> str:
    """Where a revision's predictors answer within the cluster, past a transformer; the cluster's domain is left to its DNS.

    A Service without an address of its own (KServe's serviceClusterIPNone) leads to the pods' port, which KServe tells of the
    entry; KServe makes all Services alike.
    """
    port = urlsplit(str(manifests.field(inference_service, "status", "address", "url") or "")).port
    metadata = inference_service["metadata"]
    return f"http://{metadata['name']}-predictor.{metadata['namespace']}.svc{f':{port}' if port else ''}"


def inference_service(
    key: Key, owner: Owner, served: ServedRevision, runtime: Runtime, edges_seconds: Iterable[float] = ()
) -> dict[str, Any]:
    """What is applied for one revision. The user's template is merged over it, but for names, labels and traffic."""
    template = served.revision.template.get("template", {})
    above = {name: value for name, value in template.items() if name not in ("labels", "annotations")}
    spec = manifests.merged({"predictor": {"model": _model(served.revision, runtime)}}, above)
    predictor = spec["predictor"]
    predictor |= _replicas(owner, served)
    # Traffic is split by the route alone, between Services of names that it knows.
    for name in ("name", "canaryTrafficPercent"):
        predictor.pop(name, None)
    spec.pop("canary", None)
    _finish_predictor(predictor, key, served.revision, runtime, edges_seconds)
    if "transformer" in spec:
        _keep_model_name(spec["transformer"], key.name)
    return {
        "apiVersion": INFERENCE_SERVICE.api_version,
        "kind": INFERENCE_SERVICE.kind,
        "metadata": _metadata(key, owner, served.revision, template),
        "spec": spec,
    }


def keeping_model(wanted: dict[str, Any], existing: Manifest) -> dict[str, Any]:
    """`wanted` with what the existing one was told of the model, for a runtime that is not there to be read."""
    model = manifests.field(existing, "spec", "predictor", "model") or {}
    told = {name: model[name] for name in ("modelFormat", "args", "env") if name in model}
    return manifests.merged(wanted, {"spec": {"predictor": {"model": told}}}) if told else wanted


def edges_of(inference_service: Manifest | None) -> set[float]:
    """The latency edges in seconds that a Serinus predictor was told to keep."""
    args = _args(inference_service)
    return {float(arg.removeprefix(SLO_FLAG)) / 1000 for arg in args if arg.startswith(SLO_FLAG)}


def revision_of(inference_service: Manifest) -> Revision | None:
    """The revision as it was brought up; None where that cannot be read (any more)."""
    content = manifests.field(inference_service, "metadata", "annotations", REVISION_CONTENT)
    try:
        revision = Revision.model_validate_json(str(content))
    except ValueError:
        return None
    return revision if revision.id == manifests.label_of(inference_service, REVISION_LABEL) else None


def is_our_predictor(inference_service: Manifest) -> bool:
    """Whether its server is Serinus's own, which says by its exit code what is wrong."""
    return any(arg.startswith(DEPLOYMENT_FLAG) for arg in _args(inference_service))


def wanted_replicas(inference_service: Manifest) -> int:
    """How many predictor replicas make the revision ready."""
    return int(manifests.field(inference_service, "spec", "predictor", "minReplicas") or 1)


def _args(inference_service: Manifest | None) -> list[str]:
    return list(manifests.field(inference_service, "spec", "predictor", "model", "args") or ())


def _metadata(key: Key, owner: Owner, revision: Revision, template: Mapping[str, Any]) -> dict[str, Any]:
    ours = {DEPLOYMENT_LABEL: key.name, REVISION_LABEL: revision.id, VISIBILITY: CLUSTER_LOCAL}
    return {
        "name": revision_name(key, revision.id),
        "namespace": key.namespace,
        "labels": {**template.get("labels", {}), **ours},
        "annotations": {
            **template.get("annotations", {}),
            DEPLOYMENT_MODE: "Standard",
            REVISION_CONTENT: revision.model_dump_json(),
        },
        **manifests.owner_references(owner, key),
    }


def _model(revision: Revision, runtime: Runtime) -> dict[str, Any]:
    model: dict[str, Any] = {
        "runtime": runtime.name,
        "modelFormat": {"name": revision.template.get("format") or runtime.format},
        # The last words of a predictor that ends become the reason that people read.
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    if protocol := revision.template.get("protocol"):
        model["protocolVersion"] = protocol
    if resources := revision.template.get("resources"):
        model["resources"] = resources
    return model


def _replicas(owner: Owner, served: ServedRevision) -> dict[str, int]:
    fewest = max(1, served.capacity)
    most = owner.deployment.spec.serving.max_replicas or fewest
    return {"minReplicas": fewest, "maxReplicas": max(fewest, most)}


def _finish_predictor(
    predictor: dict[str, Any], key: Key, revision: Revision, runtime: Runtime, edges_seconds: Iterable[float]
) -> None:
    """Put in what has to hold whatever the template says: which model it is, and under which name it answers."""
    model = predictor.get("model")
    if model is None:  # a container of the user's own; KServe finds the model by this variable
        _set_env(_serving_container(predictor), {"STORAGE_URI": revision.artifact.uri})
        return
    model["storageUri"] = revision.artifact.uri
    if args := name_args(runtime, key.name) + _predictor_args(key, revision, runtime, edges_seconds):
        model["args"] = [*model.get("args", ()), *args]
    _set_env(model, name_env(runtime, key.name))


def _predictor_args(key: Key, revision: Revision, runtime: Runtime, edges_seconds: Iterable[float]) -> list[str]:
    """What Serinus's own predictor must be told; KServe puts it behind the runtime's arguments."""
    if runtime.server_type != SERINUS:
        return []
    digest = revision.artifact.digest  # of the files; of a model given by its address alone nobody has seen them
    return [
        f"--model-name={key.name}",
        f"{DEPLOYMENT_FLAG}{key}",
        f"--revision={revision.id}",
        *([f"--digest={digest}"] if digest.startswith("sha256:") else ()),
        *(f"{SLO_FLAG}{edge * 1000:.9g}" for edge in sorted(set(edges_seconds))),
    ]


def _set_env(container: dict[str, Any], wanted: Mapping[str, str]) -> None:
    if not wanted:
        return
    others = [one for one in container.get("env", ()) if one.get("name") not in wanted]
    container["env"] = others + [{"name": name, "value": value} for name, value in wanted.items()]


def _serving_container(predictor: dict[str, Any]) -> dict[str, Any]:
    """The container that serves the model, copied so that the user's template stays as it is."""
    containers = [dict(one) for one in predictor.get("containers") or ({"name": CONTAINER},)]
    predictor["containers"] = containers
    return next((one for one in containers if one.get("name") == CONTAINER), containers[0])


def _keep_model_name(transformer: dict[str, Any], model: str) -> None:
    """KServe would give a transformer the InferenceService's name, which changes with each revision."""
    containers = [dict(one) for one in transformer.get("containers", ())]
    if containers and not any(arg.startswith("--model_name") for arg in containers[0].get("args", ())):
        containers[0]["args"] = [*containers[0].get("args", ()), f"--model_name={model}"]
        transformer["containers"] = containers
