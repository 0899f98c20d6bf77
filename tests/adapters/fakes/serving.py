"""A serving backend in memory. A revision that is applied is ready by the next look, unless it is told otherwise."""

import copy
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from serinus.core.observation import RevisionStatus, ServingObservation
from serinus.core.plan import Role, ServingPlan
from serinus.ports import Key


@dataclass
class _Running:
    """One deployment. `credits` makes the split exact: smooth weighted round robin."""

    plan: ServingPlan = field(default_factory=ServingPlan)
    ready: set[str] = field(default_factory=set)
    restarts: dict[str, int] = field(default_factory=dict)
    weights: dict[str, int] = field(default_factory=dict)
    mirror: dict[str, int] = field(default_factory=dict)
    owed: int = 0  # percent of a copy
    credits: dict[str, int] = field(default_factory=dict)


class FakeServing:
    """Implements serinus.ports.ServingBackend. `held` revisions do not become ready; `failed` maps others to why.

    `copies` counts the mirrored requests by revision. `no_mirror`: why it cannot copy any. `scaled`: revisions that an
    autoscaler has given more replicas; `short`: revisions that have only so many of those that they should have.
    """

    def __init__(self) -> None:
        self.held: set[str] = set()
        self.failed: dict[str, str] = {}
        self.no_mirror = ""
        self.scaled: dict[str, int] = {}
        self.short: dict[str, int] = {}
        self.copies: Counter[str] = Counter()
        self.applied: list[tuple[Key, ServingPlan]] = []
        self._running: dict[Key, _Running] = {}

    async def observe(self, key: Key) -> ServingObservation:
        running = self._running.get(key, _Running())
        seen = ServingObservation(
            revisions={
                one.revision.id: self._status(running, one.revision.id, one.capacity) for one in running.plan.served
            },
            weights=dict(running.weights),
            url=f"http://fake/v1/models/{key.name}:predict",
            known={one.revision.id: one.revision for one in running.plan.served},
            stable=next((one.revision.id for one in running.plan.served if one.role is Role.STABLE), ""),
            mirror=dict(running.mirror),
            no_mirror=self.no_mirror,
        )
        self._advance(running)
        return seen

    async def apply(self, key: Key, plan: ServingPlan) -> None:
        running = self._running.setdefault(key, _Running())
        if running.plan == plan:
            return
        self.applied.append((key, plan))
        running.plan = plan
        served = {one.revision.id for one in plan.served}
        running.ready &= served
        running.restarts = {name: running.restarts.get(name, 0) for name in served}
        for one in plan.served:
            self._learn(one.revision.id, one.revision.template)

    def _learn(self, name: str, template: Mapping[str, object]) -> None:
        if template.get("exit_code") in (3, 4):
            self.failed[name] = str(template.get("say", ""))
        if "ready_file" in template:
            self.held.add(name)

    def _status(self, running: _Running, name: str, replicas: int) -> RevisionStatus:
        up = max(replicas, self.scaled.get(name, 0)) if name in running.ready else 0
        up = min(up, self.short.get(name, up))
        return RevisionStatus(
            revision=name,
            ready=up >= max(replicas, 1),
            replicas=replicas,
            ready_replicas=up,
            restarts=running.restarts[name],
            failed=name in self.failed,
            message=self.failed.get(name, ""),
        )

    def _advance(self, running: _Running) -> None:
        served = {one.revision.id for one in running.plan.served}
        running.ready |= served - self.held - self.failed.keys()
        planned = (
            {name: running.plan.weight(name) for name in served} if any(w for _, w in running.plan.weights) else {}
        )
        growing = {name for name, weight in planned.items() if weight > running.weights.get(name, 0)}
        if growing <= running.ready or not running.ready:
            running.weights, running.credits = planned, dict.fromkeys(planned, 0)
        candidate = self._candidate(running)
        mirrors = running.plan.mirror and candidate in running.ready and not self.no_mirror
        running.mirror = {candidate: running.plan.mirror} if mirrors else {}

    def kill(self, key: Key, name: str) -> None:
        """A replica dies; it is back by the look after the next."""
        self._running[key].ready.discard(name)
        self._running[key].restarts[name] += 1

    def crash(self) -> "FakeServing":
        """The backend as the next run of the program finds it."""
        return copy.deepcopy(self)

    def send(self, key: Key, headers: Mapping[str, str], cookie: str = "") -> tuple[int, str]:
        """A client's request: the status code, and the revision that answered (or should have)."""
        running = self._running[key]
        name = self._matched(running, headers) or self._sticking(running, cookie) or self._next(running)
        for copied, percent in running.mirror.items():
            running.owed += percent
            self.copies[copied] += running.owed // 100
            running.owed %= 100
        return (200 if name in running.ready else 502), name

    def _matched(self, running: _Running, headers: Mapping[str, str]) -> str:
        match = running.plan.match
        if match is None or headers.get(match.name) != match.value:
            return ""
        return self._candidate(running)

    def _candidate(self, running: _Running) -> str:
        return next((one.revision.id for one in running.plan.served if one.role is Role.CANDIDATE), "")

    def _sticking(self, running: _Running, cookie: str) -> str:
        return cookie if running.plan.sticky and running.weights.get(cookie, 0) > 0 else ""

    def _next(self, running: _Running) -> str:
        for name, weight in running.weights.items():
            running.credits[name] += weight
        chosen = max(running.credits, key=lambda name: running.credits[name])
        running.credits[chosen] -= sum(running.weights.values())
        return chosen
