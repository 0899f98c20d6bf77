"""One deployment as it runs: its plan, its revisions, and the weights and the mirror that the gateway was given."""

from collections.abc import Collection, Mapping

from serinus.adapters.shifting import next_weights
from serinus.core.observation import RevisionStatus
from serinus.core.plan import Role, ServingPlan
from serinus.core.revision import Revision
from serinus.local.records import DeploymentRecord
from serinus.local.revisions import RunningRevision, Surroundings
from serinus.local.routes import MatchRoute, MirrorRoute, Route
from serinus.ports import Key


class RunningDeployment:
    """The revisions of one deployment and the split between them."""

    def __init__(self, key: Key, around: Surroundings, former: DeploymentRecord | None = None) -> None:
        self.key = key
        self.plan = ServingPlan()
        self.weights: Mapping[str, int] = dict(former.weights) if former else {}
        self.mirror: Mapping[str, int] = dict(former.mirror) if former else {}
        self.revisions: dict[str, RunningRevision] = {}
        self._around = around
        if former:
            edges = former.plan.latency_edges_seconds
            kept = {served.revision.id for served in former.plan.served} | self.weights.keys()
            # What was ending when the former run ended is not started again to be ended.
            for record in (one for one in former.revisions if one.revision.id in kept or one.lives()):
                self.revisions[record.revision.id] = RunningRevision(key, record.revision, edges, around, record)
            self.accept(former.plan)

    def accept(self, plan: ServingPlan) -> None:
        """Bring up what the plan serves; what it does not serve is no longer wanted."""
        self.plan = plan
        for running in self.retired():
            # The gateway may have dropped its counters already; if it stays they must not be taken for the same.
            running.begin_anew()
        for running in self.revisions.values():
            running.wanted = 0
        for served in plan.served:
            running = self.revisions.get(served.revision.id) or RunningRevision(
                self.key, served.revision, plan.latency_edges_seconds, self._around
            )
            self.revisions[served.revision.id] = running
            running.grow(served.replicas)

    def shift(self) -> None:
        """Take over the planned weights and the planned mirror as soon as the revisions can bear them."""
        planned = {served.revision.id: self.plan.weight(served.revision.id) for served in self.plan.served}
        copied = {name: self.plan.mirror for name in self._in_role(Role.CANDIDATE) if self.plan.mirror}
        ready = {name for name, running in self.revisions.items() if running.has_ready_server()}
        self.weights = next_weights(planned, self.weights, ready)
        if ready >= {name for name, share in copied.items() if share > self.mirror.get(name, 0)}:
            self.mirror = copied

    def route(self) -> Route | None:
        """What the gateway should do for it; None if it serves nothing.

        What is wanted is listed even before it has a weight: its counters then live as long as it does.
        """
        routed = [one for name, one in self.revisions.items() if one.wanted or name in self.weights]
        if not routed:
            return None
        servers = {one.service: one.servers() for one in routed}
        weights = {one.service: self.weights.get(one.revision.id, 0) for one in routed}
        copies = [
            MirrorRoute(one.service, self.mirror[one.revision.id]) for one in routed if one.revision.id in self.mirror
        ]
        return Route(self.key, weights, servers, self._match(servers), self.plan.sticky, copies[0] if copies else None)

    def _match(self, servers: Mapping[str, tuple[str, ...]]) -> MatchRoute | None:
        if self.plan.match is None:
            return None
        services = [self.revisions[name].service for name in self._in_role(Role.CANDIDATE)]
        return next((MatchRoute(self.plan.match, service) for service in services if servers.get(service)), None)

    def stable(self) -> str:
        """The revision that the plan holds for stable."""
        return next(iter(self._in_role(Role.STABLE)), "")

    def _in_role(self, role: Role) -> list[str]:
        return [served.revision.id for served in self.plan.served if served.role is role]

    def retired(self) -> list[RunningRevision]:
        """Revisions that are neither wanted nor routed to."""
        return [one for name, one in self.revisions.items() if one.wanted == 0 and name not in self.weights]

    def is_gone(self) -> bool:
        """Whether nothing of it is left."""
        return not self.plan.served and not self.revisions

    def statuses(self, listed: Mapping[str, Collection[str]]) -> dict[str, RevisionStatus]:
        """How its revisions are doing, without those being drained. `listed`: URLs in the gateway, by service."""
        wanted = {name: running for name, running in self.revisions.items() if running.wanted}
        return {name: running.status(listed.get(running.service, ())) for name, running in wanted.items()}

    def addresses(self) -> dict[str, str]:
        """Where a replica of each wanted revision answers, of those that have one that does."""
        found = {name: running.address() for name, running in self.revisions.items() if running.wanted}
        return {name: address for name, address in found.items() if address}

    def known(self) -> dict[str, Revision]:
        """The revisions that it is to run, as they were brought up."""
        return {name: running.revision for name, running in self.revisions.items() if running.wanted}

    def record(self) -> DeploymentRecord:
        """What the next run needs to know of it."""
        return DeploymentRecord(
            namespace=self.key.namespace,
            name=self.key.name,
            plan=self.plan,
            weights=dict(self.weights),
            mirror=dict(self.mirror),
            revisions=tuple(running.record() for running in self.revisions.values()),
        )
