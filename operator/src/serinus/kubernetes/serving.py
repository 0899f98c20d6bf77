"""Which backend serves a ModelDeployment: by `spec.serving.mode` and what the cluster can do (port ServingBackend)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Protocol

from serinus.adapters.knative_objects import KNATIVE_REVISION
from serinus.adapters.kubernetes_objects import HTTP_ROUTE, INFERENCE_SERVICE, MODEL_DEPLOYMENT, POD, Kind
from serinus.core.errors import ServingUnavailable
from serinus.core.observation import ServingObservation
from serinus.core.plan import ServingPlan
from serinus.core.spec import ServingMode
from serinus.kubernetes.discovery import KNATIVE_SERVICE
from serinus.kubernetes.objects import ClusterObjects
from serinus.ports import Key, ServingBackend

NEEDS: Final[Mapping[ServingMode, tuple[Kind, str]]] = {
    ServingMode.STANDARD: (HTTP_ROUTE, "the Gateway API"),
    ServingMode.KNATIVE: (KNATIVE_SERVICE, "Knative Serving"),
}
MODES: Final = tuple(NEEDS)
LISTED: Final[Mapping[ServingMode, Kind]] = {
    ServingMode.STANDARD: HTTP_ROUTE,
    ServingMode.KNATIVE: KNATIVE_REVISION,
}


class ClusterBackend(ServingBackend, Protocol):
    """A backend that remembers something of each deployment."""

    def forget(self, key: Key) -> None:
        """The deployment is gone."""
        ...


class ServingModeUnavailable(ServingUnavailable):
    """The cluster, or this release, cannot serve in the mode that was asked for; it may be installed later."""


class ServingRouter:
    """Hands every call to the backend of the deployment's mode.

    Auto keeps to the mode that the status names: another would leave the objects of this one behind. Where there is none yet
    it takes what the cluster can do, and `default` where it can do both.
    """

    def __init__(
        self, objects: ClusterObjects, backends: Mapping[ServingMode, ClusterBackend], default: ServingMode
    ) -> None:
        self._objects = objects
        self._backends = backends
        self._default = default

    async def observe(self, key: Key) -> ServingObservation:
        """See the port. Raises ServingModeUnavailable, ServingUnavailable."""
        mode = await self._mode(key)
        return replace(await self._backends[mode].observe(key), mode=str(mode))

    async def apply(self, key: Key, plan: ServingPlan) -> None:
        """See the port. Raises ServingModeUnavailable, ServingUnavailable."""
        await self._backends[await self._mode(key)].apply(key, plan)

    def forget(self, key: Key) -> None:
        """The deployment is gone."""
        for backend in self._backends.values():
            backend.forget(key)

    async def _mode(self, key: Key) -> ServingMode:
        if not self._objects.serves(INFERENCE_SERVICE):
            raise ServingModeUnavailable(
                "the cluster has no inferenceservices.serving.kserve.io; install KServe, then this goes on by itself"
            )
        for kind in (INFERENCE_SERVICE, POD):
            if self._objects.forbids(kind):
                raise ServingModeUnavailable(f"{_may_not_list(kind)}; grant it what the chart's role has")
        owner = self._objects.owner(key)
        asked = owner.deployment.spec.serving.mode if owner else ServingMode.AUTO
        if asked is ServingMode.AUTO:
            return await self._chosen(key)
        await self._raise_if_served_otherwise(key, asked)
        problem = self._why_not(asked)
        if problem:
            raise ServingModeUnavailable(
                f"mode {asked} was asked for, but {problem}; mend that, or change spec.serving.mode"
            )
        return asked

    async def _raise_if_served_otherwise(self, key: Key, asked: ServingMode) -> None:
        """The objects of the mode that serves would stay behind, and its clients with them."""
        recorded = self._recorded(key)
        if recorded in (None, asked) or recorded not in self._backends:
            return
        if (await self._backends[recorded].observe(key)).revisions:
            raise ServingModeUnavailable(
                f"{key} is served in mode {recorded}, and spec.serving.mode asks for {asked}; a deployment keeps its mode while "
                f"it serves, so make another one for {asked} and move its clients, or put {recorded} back"
            )

    async def _chosen(self, key: Key) -> ServingMode:
        problems = {mode: self._why_not(mode) for mode in MODES}
        if recorded := self._recorded(key):
            if problems[recorded]:
                raise ServingModeUnavailable(f"{key} is served in mode {recorded}, but {problems[recorded]}; mend that")
            return recorded
        possible = [mode for mode in (self._default, *MODES) if not problems[mode]]
        for mode in possible:
            # The status was emptied: another mode would leave behind what serves.
            if (await self._backends[mode].observe(key)).revisions:
                return mode
        if possible:
            return possible[0]
        raise ServingModeUnavailable(f"no mode can serve here: {'; '.join(problems.values())}; mend one of them")

    def _recorded(self, key: Key) -> ServingMode | None:
        """What the status says."""
        manifest = self._objects.get(MODEL_DEPLOYMENT, key.namespace, key.name) or {}
        recorded = manifest.get("status", {}).get("mode")
        return ServingMode(recorded) if recorded in list(MODES) else None

    def _why_not(self, mode: ServingMode) -> str:
        kind, product = NEEDS[mode]
        if mode not in self._backends:
            return f"mode {mode} is not supported in this release"
        if not self._objects.serves(kind):
            return f"the cluster lacks {product} ({kind.plural}.{kind.group} {kind.version}), which mode {mode} needs"
        if self._objects.forbids(LISTED[mode]):
            return f"{_may_not_list(LISTED[mode])}, which mode {mode} needs"
        return ""


def _may_not_list(kind: Kind) -> str:
    return f"the operator may not list {'.'.join(filter(None, (kind.plural, kind.group)))}"
