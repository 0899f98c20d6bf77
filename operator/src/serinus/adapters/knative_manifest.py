"""The InferenceService of a deployment in KServe's Knative mode: pure functions from a step to its manifest."""

from datetime import timedelta
from typing import Any, Final

from serinus.adapters import manifests
from serinus.adapters.inference_service import DEPLOYMENT_MODE, VISIBILITY, inference_service
from serinus.adapters.kubernetes_objects import INFERENCE_SERVICE, Manifest, Owner
from serinus.adapters.serving_runtimes import Runtime
from serinus.core.plan import ServedRevision
from serinus.core.spec import Serving
from serinus.ports import Key

# Keeps the last pod of a revision that gets no requests any more; Knative accepts at most an hour.
RETENTION: Final = "autoscaling.knative.dev/scale-to-zero-pod-retention-period"
LONGEST_RETENTION: Final = timedelta(hours=1)
SCALE: Final = ("minReplicas", "maxReplicas")


def knative_service(
    key: Key, owner: Owner, served: ServedRevision, runtime: Runtime, *, percent: int, edges_seconds: set[float]
) -> dict[str, Any]:
    """What is applied. Labels and annotations become those of the Knative revision and its pods.

    So all of them are of the revision alone: they change with the model, in the same patch, and at no other time.
    """
    manifest = inference_service(key, owner, served, runtime, edges_seconds)
    metadata, serving = manifest["metadata"], owner.deployment.spec.serving
    metadata["name"] = key.name
    metadata["labels"].pop(VISIBILITY)
    metadata["annotations"] = _retention(serving) | metadata["annotations"] | {DEPLOYMENT_MODE: "Knative"}
    predictor = manifest["spec"]["predictor"]
    predictor |= {"canaryTrafficPercent": percent, "minReplicas": served.replicas}
    return manifest


def keeping_scale(wanted: dict[str, Any], existing: Manifest) -> dict[str, Any]:
    """`wanted` with the scale of the existing one: to change it is to start another Knative revision."""
    predictor = manifests.field(existing, "spec", "predictor") or {}
    scale = {name: predictor[name] for name in SCALE if name in predictor}
    return manifests.merged(keeping_retention(wanted, existing), {"spec": {"predictor": scale}})


def keeping_retention(wanted: dict[str, Any], existing: Manifest) -> dict[str, Any]:
    """`wanted` with how long the existing one's last pod is kept."""
    kept = manifests.field(existing, "metadata", "annotations", RETENTION)
    return manifests.merged(wanted, {"metadata": {"annotations": {RETENTION: kept}}})


def adopted(key: Key, owner: Owner, percent: int) -> dict[str, Any]:
    """All that can be written on an InferenceService of somebody else without starting its pods anew."""
    return {
        "apiVersion": INFERENCE_SERVICE.api_version,
        "kind": INFERENCE_SERVICE.kind,
        "metadata": {"name": key.name, "namespace": key.namespace, **manifests.owner_references(owner, key)},
        "spec": {"predictor": {"canaryTrafficPercent": percent}},
    }


def _retention(serving: Serving) -> dict[str, str]:
    """Kept warm, and kept to be looked at; nothing for who wants idle revisions at zero."""
    kept = min(max(serving.keep_warm, serving.diagnostics_ttl), LONGEST_RETENTION)
    return {RETENTION: f"{int(kept.total_seconds())}s"} if serving.min_replicas and kept else {}
