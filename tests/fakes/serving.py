"""The fake serving backend with a route that can get stuck."""

from collections.abc import Mapping
from dataclasses import replace

from serinus.core.observation import ServingObservation
from serinus.core.revision import Revision
from serinus.ports import Key
from tests.adapters.fakes.serving import FakeServing


class RoutedServing(FakeServing):
    """While `stuck`, the route goes on with the weights and the mirror it had. `down` revisions lost their replicas for now.

    While `forgetful`, it cannot tell which revisions it was told to run.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stuck = False
        self.forgetful = False
        self.down: set[str] = set()
        self._weights: Mapping[str, int] = {}
        self._mirror: Mapping[str, int] = {}

    async def observe(self, key: Key) -> ServingObservation:
        seen = await super().observe(key)
        if not self.stuck:
            self._weights, self._mirror = seen.weights, seen.mirror
        revisions = {
            name: replace(status, ready=False, ready_replicas=0) if name in self.down else status
            for name, status in seen.revisions.items()
        }
        known = {} if self.forgetful else seen.known
        return replace(seen, weights=self._weights, mirror=self._mirror, revisions=revisions, known=known)

    def planned(self, key: Key) -> dict[str, Revision]:
        """The revisions of the latest plan by id."""
        plan = next((plan for applied, plan in reversed(self.applied) if applied == key), None)
        return {one.revision.id: one.revision for one in plan.served} if plan else {}
