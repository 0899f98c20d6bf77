"""When a route is in force, what it sends where, and why it is not."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from serinus.adapters.http_route import Backend, Routing, http_route, is_accepted, refusal, routed_weights
from serinus.adapters.look import Look
from serinus.core.plan import HeaderMatch
from tests.adapters.standard.cases import GATEWAY
from tests.adapters.standard.support import KEY, golden, owner

CREATED = datetime(2026, 1, 5, 12, tzinfo=UTC)
SOON, LATER = (Look(CREATED + timedelta(seconds=age), timedelta(seconds=30)) for age in (5, 31))
PARENT = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": "infra", "name": "public"}


def condition(name: str, status: str = "True", generation: int = 3, **more: str) -> dict[str, Any]:
    known = {"observedGeneration": generation, "lastTransitionTime": "2026-01-05T12:00:00Z"}
    return {"type": name, "status": status, "reason": name, **known, **more}


def parent(*conditions: dict[str, Any], **ref: str) -> dict[str, Any]:
    return {"parentRef": PARENT | ref, "controllerName": "x", "conditions": list(conditions)}


def route(*parents: dict[str, Any], generation: int = 3) -> dict[str, Any]:
    made: dict[str, Any] = golden("route-split")
    made["metadata"] |= {"generation": generation, "creationTimestamp": "2026-01-05T12:00:00Z"}
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
    assert why in refusal(seen, LATER)
    assert bool(refusal(seen, LATER)) is bool(why)
    assert not refusal(seen, SOON)


def test_a_refusal_names_the_route_and_the_gateway() -> None:
    assert refusal(route(), LATER).startswith("Gateway infra/public of HTTPRoute ml/flight-delay ")


@pytest.mark.parametrize("name", ["route-split", "route-match", "route-sticky"])
def test_weights_are_those_of_the_rule_that_splits(name: str) -> None:
    weights = {"route-split": (90, 10), "route-match": (100, 0), "route-sticky": (50, 50)}[name]
    assert routed_weights(golden(name)) == dict(zip(("aaaaaaaaaa", "bbbbbbbbbb"), weights, strict=True))


def test_no_route_sends_nothing() -> None:
    assert routed_weights(None) == {}


@pytest.mark.parametrize(
    ("value", "type_", "written"),
    [
        ("ann", "Exact", "ann"),
        ("a.b*(c)", "Exact", "a.b*(c)"),
        ('the "new" (one)', "RegularExpression", "^the .new. .one.$"),
        ("back\\slash", "RegularExpression", "^back.slash$"),
    ],
)
def test_a_header_is_matched_exactly_where_gateways_can(value: str, type_: str, written: str) -> None:
    routing = Routing((Backend("aaa", "a", 100),), HeaderMatch("X-Tester", value), "b")
    rule = http_route(KEY, owner(), GATEWAY, "x", routing)["spec"]["rules"][1]
    assert rule["matches"][0]["headers"] == [{"type": type_, "name": "X-Tester", "value": written}]
    assert type_ == "Exact" or re.search(written, value)
