"""Taking over a route that KServe keeps for an InferenceService of the deployment's name."""

from serinus.adapters import manifests
from serinus.adapters.inference_service import CLUSTER_LOCAL, VISIBILITY
from serinus.adapters.kubernetes_objects import HTTP_ROUTE, INFERENCE_SERVICE, KubernetesObjects, Manifest
from serinus.ports import Key


async def let_go_of_route(objects: KubernetesObjects, key: Key) -> None:
    """Have KServe leave the deployment's route alone, which it does for a cluster-local InferenceService.

    The InferenceService itself runs on until somebody deletes it; it gets no requests by this route any more.
    Raises StateConflict, ServingUnavailable.
    """
    route = objects.get(HTTP_ROUTE, key.namespace, key.name)
    references = manifests.field(route, "metadata", "ownerReferences") or ()
    names = [one["name"] for one in references if one.get("kind") == INFERENCE_SERVICE.kind and one.get("controller")]
    found = [one for name in names if (one := objects.get(INFERENCE_SERVICE, key.namespace, name)) is not None]
    for keeper in found:
        if manifests.label_of(keeper, VISIBILITY) != CLUSTER_LOCAL:
            await objects.apply(INFERENCE_SERVICE, _cluster_local(keeper))


def _cluster_local(keeper: Manifest) -> dict[str, object]:
    metadata = keeper["metadata"]
    named = {name: metadata[name] for name in ("name", "namespace", "resourceVersion")}
    return {
        "apiVersion": INFERENCE_SERVICE.api_version,
        "kind": INFERENCE_SERVICE.kind,
        "metadata": named | {"labels": {VISIBILITY: CLUSTER_LOCAL}},
    }
