"""Which of the kinds that Serinus knows the cluster has."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from serinus.adapters.knative_objects import KNATIVE_REVISION
from serinus.adapters.kubernetes_objects import (
    GATEWAY,
    GATEWAY_CLASS,
    HTTP_ROUTE,
    INFERENCE_SERVICE,
    MODEL_DEPLOYMENT,
    POD,
    Kind,
)
from serinus.adapters.serving_runtimes import CLUSTER_SERVING_RUNTIME, SERVING_RUNTIME
from serinus.kubernetes.api import Api

WATCHED: Final = (
    MODEL_DEPLOYMENT,
    INFERENCE_SERVICE,
    HTTP_ROUTE,
    GATEWAY,
    GATEWAY_CLASS,
    KNATIVE_REVISION,
    POD,
    SERVING_RUNTIME,
    CLUSTER_SERVING_RUNTIME,
)
CLUSTER_SCOPED: Final = frozenset({CLUSTER_SERVING_RUNTIME, GATEWAY_CLASS})
KNATIVE_SERVICE: Final = Kind("serving.knative.dev", "v1", "Service", "services")  # asked for, never watched
KINDS: Final = (*WATCHED, KNATIVE_SERVICE)


class Discovery:
    """Asks the API server, and remembers its latest answer. `namespaces`: those worked in, none for the whole cluster."""

    def __init__(self, api: Api, namespaces: Sequence[str] = ()) -> None:
        self._api = api
        self._namespaces = namespaces
        self._has: frozenset[Kind] = frozenset()
        self.forbidden: frozenset[Kind] = frozenset()  # what the cluster has, and the operator must not list

    def has(self, kind: Kind) -> bool:
        """Whether the cluster had the kind when it was last asked."""
        return kind in self._has

    @property
    def watched(self) -> tuple[Kind, ...]:
        """The kinds to watch that the cluster has; who works in some namespaces has no right to what stands in none."""
        own = (kind for kind in WATCHED if not (self._namespaces and kind in CLUSTER_SCOPED))
        return tuple(kind for kind in own if kind in self._has)

    async def refresh(self) -> bool:
        """Ask again; True if the kinds to watch are others now. Raises ApiUnavailable, then the former answer stands."""
        before, found = self.watched, set[Kind]()
        for base in sorted({base_of(kind) for kind in KINDS}):
            found |= served(await self._api.get_path(base), base, KINDS)
        self._has = frozenset(found)
        return self.watched != before


def base_of(kind: Kind) -> str:
    """The path of the kind's group and version."""
    return f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.version}"


def served(answer: Mapping[str, Any] | None, base: str, kinds: Iterable[Kind]) -> set[Kind]:
    """Those of the kinds that a group's discovery document lists."""
    plurals = {resource["name"] for resource in (answer or {}).get("resources", [])}
    return {kind for kind in kinds if base_of(kind) == base and kind.plural in plurals}
