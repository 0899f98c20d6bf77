"""Serving through KServe's Standard mode: one InferenceService for each revision, one HTTPRoute that splits the requests."""

import math
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from serinus.adapters.adoption import let_go_of_route
from serinus.adapters.http_route import Backend, Routing, http_route, is_accepted, routed_mirror, routed_weights
from serinus.adapters.inference_service import (
    drain_of,
    edges_of,
    ending_gently,
    inference_service,
    keeping_model,
    revision_name,
)
from serinus.adapters.kubernetes_objects import HTTP_ROUTE, INFERENCE_SERVICE, KubernetesObjects, Manifest, Owner
from serinus.adapters.object_writer import Notice, ObjectWriter, log_notice
from serinus.adapters.prediction_events import telling
from serinus.adapters.refusals import Refusals
from serinus.adapters.serving_runtimes import SERINUS, find_runtime
from serinus.adapters.shifting import grows, shifted
from serinus.adapters.standard_view import StandardSettings, StandardView
from serinus.core import reasons
from serinus.core.elapsed import has_passed
from serinus.core.errors import ServingUnavailable
from serinus.core.observation import Problem, ServingObservation
from serinus.core.plan import Role, ServedRevision, ServingPlan
from serinus.core.spec import Gateway, Serving, ServingMode
from serinus.ports import Clock, Key

REQUIRED = ((INFERENCE_SERVICE, "KServe"), (HTTP_ROUTE, "the Gateway API's standard channel"))


