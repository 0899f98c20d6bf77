"""A pod's status, out of what its containers are."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from lightkube.models.core_v1 import (
    Container,
    ContainerState,
    ContainerStateWaiting,
    ContainerStatus,
    HostIP,
    PodCondition,
    PodIP,
    PodSpec,
    PodStatus,
)

from tests.cluster.control_plane.layout import NODE_ADDRESS
from tests.cluster.control_plane.node.container import RunningContainer


def pod_status(
    spec: PodSpec,
    address: str | None,
    started_at: datetime,
    *,
    beginning: Sequence[RunningContainer],
    main: Sequence[RunningContainer],
    before: PodStatus,
) -> PodStatus:
    """The whole status but the conditions that others write. `before`: the former one, for times of transitions."""
    initialized = all(map(_is_over, beginning)) and len(beginning) == len(spec.initContainers or ())
    ready = initialized and len(main) == len(spec.containers) and all(container.ready for container in main)
    unready = [container.container.name for container in main if not container.ready]
    conditions = {
        "PodReadyToStartContainers": (address is not None, None),
        "Initialized": (initialized, None if initialized else "ContainersNotInitialized"),
        "ContainersReady": (ready, None if ready else "ContainersNotReady"),
        "Ready": (ready, None if ready else "ContainersNotReady"),
    }
    message = f"containers with unready status: [{' '.join(unready)}]" if unready else None
    return PodStatus(
        phase=_phase(spec, main, beginning),
        conditions=[
            _condition(kind, holds, reason, message if reason == "ContainersNotReady" else None, before)
            for kind, (holds, reason) in conditions.items()
        ],
        hostIP=NODE_ADDRESS,
        hostIPs=[HostIP(ip=NODE_ADDRESS)],
        podIP=address,
        podIPs=[PodIP(ip=address)] if address else None,
        startTime=started_at,
        initContainerStatuses=[
            *(_container_status(one, ready=_is_over(one)) for one in beginning),
            *map(_not_yet, (spec.initContainers or ())[len(beginning) :]),
        ],
        containerStatuses=[
            *(_container_status(one, ready=one.ready) for one in main),
            *map(_not_yet, spec.containers[len(main) :]),
        ],
    )


def _is_over(container: RunningContainer) -> bool:
    """Whether what comes after an init container may start."""
    if container.container.restartPolicy == "Always":
        return container.started
    ended = container.state.terminated
    return ended is not None and ended.exitCode == 0


def _phase(spec: PodSpec, main: Iterable[RunningContainer], beginning: Iterable[RunningContainer]) -> str:
    policy = spec.restartPolicy or "Always"
    if policy == "Never" and any(one.state.terminated and one.state.terminated.exitCode for one in beginning):
        return "Failed"
    codes = [one.state.terminated.exitCode if one.state.terminated else None for one in main]
    if policy != "Always" and codes and all(code is not None for code in codes):
        if not any(codes):
            return "Succeeded"
        if policy == "Never":
            return "Failed"
    begun = any(one.state.waiting is None or one.restarts for one in main)
    return "Running" if begun else "Pending"


def _condition(kind: str, holds: bool, reason: str | None, message: str | None, before: PodStatus) -> PodCondition:
    status = "True" if holds else "False"
    former = next((one for one in before.conditions or () if one.type == kind), None)
    since = former.lastTransitionTime if former and former.status == status else datetime.now(UTC)
    return PodCondition(type=kind, status=status, reason=reason, message=message, lastTransitionTime=since)


def _not_yet(container: Container) -> ContainerStatus:
    image, waiting = container.image or "", ContainerStateWaiting(reason="PodInitializing")
    state = ContainerState(waiting=waiting)
    return ContainerStatus(
        name=container.name, image=image, imageID="", ready=False, started=False, restartCount=0, state=state
    )


def _container_status(one: RunningContainer, *, ready: bool) -> ContainerStatus:
    image = one.container.image or ""
    return ContainerStatus(
        name=one.container.name,
        image=image,
        imageID=image,
        ready=ready,
        started=one.started,
        restartCount=one.restarts,
        state=one.state,
        lastState=ContainerState(terminated=one.last_state),
    )
