"""What there is of a deployment in Knative mode: its one InferenceService, the Knative revisions, and the shares in force."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from serinus.adapters import manifests
from serinus.adapters.inference_service import revision_of
from serinus.adapters.knative_health import blocked_by, pods_of, running_status, unmade_status
from serinus.adapters.knative_objects import (
    KNATIVE_REVISION,
    Find,
    bears,
    condition,
    incarnation,
    is_adopted,
    is_as_asked,
    is_ready,
    is_routed,
    percent_of,
    predictor_status,
    seen_of,
    traffic_of,
    weights,
)
from serinus.adapters.knative_steps import Seen
from serinus.adapters.kubernetes_objects import INFERENCE_SERVICE, POD, KubernetesObjects, Manifest
from serinus.adapters.look import FirstSeen, Look
from serinus.adapters.restarts import RestartCounter
from serinus.adapters.revision_health import settles_in, stuck_containers
from serinus.core.elapsed import has_passed
from serinus.core.observation import RevisionStatus
from serinus.core.plan import ServingPlan
from serinus.core.revision import Revision
from serinus.ports import Clock, Key

# What KServe calls a Knative revision by; the last one only serves again when it is asked for.
NAMED: Final = ("latestCreatedRevision", "latestReadyRevision", "latestRolledoutRevision", "previousRolledoutRevision")


@dataclass(frozen=True)
class KnativeSettings:
    """`patience`: how long what is missing or refused (an image, a runtime, a route) may still turn up.

    `settle`: see Look. `answer`: how long after a change of the InferenceService KServe may still be at work on the one before.
    `collector_url`: whom predictors tell of their answers, if anybody.
    """

    patience: timedelta = timedelta(seconds=30)
    settle: timedelta = timedelta(seconds=1)
    answer: timedelta = timedelta(seconds=5)
    collector_url: str = ""


@dataclass
class _Memory:
    """What no object tells. All of it may be lost."""

    plan: ServingPlan | None = None
    accepted: Mapping[str, int] = field(default_factory=dict)
    described: str = ""
    described_since: datetime | None = None
    generation: int | None = None
    changed_at: datetime | None = None
    traffic_then: object = None


class KnativeView:
    """Reads the cache. It remembers the plan, deaths in pods that are gone, shares accepted before."""

    def __init__(self, objects: KubernetesObjects, clock: Clock, settings: KnativeSettings) -> None:
        self._objects = objects
        self._clock = clock
        self._settings = settings
        self._restarts = RestartCounter()
        self._stuck = FirstSeen()
        self._memories: dict[Key, _Memory] = {}

    def forget(self, key: Key) -> None:
        """The deployment is gone."""
        self._memories.pop(key, None)
        self._restarts.keep(key, set())
        self._stuck.update(key, (), self._clock.now())

    def follow(self, key: Key, plan: ServingPlan) -> None:
        """Remember what is wanted: only that is told of, and what else has requests."""
        self._memory(key).plan = plan

    def plan(self, key: Key) -> ServingPlan:
        """The plan that was last to be followed; an empty one after a restart."""
        return self._memory(key).plan or ServingPlan()

    def service(self, key: Key) -> Manifest | None:
        """The deployment's InferenceService, if it is there, not going away, and ours or to be adopted."""
        found = self._objects.get(INFERENCE_SERVICE, key.namespace, key.name)
        if found is None or manifests.is_being_deleted(found):
            return None
        owner = self._objects.owner(key)
        adopts = owner is not None and owner.deployment.spec.serving.adopt
        return found if manifests.belongs_to(found, key) or (adopts and is_adopted(found)) else None

    def seen(self, key: Key) -> Seen | None:
        """What the next step is decided from; `follow` comes first."""
        service = self.service(key)
        if service is None:
            return None
        accepted = self.accepted_weights(key)
        is_answered = self._memory(key).changed_at is None
        return replace(seen_of(service, self._finder(key), self._served(key), accepted), is_answered=is_answered)

    def accepted_weights(self, key: Key) -> Mapping[str, int]:
        """The shares that the route was last in force with; nothing where that is not known (any more)."""
        service, memory = self.service(key), self._memory(key)
        if service is None:
            memory.accepted, memory.generation = {}, None
            return {}
        # What is found at 0 may have been lowered just now: a higher share could still be to come.
        can_be_believed = memory.generation is None and is_as_asked(service) and percent_of(service) > 0
        is_answered = self._is_answered(memory, service)
        if is_routed(service) and (is_answered or can_be_believed):
            memory.accepted = weights(service, self._finder(key), self._served(key))
        return memory.accepted

    def _is_answered(self, memory: _Memory, service: Manifest) -> bool:
        """Whether what KServe tells of is its answer to the spec as it is now.

        KServe does not say which spec it has seen. If a share is given and taken away at once, what is told after that may
        be from before both, and the share still to come: then nothing is known until what is told has changed, or `answer`
        is over.
        """
        now, traffic = self._clock.now(), traffic_of(service)
        generation = int(manifests.field(service, "metadata", "generation") or 0)
        if memory.changed_at is not None:
            has_changed = traffic != memory.traffic_then and is_as_asked(service)
            if has_changed or has_passed(self._settings.answer, memory.changed_at, now):
                memory.changed_at = None
        if memory.generation != generation:
            if memory.changed_at is not None:
                memory.accepted = {}
            memory.changed_at, memory.traffic_then = now, traffic
        memory.generation = generation
        return memory.changed_at is None

    def statuses(self, key: Key) -> dict[str, RevisionStatus]:
        """How each revision is doing that is wanted, or has requests."""
        service = self.service(key)
        if service is None:
            return {}
        told = {name: one for name, one in self._incarnations(key, service).items() if self._is_told(key, name)}
        self._restarts.keep(key, told.keys() | {one.id for one in self._served(key)})
        pods, look = self._objects.of(POD, key), self._look()
        look = replace(look, stuck_since=self._stuck.update(key, stuck_containers(pods), look.now))
        statuses = {name: self._status(key, name, one, service, look) for name, one in told.items()}
        return statuses | self._unmade(key, service, statuses)

    def settles_in(self, key: Key) -> timedelta | None:
        """How long until a pod that is ready counts as ready; None where none is waited for."""
        return settles_in(self._objects.of(POD, key), self._look())

    def known(self, key: Key) -> dict[str, Revision]:
        """The revisions that run, as they were brought up."""
        service = self.service(key)
        running = {} if service is None else self._incarnations(key, service)
        found = {name: revision_of(one) for name, one in running.items() if self._is_told(key, name)}
        return {name: revision for name, revision in found.items() if revision is not None}

    def addresses(self, key: Key) -> dict[str, str]:
        """Where each revision that can take requests answers within the cluster: Knative gives each a Service of its name."""
        service = self.service(key)
        running = {} if service is None else self._incarnations(key, service)
        return {
            name: f"http://{manifests.name_of(one)}.{key.namespace}.svc"
            for name, one in running.items()
            if is_ready(one)
        }

    def stable(self, key: Key) -> str:
        """The revision that KServe gave all requests last."""
        service = self.service(key)
        rolled = None if service is None else predictor_status(service).get("latestRolledoutRevision")
        return incarnation(rolled, self._finder(key), self._served(key)).of if rolled else ""

    def trouble(self, key: Key) -> str:
        """Why the route is not taken, as a sentence, once that has lasted."""
        service = self.service(key)
        route = condition(service, "PredictorRouteReady") if service is not None else {}
        if route.get("status") != "False" or not self._look().is_over(route.get("lastTransitionTime")):
            return ""
        why = ": ".join(str(route[name]) for name in ("reason", "message") if route.get(name))
        return (
            f"Knative does not route requests to InferenceService {key} ({why}); look at its Route {key.name}-predictor"
        )

    def url(self, key: Key) -> str:
        """Where clients post; empty until KServe has given the InferenceService an address."""
        owner, service = self._objects.owner(key), self.service(key)
        base = manifests.field(service, "status", "url") or manifests.field(
            predictor_status(service) if service is not None else {}, "url"
        )
        if owner is None or not base:
            return ""
        v1 = owner.deployment.spec.serving.protocol == "v1"
        return f"{base}/v1/models/{key.name}:predict" if v1 else f"{base}/v2/models/{key.name}/infer"

    # ---- inside

    def _memory(self, key: Key) -> _Memory:
        return self._memories.setdefault(key, _Memory())

    def _served(self, key: Key) -> tuple[Revision, ...]:
        return tuple(one.revision for one in self.plan(key).served)

    def _finder(self, key: Key) -> Find:
        return lambda name: self._objects.get(KNATIVE_REVISION, key.namespace, name)

    def _is_told(self, key: Key, revision: str) -> bool:
        plan = self._memory(key).plan
        return plan is None or revision in {one.id for one in self._served(key)} or self._has_traffic(key, revision)

    def _has_traffic(self, key: Key, revision: str) -> bool:
        return self.accepted_weights(key).get(revision, 0) > 0

    def _incarnations(self, key: Key, service: Manifest) -> dict[str, Manifest]:
        """The Knative revision that stands for each revision: one that is ready, else the one that is to be."""
        find, status = self._finder(key), predictor_status(service)
        names = [str(status[one]) for one in NAMED if status.get(one)] + [
            one["revisionName"] for one in traffic_of(service)
        ]
        manifests_by_name = {name: one for name in names if (one := find(name)) is not None}
        found: dict[str, Manifest] = {}
        for name, manifest in sorted(manifests_by_name.items(), key=lambda item: not is_ready(item[1])):
            found.setdefault(incarnation(name, find, self._served(key)).of, manifest)
        found.pop("", None)
        return found

    def _status(
        self, key: Key, revision: str, knative_revision: Manifest, service: Manifest, look: Look
    ) -> RevisionStatus:
        pods = pods_of(revision, self._objects.of(POD, key))
        restarts, name = self._restarts.count(key, revision, pods), manifests.name_of(knative_revision)
        routed = name in {one["revisionName"] for one in traffic_of(service)}
        status = running_status(revision, knative_revision, pods, restarts, routed=routed, look=look)
        is_latest = predictor_status(service).get("latestCreatedRevision") == name
        return (
            replace(status, message=blocked_by(service))
            if is_latest and not (status.ready or status.message)
            else status
        )

    def _unmade(self, key: Key, service: Manifest, statuses: Mapping[str, RevisionStatus]) -> dict[str, RevisionStatus]:
        """What the spec describes, as long as KServe has made nothing of it."""
        described, memory = bears(service, self._served(key)), self._memory(key)
        if memory.described != described or memory.described_since is None:
            memory.described, memory.described_since = described, self._look().now
        if not described or described in statuses or not self._is_told(key, described):
            return {}
        return {described: unmade_status(described, service, memory.described_since, self._look())}

    def _look(self) -> Look:
        now = self._clock.now() + self._objects.ahead()
        return Look(now, self._settings.patience, self._settings.settle)
