"""What a KServe ServingRuntime says, and how a revision overrides what would change from revision to revision."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from serinus.adapters import manifests
from serinus.adapters.kubernetes_objects import Kind, KubernetesObjects, Manifest

SERVING_RUNTIME: Final = Kind("serving.kserve.io", "v1alpha1", "ServingRuntime", "servingruntimes")
# Not namespaced: it is asked for with an empty namespace.
CLUSTER_SERVING_RUNTIME: Final = Kind(
    "serving.kserve.io", "v1alpha1", "ClusterServingRuntime", "clusterservingruntimes"
)

SERINUS: Final = "serinus"
MLSERVER: Final = "mlserver"
CONTAINER: Final = "kserve-container"
SERVER_TYPE: Final = "serving.kserve.io/server-type"
# KServe's own runtimes that are told the model's name so; needed where ServingRuntimes of the cluster cannot be read.
TOLD_BY_ARGUMENT: Final = frozenset(
    f"kserve-{server}"
    for server in ("sklearnserver", "xgbserver", "lgbserver", "pmmlserver", "paddleserver", "predictiveserver")
) | {"kserve-huggingfaceserver", "kserve-tensorflow-serving", "kserve-openvino"}
# KServe fills in the InferenceService's name, which has the revision's id in it.
NAME_PLACEHOLDER: Final = re.compile(r"\{\{-?\s*\.Name\s*-?\}\}")


@dataclass(frozen=True)
class Runtime:
    """The part of a ServingRuntime that a revision needs. `seen`: the cluster has it."""

    name: str
    server_type: str
    format: str
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    seen: bool = True


def find_runtime(objects: KubernetesObjects, namespace: str, name: str) -> Runtime:
    """The runtime that KServe would take: the namespace's own before the cluster's."""
    found = objects.get(SERVING_RUNTIME, namespace, name) or objects.get(CLUSTER_SERVING_RUNTIME, "", name)
    return runtime_of(name, found)


def runtime_of(name: str, manifest: Manifest | None) -> Runtime:
    """What a ServingRuntime says; of one that is not there, what can be told from its name."""
    if manifest is None:
        args = ("--model_name={{.Name}}",) if name in TOLD_BY_ARGUMENT else ()
        return Runtime(name, _server_type(name), format=name, args=args, seen=False)
    container = _container(manifest)
    server_type = str(manifests.field(manifest, "metadata", "annotations", SERVER_TYPE) or _server_type(name))
    return Runtime(
        name=name,
        server_type=server_type,
        format=str(manifests.field(manifest, "spec", "supportedModelFormats", 0, "name") or name),
        args=tuple(container.get("args", ())),
        env={one["name"]: one["value"] for one in container.get("env", ()) if "value" in one},
    )


def name_args(runtime: Runtime, model: str) -> list[str]:
    """Arguments that repeat, with `model`, those that hold the InferenceService's name; the last one given counts."""
    args: list[str] = []
    for index, arg in enumerate(runtime.args):
        if not NAME_PLACEHOLDER.search(arg):
            continue
        value = NAME_PLACEHOLDER.sub(model, arg)
        flag = runtime.args[index - 1] if index and not arg.startswith("-") else ""
        args += [flag, value] if flag.startswith("-") else [value]
    return args


def name_env(runtime: Runtime, model: str) -> dict[str, str]:
    """Environment variables that hold the InferenceService's name, with `model` in its place."""
    env = {name: NAME_PLACEHOLDER.sub(model, value) for name, value in runtime.env.items() if _has_name(value)}
    # KServe sets it beside the runtime, unless it is there already.
    return env | ({"MLSERVER_MODEL_NAME": model} if runtime.server_type == MLSERVER else {})


def _has_name(value: str) -> bool:
    return NAME_PLACEHOLDER.search(value) is not None


def _server_type(name: str) -> str:
    """What KServe derives from the names of its own runtimes."""
    return MLSERVER if MLSERVER in name else name


def _container(manifest: Manifest) -> Mapping[str, Any]:
    containers = manifests.field(manifest, "spec", "containers") or ()
    return next((one for one in containers if one.get("name") == CONTAINER), {})
