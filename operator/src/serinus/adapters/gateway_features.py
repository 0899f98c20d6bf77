"""What a Gateway can do, as its GatewayClass or the operator's settings say: whether it copies requests."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from serinus.adapters import manifests
from serinus.adapters.kubernetes_objects import GATEWAY, GATEWAY_CLASS, KubernetesObjects, Manifest
from serinus.core.spec import Gateway

MIRROR: Final = "HTTPRouteRequestMirror"
PERCENTAGE: Final = "HTTPRouteRequestPercentageMirror"


class GatewayCopies(StrEnum):
    """What gateways copy: as their class says, nothing, every request or none, or any share."""

    ASK = "ask"
    NEVER = "never"
    WHOLE = "whole"
    SHARES = "shares"


@dataclass(frozen=True)
class Mirroring:
    """Why a Gateway copies no requests, and why not a share below 100 %, as sentences' ends; empty where it does."""

    never: str = ""
    partial: str = ""

    def allows(self, percent: int) -> bool:
        """Whether this share can be copied."""
        return not self.never and (percent == 100 or not self.partial)


DECLARED: Final = {
    GatewayCopies.NEVER: Mirroring(never="the operator was told that gateways copy nothing (--gateway-copies)"),
    GatewayCopies.WHOLE: Mirroring(
        partial="the operator was told that gateways copy all or nothing (--gateway-copies)"
    ),
    GatewayCopies.SHARES: Mirroring(),
}


def mirroring(
    objects: KubernetesObjects, namespace: str, gateway: Gateway | None, copies: GatewayCopies = GatewayCopies.ASK
) -> Mirroring:
    """What can be copied. A gateway that does not list the feature may take the route and fail every request.

    `namespace` is where a gateway is that names none.
    """
    if gateway is None:
        return Mirroring(never="there is no Gateway that could copy them; set spec.serving.gateway or the operator's")
    if copies is not GatewayCopies.ASK:
        return DECLARED[copies]
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
    return _listed(of_class, f"GatewayClass {name} of {what}")


def _listed(of_class: Manifest, what: str) -> Mirroring:
    features = _features(of_class)
    if not features:
        return Mirroring(
            never=f"{what} lists no supported features; if it copies requests, tell the operator so (--gateway-copies)"
        )
    lacks = f"{what} does not list {{}} among its supported features"
    if MIRROR not in features:
        return Mirroring(never=lacks.format(MIRROR))
    return Mirroring(partial="" if PERCENTAGE in features else lacks.format(PERCENTAGE))


def _features(gateway_class: Manifest) -> frozenset[str]:
    listed: Any = manifests.field(gateway_class, "status", "supportedFeatures") or ()
    # Before 1.2 of the Gateway API they were plain names.
    return frozenset(str(one["name"]) if isinstance(one, Mapping) else str(one) for one in listed)
