"""What an InferenceService in KServe's Knative mode and its Knative revisions say: pure functions from manifests to values."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from serinus.adapters import manifests
from serinus.adapters.inference_service import revision_of
from serinus.adapters.knative_steps import WHOLE, Incarnation, Seen
from serinus.adapters.kubernetes_objects import DEPLOYMENT_LABEL, REVISION_LABEL, Kind, Manifest
from serinus.core.revision import Revision

# Its labels and annotations are those that the InferenceService had when it was made, and never change.
KNATIVE_REVISION: Final = Kind("serving.knative.dev", "v1", "Revision", "revisions")
SOURCE: Final = "internal.serving.kserve.io/storage-initializer-sourceuri"
MIN_SCALE: Final = "autoscaling.knative.dev/min-scale"

Find = Callable[[str], Manifest | None]
"""A Knative revision by its name."""


def seen_of(inference_service: Manifest, find: Find, served: Iterable[Revision], accepted: Mapping[str, int]) -> Seen:
    """The InferenceService and its Knative revisions, as the steps are decided from. `accepted`: shares by revision."""
    served = tuple(served)
    status = predictor_status(inference_service)

    def named(field: str) -> Incarnation | None:
        name = status.get(field)
        return incarnation(name, find, served) if name else None

    previous = status.get("previousRolledoutRevision")
    routed = next((one["revisionName"] for one in traffic_of(inference_service) if one.get("latestRevision")), "")
    return Seen(
        bears=bears(inference_service, served),
        percent=percent_of(inference_service),
        created=named("latestCreatedRevision"),
        latest=named("latestReadyRevision"),
        rolled=named("latestRolledoutRevision"),
        previous=incarnation(previous, find, served) if previous and is_ready(find(previous)) else None,
        routed=routed if is_routed(inference_service) else "",
        traffic=accepted,
    )


def bears(inference_service: Manifest, served: Iterable[Revision]) -> str:
    """The id of the revision that the spec describes; empty if somebody has changed the model, or it is not known."""
    if not manifests.label_of(inference_service, REVISION_LABEL):
        return next((one.id for one in served if describes(inference_service, one)), "")
    revision = revision_of(inference_service)
    return revision.id if revision and revision.artifact.uri == _uri(inference_service) else ""


def incarnation(name: str, find: Find, served: Iterable[Revision]) -> Incarnation:
    """A Knative revision, and which revision it runs: told from what it was made with."""
    found = find(name)
    return Incarnation(name, _runs(found, served) if found is not None else "")


def describes(inference_service: Manifest, revision: Revision) -> bool:
    """Whether an InferenceService that somebody else made runs just what the revision is."""
    model = manifests.field(inference_service, "spec", "predictor", "model") or {}
    status, asked = inference_service.get("status") or {}, revision.template
    runtimes = (model.get("runtime"), status.get("servingRuntimeName"), status.get("clusterServingRuntimeName"))
    above = {name: value for name, value in asked.get("template", {}).items() if name not in ("labels", "annotations")}
    return (
        _uri(inference_service) == revision.artifact.uri
        and asked.get("runtime") in runtimes
        and manifests.field(model, "modelFormat", "name")
        == asked.get("format", manifests.field(model, "modelFormat", "name"))
        and model.get("protocolVersion") in (None, asked.get("protocol"))
        and manifests.covers(model.get("resources", {}), asked.get("resources", {}))
        and manifests.covers(inference_service.get("spec"), above)
    )


def is_adopted(inference_service: Manifest | None) -> bool:
    """Whether it is as somebody else made it: what Serinus would write on it would start its pods anew."""
    return inference_service is not None and not manifests.label_of(inference_service, DEPLOYMENT_LABEL)


def weights(inference_service: Manifest, find: Find, served: Iterable[Revision]) -> dict[str, int]:
    """The shares that KServe tells of, by revision."""
    served, shares = tuple(served), dict[str, int]()
    for one in traffic_of(inference_service):
        revision = incarnation(one["revisionName"], find, served).of
        if revision:
            shares[revision] = shares.get(revision, 0) + int(one.get("percent") or 0)
    return shares


def is_as_asked(inference_service: Manifest) -> bool:
    """Whether the traffic that KServe tells of is what it makes of the percent and of what it says is rolled out."""
    rolled, percent = predictor_status(inference_service).get("latestRolledoutRevision"), percent_of(inference_service)
    traffic = [one for one in traffic_of(inference_service) if one.get("percent")]
    latest = sum(int(one["percent"]) for one in traffic if one.get("latestRevision"))
    rest = {one["revisionName"]: int(one["percent"]) for one in traffic if not one.get("latestRevision")}
    if not rolled or percent == WHOLE:
        return latest == WHOLE
    return latest == percent and rest == {rolled: WHOLE - percent}


def traffic_of(inference_service: Manifest) -> list[Mapping[str, Any]]:
    """The targets of the route that name a Knative revision; the same one may be named twice."""
    return [one for one in predictor_status(inference_service).get("traffic") or () if one.get("revisionName")]


def is_routed(inference_service: Manifest) -> bool:
    """Whether the gateway follows the route as it is reported."""
    return condition(inference_service, "PredictorRouteReady").get("status") == "True"


def predictor_status(inference_service: Manifest) -> Mapping[str, Any]:
    """What KServe says of the predictor's Knative revisions."""
    return manifests.field(inference_service, "status", "components", "predictor") or {}


def percent_of(inference_service: Manifest) -> int:
    """The canaryTrafficPercent; without one the latest revision gets everything."""
    percent = manifests.field(inference_service, "spec", "predictor", "canaryTrafficPercent")
    return WHOLE if percent is None else int(percent)


def condition(manifest: Manifest, name: str) -> Manifest:
    """A condition of its status; empty where it is not reported."""
    return manifests.condition_of(manifests.field(manifest, "status", "conditions"), name)


def is_ready(knative_revision: Manifest | None) -> bool:
    """Whether it can take requests, with pods or (scaled to zero) without."""
    return knative_revision is not None and condition(knative_revision, "Ready").get("status") == "True"


def min_scale(knative_revision: Manifest) -> int:
    """The fewest pods it has while the route names it."""
    return int(manifests.field(knative_revision, "metadata", "annotations", MIN_SCALE) or 0)


def as_inference_service(knative_revision: Manifest) -> dict[str, Any]:
    """A Knative revision in the words of an InferenceService, of which it is one state."""
    ready = condition(knative_revision, "Ready")
    container = manifests.field(knative_revision, "spec", "containers", 0) or {}
    return {
        "metadata": knative_revision["metadata"],
        "spec": {
            "predictor": {"minReplicas": min_scale(knative_revision), "model": {"args": container.get("args", [])}}
        },
        "status": {"conditions": [{**ready, "type": "PredictorReady"}] if ready else []},
    }


def _runs(knative_revision: Manifest, served: Iterable[Revision]) -> str:
    source = manifests.field(knative_revision, "metadata", "annotations", SOURCE)
    if not manifests.label_of(knative_revision, REVISION_LABEL):
        return next((one.id for one in served if one.artifact.uri == source), "")
    revision = revision_of(knative_revision)
    return revision.id if revision and source in (None, revision.artifact.uri) else ""


def _uri(inference_service: Manifest) -> str:
    predictor = manifests.field(inference_service, "spec", "predictor") or {}
    if model := predictor.get("model"):
        return str(model.get("storageUri") or "")
    variables = [one for container in predictor.get("containers") or () for one in container.get("env") or ()]
    return next((str(one.get("value")) for one in variables if one.get("name") == "STORAGE_URI"), "")
