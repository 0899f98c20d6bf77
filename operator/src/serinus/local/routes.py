"""What the gateway should do and what it says it does, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from serinus.core.plan import HeaderMatch
from serinus.ports import Key

SEPARATOR = "."


@dataclass(frozen=True)
class ServiceName:
    """Names a revision's servers in the gateway and in its metrics.

    `since_ms` is when the revision was brought up (milliseconds since the epoch): a revision that is removed and
    brought up again gets new counters that begin at zero. Otherwise the gateway would go on with the former ones or
    not, depending on whether it was scraped in between.
    """

    key: Key
    revision: str
    since_ms: int

    def __str__(self) -> str:
        return SEPARATOR.join((route_name(self.key), self.revision, str(self.since_ms)))


def route_name(key: Key) -> str:
    """Names a deployment in the gateway."""
    return f"{key.namespace}{SEPARATOR}{key.name}"


def parse_service(text: str) -> ServiceName | None:
    """The ServiceName that `text` stands for (an `@provider` at its end is ignored), or None if it is none of ours."""
    parts = text.partition("@")[0].split(SEPARATOR)
    if len(parts) < 4 or not parts[-1].isdecimal():
        return None
    # A namespace has no dots; a deployment's name may.
    namespace, *name, revision, since_ms = parts
    return ServiceName(Key(namespace, SEPARATOR.join(name)), revision, int(since_ms))


@dataclass(frozen=True)
class MatchRoute:
    """Requests with this header go to `service` whatever the weights are."""

    header: HeaderMatch
    service: str


@dataclass(frozen=True)
class MirrorRoute:
    """`percent` of the requests are copied to `service`, whose answers nobody sees and nobody waits for."""

    service: str
    percent: int


@dataclass(frozen=True)
class Route:
    """How requests to one deployment are split. `weights` (percent) and `servers` (URLs) are by service name."""

    key: Key
    weights: Mapping[str, int]
    servers: Mapping[str, tuple[str, ...]]
    match: MatchRoute | None = None
    sticky: bool = False
    mirror: MirrorRoute | None = None


@dataclass(frozen=True)
class LoadedRoutes:
    """What the gateway works with now: weights by route name and service name, servers by service name."""

    weights: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    servers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    matches: Mapping[str, str] = field(default_factory=dict)
    mirrors: Mapping[str, MirrorRoute] = field(default_factory=dict)


def loaded_when(routes: list[Route]) -> LoadedRoutes:
    """What the gateway will say once it works with `routes`."""
    return LoadedRoutes(
        weights={route_name(route.key): dict(route.weights) for route in routes},
        servers={service: urls for route in routes for service, urls in route.servers.items()},
        matches={route_name(route.key): route.match.service for route in routes if route.match},
        mirrors={route_name(route.key): route.mirror for route in routes if route.mirror},
    )
