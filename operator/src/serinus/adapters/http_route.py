"""The HTTPRoute that splits a deployment's requests: pure functions from weights to manifest, and from status to weights."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from serinus.adapters import manifests
from serinus.adapters.kubernetes_objects import DEPLOYMENT_LABEL, HTTP_ROUTE, Manifest, Owner
from serinus.adapters.look import Look
from serinus.core.plan import HeaderMatch
from serinus.core.spec import Gateway
from serinus.ports import Key

PORT: Final = 80  # of the Services that KServe makes
GATEWAY_GROUP: Final = "gateway.networking.k8s.io"
COMPONENT: Final = re.compile(r"-(predictor|transformer)$")
UNQUOTABLE: Final = frozenset('"\\')
PLAIN: Final = " -_=,;:/"
# The rule that splits stays the first: gateways name their counters by a rule's and a backend's place in the list.
SPLIT: Final = 0


@dataclass(frozen=True)
class Backend:
    """A revision, the Kubernetes Service that takes its requests, and its share in percent."""

    revision: str
    service: str
    weight: int


@dataclass(frozen=True)
class Routing:
    """How requests are split. `match` leads to the Service `matched`; `mirrored` gets copies of `percent` of them."""

    backends: tuple[Backend, ...]
    match: HeaderMatch | None = None
    matched: str = ""
    mirrored: str = ""
    percent: int = 100
    sticky: bool = False


def http_route(key: Key, owner: Owner, gateway: Gateway, hostname: str, routing: Routing) -> dict[str, Any]:
    """What is applied. Fields that the server would fill in are written out, so that both can be compared."""
    parent = {
        "group": GATEWAY_GROUP,
        "kind": "Gateway",
        "namespace": gateway.namespace or key.namespace,
        "name": gateway.name,
    }
    return {
        "apiVersion": HTTP_ROUTE.api_version,
        "kind": HTTP_ROUTE.kind,
        "metadata": {
            "name": key.name,
            "namespace": key.namespace,
            "labels": {DEPLOYMENT_LABEL: key.name},
            **manifests.owner_references(owner, key),
        },
        "spec": {"parentRefs": [parent], "hostnames": [hostname], "rules": _rules(key, routing)},
    }


def routed_weights(route: Manifest | None) -> dict[str, int]:
    """The weights that the route asks for, by revision id."""
    refs = manifests.field(route, "spec", "rules", SPLIT, "backendRefs") or ()
    return {_revision_of(ref["name"]): int(ref.get("weight", 1)) for ref in refs}


def routed_mirror(route: Manifest | None) -> dict[str, int]:
    """The share of requests that the route asks to be copied, by the revision that gets the copies."""
    filters = manifests.field(route, "spec", "rules", SPLIT, "filters") or ()
    copies = [one["requestMirror"] for one in filters if one["type"] == "RequestMirror"]
    return {_revision_of(one["backendRef"]["name"]): int(one.get("percent", 100)) for one in copies}


def is_accepted(route: Manifest) -> bool:
    """Whether its gateway has accepted the route as it is now, with all its references."""
    return any(all(one.get("status") == "True" for one in _answers(route, parent)) for parent in _parents(route))


def refusal(route: Manifest, look: Look) -> str:
    """Why the gateway does not take the route, as a sentence, once that has lasted; empty where it has, or may still."""
    parents = _parents(route)
    if not parents:
        lasted = look.is_over(manifests.field(route, "metadata", "creationTimestamp"))
        missing = "has not answered; does the Gateway exist, and does its controller run?"
        return _sentence(route, missing) if lasted else ""
    if is_accepted(route):
        return ""
    refused = [one for parent in parents for one in _answers(route, parent) if one.get("status") == "False"]
    lasting = [one for one in refused if look.is_over(one.get("lastTransitionTime"))]
    return _sentence(route, _words(lasting[0])) if lasting else ""


def _parents(route: Manifest) -> list[Manifest]:
    """What gateways say of the route's one parent."""
    wanted = manifests.field(route, "spec", "parentRefs", 0) or {}
    return [one for one in manifests.field(route, "status", "parents") or () if _same(one["parentRef"], wanted)]


