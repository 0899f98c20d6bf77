"""What KWOK tells of the pods of its nodes, none of which really runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Stage = dict[str, Any]
# KServe notes the URI of the model here before the pod is made.
URI = '.metadata.annotations["internal.serving.kserve.io/storage-initializer-sourceuri"] // ""'
READY = '.status.conditions.[] | select( .type == "Ready" ) | .status'
RUNNING = "running: {startedAt: {{ $now }}}"
DONE = "terminated: {exitCode: 0, reason: Completed, startedAt: {{ $now }}, finishedAt: {{ $now }}}"
CRASHING = "waiting: {reason: CrashLoopBackOff, message: back-off restarting failed container}"
BLOCKED = "waiting: {reason: PodInitializing}"


@dataclass(frozen=True)
class Behaviour:
    """What becomes of a pod whose model's URI has a last part that begins with `word`."""

    word: str
    initialized: bool = True
    ready: bool = True
    beginning: str = DONE
    main: str = RUNNING
    restarts: int = 0
    delay_milliseconds: int = 0


READY_AT_ONCE = Behaviour("")
BEHAVIOURS = (
    Behaviour("slow", delay_milliseconds=3000),
    Behaviour("never", ready=False),
    Behaviour("crash", ready=False, main=CRASHING, restarts=3),
    Behaviour("broken", initialized=False, ready=False, beginning=CRASHING, main=BLOCKED),
)
NODE_STATUS = """\
{{ $now := Now | Quote }}
addresses:
- {type: InternalIP, address: {{ NodeIP | Quote }}}
- {type: Hostname, address: {{ NodeName | Quote }}}
allocatable: {cpu: 10k, memory: 100Ti, pods: 1M}
capacity: {cpu: 10k, memory: 100Ti, pods: 1M}
conditions:
{{ range NodeConditions }}
- type: {{ .type }}
  status: {{ .status | Quote }}
  reason: {{ .reason }}
  message: {{ .message | Quote }}
  lastHeartbeatTime: {{ $now }}
  lastTransitionTime: {{ $now }}
{{ end }}
phase: Running
"""
POD_STATUS = """\
{{ $now := Now | Quote }}
conditions:
- {type: Initialized, status: "%(initialized)s", lastTransitionTime: {{ $now }}}
- {type: ContainersReady, status: "%(ready)s", lastTransitionTime: {{ $now }}}
- {type: Ready, status: "%(ready)s", lastTransitionTime: {{ $now }}}
initContainerStatuses:
{{ range .spec.initContainers }}
- name: {{ .name }}
  image: {{ .image | Quote }}
  imageID: ""
  ready: %(began)s
  restartCount: %(restarts)d
  state: {%(beginning)s}
{{ end }}
containerStatuses:
{{ range .spec.containers }}
- name: {{ .name }}
  image: {{ .image | Quote }}
  imageID: ""
  ready: %(is_ready)s
  started: %(is_ready)s
  restartCount: %(restarts)d
  state: {%(main)s}
{{ end }}
phase: %(phase)s
startTime: {{ $now }}
hostIP: {{ NodeIPWith .spec.nodeName | Quote }}
{{ $meta := .metadata }}
{{ $address := PodIPWith .spec.nodeName false (or $meta.uid "") (or $meta.name "") (or $meta.namespace "") | Quote }}
podIP: {{ $address }}
podIPs: [{ip: {{ $address }}}]
"""


def all_stages() -> Iterator[Stage]:
    """The node's, the pods', and that a deleted pod is gone."""
    yield _stage("node-ready", "Node", [_expression(READY, "NotIn", "True")], {"statusTemplate": NODE_STATUS})
    gone = [{"key": ".metadata.deletionTimestamp", "operator": "Exists"}]
    yield _stage("pod-delete", "Pod", gone, {"delete": True})
    words = "|".join(behaviour.word for behaviour in BEHAVIOURS)
    yield _pod_stage("pod-ready", READY_AT_ONCE, _matches(words, "false"))
    for behaviour in BEHAVIOURS:
        yield _pod_stage(f"pod-{behaviour.word}", behaviour, _matches(behaviour.word, "true"))


def _pod_stage(name: str, behaviour: Behaviour, which: Stage) -> Stage:
    new = [
        {"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"},
        _expression(".status.phase", "In", "Pending"),
        _expression(READY, "NotIn", "True", "False"),
    ]
    stage = _stage(name, "Pod", [*new, which], {"statusTemplate": POD_STATUS % _values(behaviour)})
    if behaviour.delay_milliseconds:
        stage["spec"]["delay"] = {"durationMilliseconds": behaviour.delay_milliseconds}
    return stage


def _values(behaviour: Behaviour) -> dict[str, str | int]:
    return {
        "initialized": str(behaviour.initialized),
        "ready": str(behaviour.ready),
        "is_ready": str(behaviour.ready).lower(),
        "began": str(behaviour.initialized).lower(),
        "beginning": behaviour.beginning,
        "main": behaviour.main,
        "restarts": behaviour.restarts,
        "phase": "Running" if behaviour.initialized else "Pending",
    }


def _matches(words: str, expected: str) -> Stage:
    return _expression(f'({URI}) | test("/({words})[^/]*$") | tostring', "In", expected)


def _expression(key: str, operator: str, *values: str) -> Stage:
    return {"key": key, "operator": operator, "values": list(values)}


def _stage(name: str, kind: str, expressions: list[Stage], then: Stage) -> Stage:
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": name},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": kind},
            "selector": {"matchExpressions": expressions},
            "next": then,
        },
    }
