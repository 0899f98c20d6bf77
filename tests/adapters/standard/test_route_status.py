"""When a route is in force, what it sends where, and why it is not."""

from typing import Any

import pytest

from serinus.adapters.http_route import is_accepted, refusal, routed_weights
from tests.adapters.standard.support import golden

PARENT = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": "infra", "name": "public"}


def condition(name: str, status: str = "True", generation: int = 3, **more: str) -> dict[str, Any]:
    return {"type": name, "status": status, "reason": name, "observedGeneration": generation, **more}


def parent(*conditions: dict[str, Any], **ref: str) -> dict[str, Any]:
    return {"parentRef": PARENT | ref, "controllerName": "x", "conditions": list(conditions)}


def route(*parents: dict[str, Any], generation: int = 3) -> dict[str, Any]:
    made: dict[str, Any] = golden("route-split")
    made["metadata"]["generation"] = generation
    made["status"] = {"parents": list(parents)}
    return made


ACCEPTED, RESOLVED = condition("Accepted"), condition("ResolvedRefs")
OLD = parent(condition("Accepted", generation=2), condition("ResolvedRefs", generation=2))
NO_BACKEND = condition("ResolvedRefs", "False", reason="BackendNotFound", message="no such Service")
NOT_ALLOWED = condition("Accepted", "False", reason="NotAllowedByListeners")


@pytest.mark.parametrize(
    ("seen", "accepted", "why"),
    [
        (route(parent(ACCEPTED, RESOLVED)), True, ""),
        (route(OLD), False, ""),
        (route(parent(ACCEPTED)), False, ""),
        (route(parent(ACCEPTED, condition("ResolvedRefs", generation=2))), False, ""),
        (route(parent(ACCEPTED, RESOLVED, name="another")), False, "has not answered"),
        (route(), False, "does the Gateway exist"),
        (route(parent(ACCEPTED, NO_BACKEND)), False, "ResolvedRefs is False, BackendNotFound: no such Service"),
        (route(parent(NOT_ALLOWED, RESOLVED)), False, "Accepted is False, NotAllowedByListeners: look at the Gateway"),
        (route(parent(NOT_ALLOWED, RESOLVED), parent(ACCEPTED, RESOLVED)), True, ""),
    ],
)
def test_a_route_is_in_force_once_its_gateway_accepts_it_as_it_is_now(
    seen: dict[str, Any], accepted: bool, why: str
) -> None:
    assert is_accepted(seen) is accepted
    assert why in refusal(seen)
    assert bool(refusal(seen)) is bool(why)


def test_a_refusal_names_the_route_and_the_gateway() -> None:
    assert refusal(route()).startswith("Gateway infra/public of HTTPRoute ml/flight-delay ")


@pytest.mark.parametrize("name", ["route-split", "route-match", "route-sticky"])
def test_weights_are_those_of_the_rule_that_splits(name: str) -> None:
    weights = {"route-split": (90, 10), "route-match": (100, 0), "route-sticky": (50, 50)}[name]
    assert routed_weights(golden(name)) == dict(zip(("aaaaaaaaaa", "bbbbbbbbbb"), weights, strict=True))


def test_no_route_sends_nothing() -> None:
    assert routed_weights(None) == {}
