"""The environment variables and the command of a container, with every reference resolved."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from lightkube.models.core_v1 import Container, EnvVar, EnvVarSource
from lightkube.resources.core_v1 import Pod
from lightkube.utils.quantity import parse_quantity

from tests.cluster.control_plane.layout import API_ADDRESS, API_PORT, NODE_ADDRESS
from tests.cluster.control_plane.node.api import Api, ConfigurationMissing
from tests.cluster.control_plane.node.images import BIN, Image

REFERENCE = re.compile(r"\$(\$|\(([-._a-zA-Z][-._a-zA-Z0-9]*)\))")
MAP_KEY = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")
BASE = {
    "PATH": f"{BIN}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/",
    "LANG": "C.UTF-8",
    "KUBERNETES_SERVICE_HOST": API_ADDRESS,
    "KUBERNETES_SERVICE_PORT": str(API_PORT),
    "KUBERNETES_SERVICE_PORT_HTTPS": str(API_PORT),
}


async def environment_of(container: Container, image: Image, pod: Pod, address: str, api: Api) -> dict[str, str]:
    """Every variable of a container. Raises ConfigurationMissing."""
    values = BASE | {"HOSTNAME": field_of(pod, "metadata.name", address)} | dict(image.environment)
    values |= await _from_objects(container, pod, api)
    for variable in container.env or ():
        value = await _value(variable, container, pod, address, api)
        if value is not None:
            values[variable.name] = expand(value, values)
    return values


def command_of(container: Container, image: Image, environment: Mapping[str, str]) -> list[str]:
    """What is run: the pod's command and arguments, or the image's where the pod has none."""
    command: Sequence[str] = container.command or image.entrypoint
    own = () if container.command else image.arguments
    return [expand(part, environment) for part in (*command, *(container.args or own))]


def expand(text: str, values: Mapping[str, str]) -> str:
    """Replace $(NAME) as Kubernetes does: an unknown name stays as it is, $$ is a dollar sign."""

    def replaced(found: re.Match[str]) -> str:
        return "$" if found[1] == "$" else values.get(found[2], found[0])

    return REFERENCE.sub(replaced, text)


def field_of(pod: Pod, path: str, address: str) -> str:
    """A field of the pod by the path that the downward API knows it by. Raises ConfigurationMissing."""
    assert pod.metadata is not None
    assert pod.spec is not None
    if found := MAP_KEY.fullmatch(path):
        return str((getattr(pod.metadata, found[1]) or {}).get(found[2], ""))
    if path in ("status.podIP", "status.podIPs"):
        return address
    if path in ("status.hostIP", "status.hostIPs"):
        return NODE_ADDRESS
    holders: dict[str, Any] = {"metadata": pod.metadata, "spec": pod.spec}
    holder, _, name = path.partition(".")
    if holder not in holders or not hasattr(holders[holder], name):
        raise ConfigurationMissing(f"the field {path} is not known to this node")
    value = getattr(holders[holder], name)
    return "\n".join(f'{key}="{text}"' for key, text in value.items()) if isinstance(value, dict) else str(value or "")


async def _from_objects(container: Container, pod: Pod, api: Api) -> dict[str, str]:
    values: dict[str, str] = {}
    for source in container.envFrom or ():
        reference = source.configMapRef or source.secretRef
        assert reference is not None
        read = _config_map if source.configMapRef else _secret
        contents = await read(api, pod, reference.name or "", bool(reference.optional))
        values |= {f"{source.prefix or ''}{key}": text.decode() for key, text in contents.items()}
    return values


async def _value(variable: EnvVar, container: Container, pod: Pod, address: str, api: Api) -> str | None:
    source = variable.valueFrom
    if source is None:
        return variable.value or ""
    if source.fieldRef:
        return field_of(pod, source.fieldRef.fieldPath, address)
    if source.resourceFieldRef:
        return _resource(container, source.resourceFieldRef.resource, source.resourceFieldRef.divisor)
    return await _key(source, pod, api)


async def _key(source: EnvVarSource, pod: Pod, api: Api) -> str | None:
    reference = source.configMapKeyRef or source.secretKeyRef
    assert reference is not None
    read = _config_map if source.configMapKeyRef else _secret
    contents = await read(api, pod, reference.name or "", bool(reference.optional))
    if reference.key in contents:
        return contents[reference.key].decode()
    if reference.optional:
        return None
    raise ConfigurationMissing(f'there is no key "{reference.key}" in "{reference.name}"')


async def _config_map(api: Api, pod: Pod, name: str, optional: bool) -> dict[str, bytes]:
    return _present(await api.config_map(_namespace(pod), name), f'configmap "{name}"', optional)


async def _secret(api: Api, pod: Pod, name: str, optional: bool) -> dict[str, bytes]:
    return _present(await api.secret(_namespace(pod), name), f'secret "{name}"', optional)


def _present(contents: dict[str, bytes] | None, what: str, optional: bool) -> dict[str, bytes]:
    if contents is None and not optional:
        raise ConfigurationMissing(f"{what} not found")
    return contents or {}


def _namespace(pod: Pod) -> str:
    assert pod.metadata is not None
    return pod.metadata.namespace or "default"


def _resource(container: Container, resource: str, divisor: str | None) -> str:
    kind, _, name = resource.partition(".")
    amounts = (getattr(container.resources, kind, None) if container.resources else None) or {}
    amount = parse_quantity(amounts.get(name) or "0") or 0
    # A divisor that is not given arrives as the quantity 0.
    unit = parse_quantity(divisor or "1") or 1
    return str(math.ceil(amount / unit))
