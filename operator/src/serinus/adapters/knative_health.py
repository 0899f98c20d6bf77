"""How a revision is doing in KServe's Knative mode, told from its Knative revision, its pods and KServe's words."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from serinus.adapters import manifests
from serinus.adapters.knative_objects import as_inference_service, condition, is_ready, min_scale
from serinus.adapters.kubernetes_objects import REVISION_LABEL, Manifest
from serinus.adapters.look import Look
from serinus.adapters.revision_health import SENTENCE_CHARACTERS, status_of
from serinus.core.observation import RevisionStatus

REVISION_OF_POD: Final = "serving.knative.dev/revision"
RECONCILE_FAILED: Final = "ReconcileFailed"
BLOCKED: Final = "BlockedByFailedLoad"
# Knative gives such a revision up, and takes its pods away.
GIVEN_UP: Final = frozenset({"ProgressDeadlineExceeded"})


def running_status(
    revision: str, knative_revision: Manifest, pods: Sequence[Manifest], restarts: int, *, routed: bool, look: Look
) -> RevisionStatus:
    """The status of a revision that has a Knative revision. `pods`: those that are seen of it; `routed`: the route names it.

    What the route does not name may be scaled to zero, and is ready all the same: a request brings it up.
    """
    name = manifests.name_of(knative_revision)
    own = [pod for pod in pods if manifests.label_of(pod, REVISION_OF_POD) == name]
    status = status_of(as_inference_service(knative_revision), own, restarts, look)
    wanted = min_scale(knative_revision) if routed else 0
    # Pods of an adopted InferenceService bear no label of ours; Knative counts them.
    count = status.ready_replicas or (0 if own else _actual(knative_revision))
    ready = is_ready(knative_revision) and count >= wanted
    hopeless = "" if count or is_ready(knative_revision) else _hopeless(knative_revision, status, look)
    return replace(
        status,
        revision=revision,
        ready=ready,
        replicas=wanted,
        ready_replicas=count,
        failed=bool(hopeless),
        message="" if ready else (hopeless or status.message or _words(knative_revision))[:SENTENCE_CHARACTERS],
    )


def unmade_status(revision: str, inference_service: Manifest, since: datetime, look: Look) -> RevisionStatus:
    """The status of a revision that the spec has described since then, and that has no Knative revision yet.

    KServe makes none where it does not understand the model; its status may still be that of the one before.
    """
    as_new = {
        **inference_service,
        "metadata": {**inference_service["metadata"], "creationTimestamp": since.isoformat()},
    }
    status = status_of(as_new, (), 0, look)
    refused = condition(inference_service, "PredictorReady")
    if refused.get("reason") == RECONCILE_FAILED and look.is_over(since.isoformat()):
        status = replace(
            status, failed=True, message=f"KServe cannot serve it: {refused.get('message', RECONCILE_FAILED)}"
        )
    return replace(status, revision=revision, ready=False, message=status.message[:SENTENCE_CHARACTERS])


def blocked_by(inference_service: Manifest) -> str:
    """Why KServe could not load the latest model, as it says; empty if it says nothing of the kind now."""
    said = manifests.field(inference_service, "status", "modelStatus") or {}
    if said.get("transitionStatus") != BLOCKED:
        return ""
    failure = said.get("lastFailureInfo") or {}
    words = [failure.get("reason", BLOCKED), failure.get("message", ""), _exit(failure)]
    return ": ".join(word for word in words if word)


def _hopeless(knative_revision: Manifest, status: RevisionStatus, look: Look) -> str:
    """Why it cannot come up by itself, as a sentence; empty where it still may."""
    if status.failed:
        return status.message
    ready = condition(knative_revision, "Ready")
    lasting = ready.get("status") == "False" and look.is_over(ready.get("lastTransitionTime"))
    return _words(knative_revision) if ready.get("reason") in GIVEN_UP or lasting else ""


def _words(knative_revision: Manifest) -> str:
    """What Knative says of it, the reason that helps first: a container that ends says why."""
    conditions = [condition(knative_revision, name) for name in ("ContainerHealthy", "ResourcesAvailable", "Ready")]
    said = [one for one in conditions if one.get("status") not in (None, "True")]
    found = next((one for one in said if one.get("message")), said[0] if said else {})
    words = [str(found.get(name) or "") for name in ("reason", "message")]
    return ": ".join(word for word in words if word)


def _actual(knative_revision: Manifest) -> int:
    return int(manifests.field(knative_revision, "status", "actualReplicas") or 0)


def _exit(failure: Manifest) -> str:
    return f"exit code {failure['exitCode']}" if failure.get("exitCode") else ""


def pods_of(revision: str, pods: Sequence[Manifest]) -> list[Manifest]:
    """All pods of a revision, whichever Knative revision they belong to."""
    return [pod for pod in pods if manifests.label_of(pod, REVISION_LABEL) == revision]