def _answers(route: Manifest, parent: Manifest) -> list[Manifest]:
    """The two conditions that count, as of the route's current generation; empty ones where there is no answer yet."""
    conditions = [manifests.condition_of(parent.get("conditions"), name) for name in ("Accepted", "ResolvedRefs")]
    generation = manifests.field(route, "metadata", "generation")
    return [one if one.get("observedGeneration") == generation else {} for one in conditions]


def _words(condition: Manifest) -> str:
    message = condition.get("message") or "look at the Gateway's listeners"
    return f"refuses it ({condition['type']} is False, {condition.get('reason')}: {message})"


def _sentence(route: Manifest, what: str) -> str:
    ref = manifests.field(route, "spec", "parentRefs", 0) or {}
    namespace = manifests.field(route, "metadata", "namespace")
    return (
        f"Gateway {ref.get('namespace', namespace)}/{ref.get('name')} of HTTPRoute "
        f"{namespace}/{manifests.name_of(route)} {what}"
    )


def _same(one: Manifest, other: Manifest) -> bool:
    return all(one.get(field) == other.get(field) for field in ("namespace", "name"))


def _revision_of(service: str) -> str:
    return COMPONENT.sub("", service).rpartition("-")[2]


def _rules(key: Key, routing: Routing) -> list[dict[str, Any]]:
    """The split; then what is more specific, which gateways look at first wherever it stands."""
    split = [
        _backend(one.service, one.weight, _stick(key, one) if routing.sticky else None) for one in routing.backends
    ]
    rules = [_rule((), split, routing)]
    if routing.match and routing.matched:
        rules.append(_rule((_header_match(routing.match),), [_backend(routing.matched, 1)]))
    if routing.sticky:
        stuck = [one for one in routing.backends if one.weight]
        rules += [_rule((_cookie_match(key, one),), [_backend(one.service, 1)], routing) for one in stuck]
    return rules


def _rule(
    headers: Sequence[Mapping[str, str]], backends: list[dict[str, Any]], copied: Routing | None = None
) -> dict[str, Any]:
    """What is matched and where it goes. `copied`: copies of it go where this says."""
    match: dict[str, Any] = {"path": {"type": "PathPrefix", "value": "/"}}
    if headers:
        match["headers"] = [dict(header) for header in headers]
    rule: dict[str, Any] = {"matches": [match], "backendRefs": backends}
    if copied and copied.mirrored:
        backend = {"group": "", "kind": "Service", "name": copied.mirrored, "port": PORT}
        share = {} if copied.percent == 100 else {"percent": copied.percent}  # not every gateway knows shares
        rule["filters"] = [{"type": "RequestMirror", "requestMirror": {"backendRef": backend, **share}}]
    return rule


def _backend(service: str, weight: int, header: Mapping[str, str] | None = None) -> dict[str, Any]:
    backend: dict[str, Any] = {"group": "", "kind": "Service", "name": service, "port": PORT, "weight": weight}
    if header:
        backend["filters"] = [{"type": "ResponseHeaderModifier", "responseHeaderModifier": {"add": [dict(header)]}}]
    return backend


def _header_match(match: HeaderMatch) -> dict[str, str]:
    """Exact where it can be. Traefik takes a quote or a backslash in a value for two characters: there any will do."""
    if not UNQUOTABLE & set(match.value):
        return {"type": "Exact", "name": match.name, "value": match.value}
    pattern = "".join(one if one.isalnum() or one in PLAIN else "." for one in match.value)
    return {"type": "RegularExpression", "name": match.name, "value": f"^{pattern}$"}


def _cookie(key: Key) -> str:
    return f"serinus-{key.name}"


def _stick(key: Key, backend: Backend) -> dict[str, str]:
    """The answer's header by which a client comes back to the revision that answered it first."""
    return {"name": "Set-Cookie", "value": f"{_cookie(key)}={backend.revision}; Path=/; HttpOnly"}


def _cookie_match(key: Key, backend: Backend) -> dict[str, str]:
    value = f"(^|; ?){_cookie(key)}={backend.revision}(;|$)"  # no backslash, as above
    return {"type": "RegularExpression", "name": "Cookie", "value": value}
