"""Readiness, restarts and hopeless cases, told from pods and KServe's words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from serinus.adapters.look import Look
from serinus.adapters.revision_health import deaths, settles_in, status_of, stuck_containers
from serinus.core.observation import RevisionStatus
from tests.adapters.standard.support import golden

CREATED = datetime(2026, 1, 5, 12, tzinfo=UTC)
PATIENCE = timedelta(seconds=30)
YOUNG, OLD = (Look(CREATED + timedelta(seconds=age), PATIENCE) for age in (5, 31))
DIGEST = "artifact /mnt/models has digest sha256:1, but sha256:2 was registered"


def service(golden_name: str = "serinus", **status: Any) -> dict[str, Any]:
    made: dict[str, Any] = golden(golden_name)
    made["metadata"]["creationTimestamp"] = "2026-01-05T12:00:00Z"
    return made | {"status": status}


UNKNOWN = "Exception: Cannot recognize storage type for mlflow-artifacts:/1/model\n's3://' is a storage type."


def pod(*containers: dict[str, Any], ready: bool = False, component: str = "predictor", **more: Any) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": str(ready)}, *more.pop("conditions", [])]
    metadata = {
        "name": "pod",
        "uid": "u",
        "labels": {"component": component},
        "creationTimestamp": "2026-01-05T12:00:00Z",
    }
    init = {"initContainerStatuses": more.pop("init")} if "init" in more else {}
    status = {"phase": "Running", "conditions": conditions, "containerStatuses": list(containers), **init}
    return {"metadata": metadata | more.pop("metadata", {}), "status": status | more}


def container(name: str = "kserve-container", restarts: int = 0, **states: Any) -> dict[str, Any]:
    waiting = (
        {"waiting": {"reason": states["waiting"], "message": states.get("message", "")}}
        if "waiting" in states
        else None
    )
    ended = {"terminated": {"exitCode": states["code"], "message": states.get("say", "")}} if "code" in states else None
    running = {"running": {}} if states.get("running") else None
    now = waiting or running or ended or {}
    last = ended if ended and now is not ended else {}
    return {"name": name, "ready": False, "restartCount": restarts, "state": now, "lastState": last}


def initializer(restarts: int = 0, **states: Any) -> dict[str, Any]:
    return pod(init=[container("storage-initializer", restarts, **states)])


def seen(one: dict[str, Any], *pods: dict[str, Any], look: Look = OLD) -> RevisionStatus:
    return status_of(
        one, pods, restarts=0, look=replace(look, stuck_since=dict.fromkeys(stuck_containers(pods), CREATED))
    )


def refused(reason: str, message: str) -> dict[str, Any]:
    status = {"transitionStatus": "InvalidSpec", "lastFailureInfo": {"reason": reason, "message": message}}
    return service(modelStatus=status)


READY = pod(container(), ready=True)


def test_ready_replicas_are_those_whose_pods_say_so() -> None:
    status = seen(service(), READY, READY)
    assert (status.ready, status.replicas, status.ready_replicas, status.message) == (True, 2, 2, "")
    assert not seen(service(), READY, pod(container())).ready


def test_a_pod_counts_once_every_gateway_has_had_time_to_hear_of_it() -> None:
    fresh = pod(container())
    fresh["status"]["conditions"] = [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-05T12:00:00Z"}]
    settle = timedelta(seconds=1)
    ages = {age: Look(CREATED + timedelta(seconds=age), PATIENCE, settle) for age in (0.5, 1.9, 2)}
    assert [seen(service(), fresh, look=look).ready_replicas for look in ages.values()] == [0, 0, 1]
    assert [settles_in([fresh, pod(container())], look) for look in ages.values()] == [
        timedelta(seconds=1.5),
        timedelta(seconds=0.1),
        None,
    ]


def test_kserve_saying_ready_is_no_proof() -> None:
    conditions = [{"type": "Ready", "status": "True"}, {"type": "PredictorReady", "status": "True"}]
    assert not seen(service(conditions=conditions), pod(container())).ready


def test_a_pod_that_is_going_away_does_not_count() -> None:
    going = pod(container(), ready=True, metadata={"deletionTimestamp": "2026-01-05T12:01:00Z"})
    assert seen(service(), READY, going).ready_replicas == 1


def test_a_transformer_must_be_up_too() -> None:
    both = service("template")
    assert not seen(both, READY).ready
    assert seen(both, READY, pod(container(), ready=True, component="transformer")).ready
    assert seen(both, READY, pod(container(), ready=True, component="transformer")).ready_replicas == 1


@pytest.mark.parametrize(
    ("one", "pods", "words"),
    [
        (service(), [pod(container(code=3, say=DIGEST))], f"exit code 3): {DIGEST}"),
        (
            service(),
            [pod(container(code=4, say="Traceback\n  x\nModelUnloadable: no"))],
            "exit code 4): ModelUnloadable: no",
        ),
        (service(), [pod(container(restarts=1, running=True, code=3, say=DIGEST))], DIGEST),
        (service(), [pod(container(restarts=3, waiting="CrashLoopBackOff", code=1, say="boom"))], "exit code 1): boom"),
        (service(), [pod(container(restarts=3, waiting="CrashLoopBackOff", code=137))], "exit code 137"),
        (service(), [pod(container(waiting="InvalidImageName", message="bad"))], "cannot start: InvalidImageName: bad"),
        (service(), [pod(container(waiting="ImagePullBackOff", message="404"))], "cannot start: ImagePullBackOff: 404"),
        (
            service(),
            [initializer(3, waiting="CrashLoopBackOff", code=1, say="botocore: NoSuchKey")],
            "the storage initializer cannot fetch the model (exit code 1): botocore: NoSuchKey",
        ),
        (
            service(),
            [initializer(3, waiting="CrashLoopBackOff", code=1, say=UNKNOWN)],
            "(exit code 1), for KServe's own knows no mlflow-artifacts: addresses; set storageInitializer.install=true in",
        ),
        (
            service(),
            [initializer(3, waiting="CrashLoopBackOff", code=4, say="there is no model at mlflow-artifacts:/1")],
            "the storage initializer cannot fetch the model (exit code 4): there is no model at mlflow-artifacts:/1",
        ),
        (
            refused("NoSupportingRuntime", "not this format"),
            [],
            "NoSupportingRuntime: not this format (runtime serinus",
        ),
        (refused("RuntimeNotRecognized", "waiting"), [], "correct spec.serving or install the runtime"),
    ],
)
def test_what_cannot_come_up_is_failed_with_the_reason(
    one: dict[str, Any], pods: list[dict[str, Any]], words: str
) -> None:
    status = seen(one, *pods)
    assert status.failed
    assert words in status.message


@pytest.mark.parametrize(
    ("one", "pods", "look", "words"),
    [
        (service(), [pod(container(waiting="ImagePullBackOff", message="404"))], YOUNG, "ImagePullBackOff: 404"),
        (refused("RuntimeNotRecognized", "waiting"), [], YOUNG, ""),
        (service(), [pod(container(restarts=2, waiting="CrashLoopBackOff", code=1, say="boom"))], OLD, "boom"),
        (service(), [initializer(1, waiting="CrashLoopBackOff", code=1, say="timeout")], OLD, "timeout"),
        (service(), [pod(container(restarts=5, running=True, code=1, say="boom"))], OLD, "boom"),
        (service(), [pod(container(waiting="ContainerCreating"))], OLD, ""),
        (service(), [pod(container(running=True))], OLD, ""),
        # another server means something else by 3
        (service("sklearn-orphan"), [pod(container(restarts=1, running=True, code=3, say="worker"))], OLD, "worker"),
        (
            service(
                conditions=[{"type": "PredictorReady", "status": "False", "reason": "Quota", "message": "exceeded"}]
            ),
            [],
            OLD,
            "Quota: exceeded",
        ),
        (
            service(),
            [pod(conditions=[{"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}])],
            OLD,
            "is not scheduled: 0/3 nodes are available",
        ),
    ],
)
def test_what_may_still_come_up_is_not_failed_and_says_what_it_waits_for(
    one: dict[str, Any], pods: list[dict[str, Any]], look: Look, words: str
) -> None:
    status = seen(one, *pods, look=look)
    assert not status.failed
    assert not status.ready
    assert words in status.message


def test_one_crashing_pod_beside_a_ready_one_is_no_failure_of_the_revision() -> None:
    status = seen(service(), READY, pod(container(code=3, say=DIGEST)))
    assert not status.failed
    assert DIGEST in status.message


def test_what_kserve_said_of_an_earlier_failure_does_not_count() -> None:
    stale = {"transitionStatus": "UpToDate", "lastFailureInfo": {"reason": "ModelLoadFailed", "message": "old"}}
    assert seen(service("sklearn-orphan", modelStatus=stale), READY).message == ""


def test_deaths_are_restarts_and_evictions() -> None:
    assert deaths(pod(container(restarts=2), container("sidecar", restarts=1))) == 3
    assert deaths(pod(phase="Failed")) == 1
    assert deaths(pod(init=[container("storage-initializer", restarts=4)])) == 0


def test_a_long_message_is_cut_off() -> None:
    assert len(seen(service(), pod(container(code=3, say="x" * 5000))).message) <= 400