class StandardServing:
    """Implements serinus.ports.ServingBackend. What it remembers may be lost: the world is in the API server.

    `notice` is told once of each edit of somebody else's.
    """

    def __init__(
        self, objects: KubernetesObjects, clock: Clock, settings: StandardSettings, notice: Notice = log_notice
    ) -> None:
        self._objects = objects
        self._clock = clock
        self._settings = settings
        self._view = StandardView(objects, clock, settings)
        self._writer = ObjectWriter(objects, notice)
        self._unlisted_since: dict[Key, dict[str, datetime]] = defaultdict(dict)  # by revision
        self._refusals = Refusals()

    def forget(self, key: Key) -> None:
        """The ModelDeployment is gone, and what is remembered of it can go too."""
        self._view.forget(key)
        self._writer.forget(key)
        self._refusals.forget(key)
        self._unlisted_since.pop(key, None)

    async def observe(self, key: Key) -> ServingObservation:
        """What pods and route say, from the cache: no request is made."""
        statuses = self._view.statuses(key)
        trouble, mirroring = self._view.trouble(key), self._view.mirroring(key)
        return ServingObservation(
            revisions=statuses | self._refusals.failed(key, statuses),
            weights=self._view.accepted_weights(key),
            url=self._view.url(key),
            mode=str(ServingMode.STANDARD),
            known=self._view.known(key),
            stable=self._view.stable(key),
            problem=Problem(reasons.ROUTE_REFUSED, trouble) if trouble else self._refusals.problem(key, statuses),
            mirror=self._view.accepted_mirror(key),
            no_mirror=mirroring.never,
            no_partial_mirror=mirroring.partial,
            changes_in=self._view.settles_in(key),
            addresses=self._view.addresses(key),
        )

    async def apply(self, key: Key, plan: ServingPlan) -> None:
        """Bring up what is missing, shift what can be shifted, remove what has drained; called again it goes on.

        Raises ServingUnavailable, StateConflict.
        """
        owner = self._objects.owner(key)
        if owner is None and plan.served:
            raise ServingUnavailable(f"ModelDeployment {key} is gone; there is nothing to serve for")
        trouble = await self._bring_up(key, owner, plan) if owner else None
        await self._route(key, owner, plan)
        await self._retire(key, plan)
        if trouble:
            raise trouble

    # ---- bring up

    async def _bring_up(self, key: Key, owner: Owner, plan: ServingPlan) -> ServingUnavailable | None:
        """Write every revision's InferenceService. Trouble with one must not hold up the route: it is returned."""
        self._raise_if_missing()
        self._refusals.keep(key, {one.revision.id for one in plan.served})
        trouble = None
        for one in plan.served:
            try:
                await self._write_revision(key, owner, one, plan.latency_edges_seconds)
                self._refusals.settle(key, one.revision.id)
            except ServingUnavailable as error:
                if error.retriable:
                    trouble = error
                else:
                    self._refusals.note(key, one.revision.id, str(error))
        return trouble

    def _raise_if_missing(self) -> None:
        for kind, what in REQUIRED:
            if not self._objects.serves(kind):
                raise ServingUnavailable(
                    f"the cluster has no {kind.plural}.{kind.group}; install {what}, or choose another spec.serving.mode"
                )

    async def _write_revision(
        self, key: Key, owner: Owner, served: ServedRevision, edges_seconds: tuple[float, ...]
    ) -> None:
        name = revision_name(key, served.revision.id)
        existing = self._objects.get(INFERENCE_SERVICE, key.namespace, name)
        runtime = find_runtime(self._objects, key.namespace, str(served.revision.template.get("runtime", SERINUS)))
        # A threshold that is no longer asked for is no reason to start the pods anew, nor is one that the gateway's counters keep.
        edges = edges_of(existing) | (set(edges_seconds) if self._settings.counts_in_pods else set())
        wanted = inference_service(key, owner, served, runtime, edges)
        wanted = telling(wanted, owner, served.revision, runtime, self._settings.collector_url)
        if drain_seconds := self._drain_seconds(existing):
            wanted = ending_gently(wanted, drain_seconds)
        if existing is not None and not runtime.seen and runtime.server_type != SERINUS:
            wanted = keeping_model(wanted, existing)
        await self._writer.write(key, INFERENCE_SERVICE, wanted, adopt=owner.deployment.spec.serving.adopt)

    def _drain_seconds(self, existing: Manifest | None) -> int:
        """What pods are told at their start: another setting is no reason to start those anew that run."""
        told = drain_of(existing) if existing is not None else None
        return math.ceil(self._settings.drain.total_seconds()) if told is None else told

    # ---- route

    async def _route(self, key: Key, owner: Owner | None, plan: ServingPlan) -> None:
        ours = self._view.route(key)
        if owner is None or not plan.served:
            if ours is not None:
                await self._writer.delete(key, HTTP_ROUTE, ours)
            return
        routing = self._routing(key, plan, ours)
        if routing is None:
            return
        serving = owner.deployment.spec.serving
        wanted = http_route(key, owner, self._gateway(key, serving), self._hostname(key, serving), routing)
        if ours is None and serving.adopt:
            await let_go_of_route(self._objects, key)
        await self._writer.write(key, HTTP_ROUTE, wanted, adopt=serving.adopt)

    def _routing(self, key: Key, plan: ServingPlan, route: Manifest | None) -> Routing | None:
        """How requests are to be split now; None while nothing should change."""
        services = self._view.services(key)
        current = routed_weights(route)
        ready = self._view.able(key, plan) if grows(plan, current) else set()
        weights = shifted(plan, current, services.keys(), ready)
        if weights is None:
            return None
        backends = tuple(Backend(name, services[name], weight) for name, weight in weights.items())
        candidates = [one.revision.id for one in plan.served if one.role is Role.CANDIDATE]
        matched = next((services[name] for name in candidates if name in services), "")
        copies = self._copies(key, plan, routed_mirror(route))
        mirrored = next((services[name] for name in copies if name in services), "")
        return Routing(backends, plan.match, matched, mirrored, sum(copies.values()) or 100, sticky=plan.sticky)

    def _copies(self, key: Key, plan: ServingPlan, current: Mapping[str, int]) -> Mapping[str, int]:
        """The share of requests to be copied now, by revision: not before it can take them, nor where nothing can copy."""
        if not plan.mirror or not self._view.mirroring(key).allows(plan.mirror):
            return {}
        candidates = [one.revision.id for one in plan.served if one.role is Role.CANDIDATE]
        growing = {name for name in candidates if plan.mirror > current.get(name, 0)}
        wanted = dict.fromkeys(candidates, plan.mirror)
        if growing and not growing <= self._view.able(key, plan):
            return {name: share for name, share in current.items() if name in wanted}
        return wanted

    def _gateway(self, key: Key, serving: Serving) -> Gateway:
        gateway = serving.gateway or self._settings.gateway
        if gateway is None:
            raise ServingUnavailable(
                f"ModelDeployment {key} has no Gateway to attach its route to; set spec.serving.gateway or the operator's"
            )
        return gateway

    def _hostname(self, key: Key, serving: Serving) -> str:
        hostname = self._settings.hostname(key, serving)
        if not hostname:
            raise ServingUnavailable(
                f"ModelDeployment {key} has no host name; set spec.serving.hostname or the operator's domain"
            )
        return hostname

    # ---- retire

    async def _retire(self, key: Key, plan: ServingPlan) -> None:
        """Delete what the plan does not serve, once the route has been in force without it for long enough."""
        served = {one.revision.id for one in plan.served}
        route = self._view.route(key)
        for revision, running in self._view.running(key).items():
            if revision in served or not _is_unlisted(revision, route):
                self._unlisted_since[key].pop(revision, None)
            elif self._has_drained(key, revision):
                await self._writer.delete(key, INFERENCE_SERVICE, running)
                del self._unlisted_since[key][revision]

    def _has_drained(self, key: Key, revision: str) -> bool:
        now = self._clock.now()
        return has_passed(self._settings.drain, self._unlisted_since[key].setdefault(revision, now), now)


def _is_unlisted(revision: str, route: Manifest | None) -> bool:
    """Whether the route in force sends the revision nothing."""
    return route is None or (revision not in routed_weights(route) and is_accepted(route))
