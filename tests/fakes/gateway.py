"""A gateway in memory: accepts HTTPRoutes and sends requests by what they say, as the Gateway API defines it."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from serinus.adapters.kubernetes_objects import HTTP_ROUTE, INFERENCE_SERVICE, Manifest
from serinus.ports import Key
from tests.fakes.kubernetes import FakeKubernetes


class FakeGateway:
    """Works by the routes it has accepted. `stuck`: it answers nobody."""

    def __init__(self, kubernetes: FakeKubernetes) -> None:
        self.stuck = False
        self._kubernetes = kubernetes
        self._loaded: dict[Key, list[dict[str, Any]]] = {}
        self._credits: dict[Key, dict[str, int]] = {}
        self.copies: Counter[str] = Counter()  # by Service
        self._owed = 0  # percent of a copy

    def step(self, key: Key) -> None:
        """Take over the deployment's route as it is now, and say so."""
        route = self._kubernetes.get(HTTP_ROUTE, key.namespace, key.name)
        if self.stuck:
            return
        if route is None:
            self._loaded.pop(key, None)
            return
        if self._loaded.get(key) != route["spec"]["rules"]:
            self._loaded[key], self._credits[key] = route["spec"]["rules"], {}
        status = {"parents": [self._answer(key, route)]}
        self._kubernetes.edit(HTTP_ROUTE, key.namespace, key.name, {"status": status})

    def _answer(self, key: Key, route: Manifest) -> dict[str, Any]:
        resolved = all(
            self._has_service(key, ref["name"]) for rule in route["spec"]["rules"] for ref in rule["backendRefs"]
        )
        known = {"observedGeneration": route["metadata"]["generation"]}
        reason = {"reason": "ResolvedRefs"} if resolved else {"reason": "BackendNotFound", "message": "no Service"}
        return {
            "parentRef": route["spec"]["parentRefs"][0],
            "controllerName": "example.org/gateway",
            "conditions": [
                {"type": "Accepted", "status": "True", "reason": "Accepted", **known},
                {"type": "ResolvedRefs", "status": str(resolved), **reason, **known},
            ],
        }

    def _has_service(self, key: Key, service: str) -> bool:
        return self._kubernetes.get(INFERENCE_SERVICE, key.namespace, re.sub("-[a-z]+$", "", service)) is not None

    def send(self, key: Key, headers: Mapping[str, str]) -> tuple[str, str]:
        """The Service that a request goes to, and the cookie that its answer sets."""
        rules = self._loaded[key]
        specific = [rule for rule in rules if self._headers(rule) and self._matches(rule, headers)]
        rule = specific[0] if specific else next(rule for rule in rules if not self._headers(rule))
        backend = self._next(key, rule["backendRefs"])
        for copied in rule.get("filters", ()):
            self._copy(copied["requestMirror"])
        filters = backend.get("filters", [])
        added = filters[0]["responseHeaderModifier"]["add"][0]["value"] if filters else ""
        return backend["name"], added.partition(";")[0]

    def _copy(self, mirror: Mapping[str, Any]) -> None:
        self._owed += mirror.get("percent", 100)
        self.copies[mirror["backendRef"]["name"]] += self._owed // 100
        self._owed %= 100

    def _headers(self, rule: Mapping[str, Any]) -> list[dict[str, str]]:
        found: list[dict[str, str]] = rule["matches"][0].get("headers", [])
        return found

    def _matches(self, rule: Mapping[str, Any], headers: Mapping[str, str]) -> bool:
        sent = {name.lower(): value for name, value in headers.items()}
        for one in self._headers(rule):
            value = sent.get(one["name"].lower())
            exact = one["type"] == "Exact"
            if value is None or not (value == one["value"] if exact else re.search(one["value"], value)):
                return False
        return True

    def _next(self, key: Key, backends: list[dict[str, Any]]) -> dict[str, Any]:
        """Smooth weighted round robin, which makes the split exact."""
        credits_of = self._credits[key]
        for one in backends:
            credits_of[one["name"]] = credits_of.get(one["name"], 0) + one["weight"]
        chosen = max(backends, key=lambda one: credits_of[one["name"]])
        credits_of[chosen["name"]] -= sum(one["weight"] for one in backends)
        return chosen
