"""Traefik's two configurations, as plain values, and its own account of what it has loaded."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from serinus.local.routes import LoadedRoutes, MirrorRoute, Route, route_name
from serinus.local.sockets import HOST
from serinus.ports import Key

CLIENTS = "clients"
INTERNAL = "traefik"
PROVIDER = "@file"
MATCH = ".match"
MIRROR = "_mirror"  # no name of a deployment has an underscore
# Where Serinus asks what is loaded: behind the clients' own entry point, because each entry point takes over new routes at a
# moment of its own. There is always this router, for Traefik keeps its former routes when it is given none at all.
ASK_PATH = "/api/rawdata"
ASK_HEADER = "X-Serinus-Token"
ASK = "serinus-ask"
# Higher than any rule's default priority, which is its length.
MATCH_PRIORITY = 100_000
ASK_PRIORITY = 1_000_000
# Far shorter than the 75 s after which the predictor closes an idle connection: a request that is sent on a connection just
# being closed would fail.
IDLE_CONNECTION = "3s"
# Shorter than the 25 s that the predictor takes to finish what it has when it is ended.
RESPONSE_TIMEOUT = "20s"
# A copy is made of what the gateway holds in memory until it is answered; a larger request is not copied.
MIRRORED_BYTES = 16 * 2**20
EDGES_SECONDS = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75),
    *(1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0),
)


def static_config(port: int, internal_port: int, routes_file: Path, edges_seconds: Iterable[float]) -> dict[str, Any]:
    """What Traefik reads once, at its start."""
    return {
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "log": {"level": "ERROR"},
        "entryPoints": {
            CLIENTS: _entry_point(port, grace="5s"),
            INTERNAL: _entry_point(internal_port, grace="1s"),
        },
        "api": {"dashboard": False},
        "ping": {"entryPoint": INTERNAL},
        "metrics": {"prometheus": _prometheus(edges_seconds)},
        "providers": {"providersThrottleDuration": "100ms", "file": {"filename": str(routes_file), "watch": True}},
        "serversTransport": {
            "forwardingTimeouts": {
                "dialTimeout": "2s",
                "responseHeaderTimeout": RESPONSE_TIMEOUT,
                "idleConnTimeout": IDLE_CONNECTION,
            }
        },
    }


def _entry_point(port: int, grace: str) -> dict[str, Any]:
    """`grace`: how long requests in flight may take when the gateway is ended."""
    return {"address": f"{HOST}:{port}", "transport": {"lifeCycle": {"graceTimeOut": grace}}}


def _prometheus(edges_seconds: Iterable[float]) -> dict[str, Any]:
    return {
        "entryPoint": INTERNAL,
        "buckets": sorted({*EDGES_SECONDS, *edges_seconds}),
        "addServicesLabels": True,
        "addEntryPointsLabels": False,
        "addRoutersLabels": False,
    }


def routes_config(routes: Iterable[Route], token: str) -> dict[str, Any]:
    """What Traefik reads again whenever the file changes. No retries: errors are counted as they happen.

    `token`: what a request must bear to be told the loaded routes.
    """
    asking = f"Path({_quoted(ASK_PATH)}) && Header({_quoted(ASK_HEADER)}, {_quoted(token)})"
    routers: dict[str, Any] = {
        ASK: {"entryPoints": [CLIENTS], "rule": asking, "service": "api@internal", "priority": ASK_PRIORITY}
    }
    services: dict[str, Any] = {}
    for route in routes:
        routers |= _routers(route)
        services[route_name(route.key)] = {"weighted": _weighted(route)}
        if route.mirror:
            services[route_name(route.key) + MIRROR] = {"mirroring": _mirroring(route.key, route.mirror)}
        services |= {name: _servers(urls) for name, urls in route.servers.items()}
    return {"http": {"routers": routers, "services": services} if services else {"routers": routers}}


def _routers(route: Route) -> dict[str, Any]:
    name, rule = route_name(route.key), _paths(route.key.name)
    service = name + MIRROR if route.mirror else name
    routers: dict[str, Any] = {name: {"entryPoints": [CLIENTS], "rule": rule, "service": service}}
    if route.match:
        header = f"Header({_quoted(route.match.header.name)}, {_quoted(route.match.header.value)})"
        routers[name + MATCH] = {
            "entryPoints": [CLIENTS],
            "rule": f"{rule} && {header}",
            "service": route.match.service,
            "priority": MATCH_PRIORITY,
        }
    return routers


def _paths(model: str) -> str:
    """Both protocols' paths of one model, and not those of a model whose name only begins like it."""
    return f"PathRegexp({_quoted(f'^/v[12]/models/{re.escape(model)}([:/]|$)')})"


def _quoted(text: str) -> str:
    # Rules are written in Go's syntax, whose string literals are those of JSON.
    return json.dumps(text)


def _weighted(route: Route) -> dict[str, Any]:
    weighted: dict[str, Any] = {
        "services": [{"name": name, "weight": weight} for name, weight in route.weights.items()]
    }
    if route.sticky:
        weighted["sticky"] = {"cookie": {"name": f"serinus-{route_name(route.key)}", "httpOnly": True}}
    return weighted


def _mirroring(key: Key, mirror: MirrorRoute) -> dict[str, Any]:
    """What answers, and what gets copies once it has."""
    copies = [{"name": mirror.service, "percent": mirror.percent}]
    return {"service": route_name(key), "mirrors": copies, "mirrorBody": True, "maxBodySize": MIRRORED_BYTES}


def _servers(urls: Iterable[str]) -> dict[str, Any]:
    return {"loadBalancer": {"servers": [{"url": url} for url in urls]}}


def loaded_routes(rawdata: Mapping[str, Any]) -> LoadedRoutes:
    """The routes in an answer of Traefik's `/api/rawdata`; a router that Traefik has refused counts as absent."""
    services = _ours(rawdata.get("services") or {})
    routers = {
        name: router["service"]
        for name, router in _ours(rawdata.get("routers") or {}).items()
        if router.get("status") == "enabled"
    }
    return LoadedRoutes(
        weights={
            name: {part["name"]: part.get("weight", 1) for part in services[name]["weighted"].get("services") or ()}
            for name in routers
            if "weighted" in services.get(name, {})
        },
        servers={
            name: tuple(server["url"] for server in service["loadBalancer"].get("servers") or ())
            for name, service in services.items()
            if "loadBalancer" in service
        },
        mirrors={
            name: MirrorRoute(copy["name"], copy.get("percent", 0))
            for name, service in routers.items()
            for copy in services.get(service, {}).get("mirroring", {}).get("mirrors") or ()
        },
        matches={name.removesuffix(MATCH): service for name, service in routers.items() if name.endswith(MATCH)},
    )


def _ours(named: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removesuffix(PROVIDER): value for name, value in named.items() if name.endswith(PROVIDER)}
