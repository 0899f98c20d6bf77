"""What a Gateway can do, as the status of its GatewayClass says: whether it copies requests."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from serinus.adapters import manifests
from serinus.adapters.kubernetes_objects import GATEWAY, GATEWAY_CLASS, KubernetesObjects
from serinus.core.spec import Gateway

MIRROR: Final = "HTTPRouteRequestMirror"
PERCENTAGE: Final = "HTTPRouteRequestPercentageMirror"


@dataclass(frozen=True)
class Mirroring:
    """Why a Gateway copies no requests, and why not a share below 100 %, as sentences' ends; empty where it does."""

    never: str = ""
    partial: str = ""

    def allows(self, percent: int) -> bool:
        """Whether this share can be copied."""
        return not self.never and (percent == 100 or not self.partial)


def mirroring(objects: KubernetesObjects, namespace: str, gateway: Gateway | None) -> Mirroring:
    """What can be copied. A gateway that does not list the feature may take the route and fail every request.

    `namespace` is where a gateway is that names none.
    """
    if gateway is None:
        return Mirroring(never="there is no Gateway that could copy them; set spec.serving.gateway or the operator's")
    place = gateway.namespace or namespace
    what = f"Gateway {place}/{gateway.name}"
    found = objects.get(GATEWAY, place, gateway.name)
    if found is None:
        return Mirroring(never=f"{what} is not to be seen, so nobody can tell whether it copies requests")
    name = str(manifests.field(found, "spec", "gatewayClassName") or "")
    of_class = objects.get(GATEWAY_CLASS, "", name)
    if of_class is None:
        unseen = f"GatewayClass {name} of {what} is not to be seen, so nobody can tell whether it copies requests"
        return Mirroring(never=unseen)
    listed = manifests.field(of_class, "status", "supportedFeatures") or ()
    features = {one["name"] if isinstance(one, Mapping) else one for one in listed}  # before 1.2 they were plain names
    lacks = f"GatewayClass {name} of {what} does not list {{}} among its supported features"
    if MIRROR not in features:
        return Mirroring(never=lacks.format(MIRROR))
    return Mirroring(partial="" if PERCENTAGE in features else lacks.format(PERCENTAGE))
