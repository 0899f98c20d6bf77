"""What there is of a deployment in Standard mode: its revisions, how they are doing, and the route in force."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from serinus.adapters import manifests
from serinus.adapters.gateway_features import GatewayCopies, Mirroring, mirroring
from serinus.adapters.http_route import is_accepted, refusal, routed_mirror, routed_weights
from serinus.adapters.inference_service import entry_service, predictor_address, revision_name, revision_of
from serinus.adapters.kubernetes_objects import (
    HTTP_ROUTE,
    INFERENCE_SERVICE,
    POD,
    REVISION_LABEL,
    KubernetesObjects,
    Manifest,
)
from serinus.adapters.look import FirstSeen, Look
from serinus.adapters.restarts import RestartCounter
from serinus.adapters.revision_health import has_service, settles_in, status_of, stuck_containers
from serinus.core.observation import RevisionStatus
from serinus.core.plan import Role, ServingPlan
from serinus.core.revision import Revision
from serinus.core.spec import Gateway, Serving
from serinus.ports import Clock, Key


@dataclass(frozen=True)
class StandardSettings:
    """What the operator adds to a ModelDeployment's own words.

    `drain`: how long a revision runs on after the route is accepted without it, for gateways that say so before they
    work so. `patience` and `settle`: see Look. `counts_in_pods`: no gateway counts, so the pods' histograms need the edges.
    `copies`: what gateways can copy. `collector_url`: whom predictors tell of their answers, if anybody.
    """

    gateway: Gateway | None = None
    domain: str = ""
    scheme: str = "http"
    drain: timedelta = timedelta(seconds=5)
    patience: timedelta = timedelta(seconds=30)
    settle: timedelta = timedelta(seconds=1)
    counts_in_pods: bool = True
    copies: GatewayCopies = GatewayCopies.ASK
    collector_url: str = ""

    def hostname(self, key: Key, serving: Serving) -> str:
        """The host that clients call; empty where nothing says."""
        return serving.hostname or (f"{key.name}.{key.namespace}.{self.domain}" if self.domain else "")


class StandardView:
    """Reads the cache. It remembers what no object tells: deaths in pods that are gone, weights accepted before."""

    def __init__(self, objects: KubernetesObjects, clock: Clock, settings: StandardSettings) -> None:
        self._objects = objects
        self._clock = clock
        self._settings = settings
        self._restarts = RestartCounter()
        self._stuck = FirstSeen()
        self._accepted: dict[Key, Manifest] = {}

    def forget(self, key: Key) -> None:
        """The deployment is gone."""
        self._accepted.pop(key, None)
        self._restarts.keep(key, set())
        self._stuck.update(key, (), self._clock.now())

    def route(self, key: Key) -> Manifest | None:
        """The deployment's route, if it is there and ours."""
        route = self._objects.get(HTTP_ROUTE, key.namespace, key.name)
        return route if route is not None and manifests.belongs_to(route, key) else None

    def running(self, key: Key) -> dict[str, Manifest]:
        """The InferenceServices of the deployment by revision, without those that are going away."""
        found: dict[str, Manifest] = {}
        for one in self._objects.of(INFERENCE_SERVICE, key):
            revision = manifests.label_of(one, REVISION_LABEL)
            is_one = manifests.name_of(one) == revision_name(key, revision)
            if is_one and not manifests.is_being_deleted(one):
                found[revision] = one
        return found

    def services(self, key: Key) -> dict[str, str]:
        """The Kubernetes Services that a route can name, by revision."""
        return {name: entry_service(one) for name, one in self.running(key).items() if has_service(one)}

    def addresses(self, key: Key) -> dict[str, str]:
        """Where the predictors of each revision answer within the cluster, without transformer and gateway."""
        return {name: predictor_address(one) for name, one in self.running(key).items() if has_service(one)}

    def statuses(self, key: Key) -> dict[str, RevisionStatus]:
        """How every revision is doing."""
        running, pods = self.running(key), self._objects.of(POD, key)
        self._restarts.keep(key, {manifests.uid_of(one) for one in running.values()})
        trouble, look = self.trouble(key), self._look()
        look = replace(look, stuck_since=self._stuck.update(key, stuck_containers(pods), look.now))
        return {name: _or_else(self._status(key, one, pods, look), trouble) for name, one in running.items()}

    def able(self, key: Key, plan: ServingPlan) -> set[str]:
        """The revisions that can take more requests: a candidate with all its replicas, any other with one."""
        statuses = self.statuses(key)
        candidates = {one.revision.id for one in plan.served if one.role is Role.CANDIDATE}
        return {name for name, one in statuses.items() if one.ready or (one.ready_replicas and name not in candidates)}

    def settles_in(self, key: Key) -> timedelta | None:
        """How long until a pod that is ready counts as ready; None where none is waited for."""
        return settles_in(self._objects.of(POD, key), self._look())

    def known(self, key: Key) -> dict[str, Revision]:
        """The revisions that run, as they were brought up."""
        found = {name: revision_of(one) for name, one in self.running(key).items()}
        return {name: revision for name, revision in found.items() if revision is not None}

    def stable(self, key: Key) -> str:
        """The revision that the route was written with for stable: the first."""
        return next(iter(routed_weights(self.route(key))), "")

    def trouble(self, key: Key) -> str:
        """Why the route is not taken, as a sentence, once that has lasted."""
        route = self.route(key)
        return refusal(route, self._look()) if route else ""

    def accepted_weights(self, key: Key) -> Mapping[str, int]:
        """What the route was last accepted with; nothing where that is not known (any more)."""
        return routed_weights(self._accepted_route(key))

    def accepted_mirror(self, key: Key) -> Mapping[str, int]:
        """The share of requests that is copied, by revision, as the route was last accepted with it."""
        return routed_mirror(self._accepted_route(key))

    def mirroring(self, key: Key) -> Mirroring:
        """What the deployment's gateway can copy."""
        owner = self._objects.owner(key)
        own = owner.deployment.spec.serving.gateway if owner else None
        return mirroring(self._objects, key.namespace, own or self._settings.gateway, self._settings.copies)

    def url(self, key: Key) -> str:
        """Where clients post; empty where the deployment has no host."""
        owner = self._objects.owner(key)
        if owner is None or not (host := self._settings.hostname(key, owner.deployment.spec.serving)):
            return ""
        v1 = owner.deployment.spec.serving.protocol == "v1"
        path = f"/v1/models/{key.name}:predict" if v1 else f"/v2/models/{key.name}/infer"
        return f"{self._settings.scheme}://{host}{path}"

    def _accepted_route(self, key: Key) -> Manifest | None:
        route = self.route(key)
        if route is None:
            self._accepted.pop(key, None)
        elif is_accepted(route):
            self._accepted[key] = route
        return self._accepted.get(key)

    def _status(self, key: Key, running: Manifest, pods: tuple[Manifest, ...], look: Look) -> RevisionStatus:
        revision = manifests.label_of(running, REVISION_LABEL)
        own = [pod for pod in pods if manifests.label_of(pod, REVISION_LABEL) == revision]
        restarts = self._restarts.count(key, manifests.uid_of(running), own)
        return status_of(running, own, restarts, look)

    def _look(self) -> Look:
        now = self._clock.now() + self._objects.ahead()
        return Look(now, self._settings.patience, self._settings.settle)


def _or_else(status: RevisionStatus, trouble: str) -> RevisionStatus:
    """The route's trouble, where the revision has none of its own to tell."""
    return status if status.message else replace(status, message=trouble)
