"""Whatever order the controllers work in, and whenever the plan changes: no leak, and the plan is reached."""

import asyncio
from random import Random

import pytest

from serinus.core.plan import Role, ServedRevision, ServingPlan
from tests.adapters.knative.world import InMemory
from tests.local.harness import KEY, revision

REVISIONS = {name: revision(name) for name in ("aaa", "bbb", "ccc", "ddd")}
FAIR_ROUNDS = 40


class Core:
    """Plans as serinus.core makes them: raised only when all is as planned and ready, taken back at any time."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.stable, self.candidate, self.share, self.rest = "aaa", "", 0, dict[str, Role]()

    def plan(self) -> ServingPlan:
        roles = {**self.rest, **({self.candidate: Role.CANDIDATE} if self.candidate else {}), self.stable: Role.STABLE}
        weights = [(self.stable, 100 - self.share), *([(self.candidate, self.share)] if self.candidate else [])]
        return ServingPlan(tuple(ServedRevision(REVISIONS[name], role) for name, role in roles.items()), tuple(weights))

    def decide(self, *, done: bool, ready: bool) -> None:
        """What may come next."""
        if not self.candidate:
            if done:
                self._begin()
        elif self.share == 100 and done:
            self.rest = {self.stable: Role.WARM}
            self.stable, self.candidate, self.share = self.candidate, "", 0
        elif done and ready and self.chance.random() < 0.8:
            self.share = self.chance.choice([one for one in (10, 50, 100) if one > self.share] or [100])
        elif self.chance.random() < 0.3:
            self._take_back()

    def _begin(self) -> None:
        self.rest = {name: role for name, role in self.rest.items() if self.chance.random() < 0.5}
        self.candidate = self.chance.choice([name for name in REVISIONS if name != self.stable])
        self.rest.pop(self.candidate, None)

    def _take_back(self) -> None:
        taken_back, self.candidate, self.share = self.candidate, "", 0
        self.rest = {taken_back: Role.REJECTED} if self.chance.random() < 0.5 else {}
        if self.chance.random() < 0.3:
            self._begin()  # superseded


class Walk:
    """One walk through everything that can happen."""

    def __init__(self, chance: Random) -> None:
        self.chance, self.core, self.world = chance, Core(chance), InMemory()
        knative = self.world.knative
        # Knative brings a Configuration up to date before its Route, as far as was ever seen.
        self.moves = (knative.kserve, knative.configuration, knative.pods, self._route, knative.service)
        self.plan = self.core.plan()
        self.granted = dict(self.plan.weights)

    def _route(self, key: object) -> None:
        self.world.knative.configuration(KEY)
        before = dict(self.world.knative.traffic)
        self.world.knative.route(KEY)
        for name, share in self.world.knative.traffic.items():
            # What should have some may have all while the other comes up.
            is_wanted = not before or self.plan.weight(name) > 0
            assert is_wanted or share <= max(before.get(name, 0), self.granted.get(name, 0)), (
                f"{name} gets {share} % after {before.get(name, 0)} % when {self.plan.weights} are planned"
            )

    def _follow(self, plan: ServingPlan, *, done: bool) -> None:
        """What was planned before may still come into effect, until the new plan has been seen to be in effect."""
        known = {} if done else self.granted
        self.plan, new = plan, dict(plan.weights)
        self.granted = {name: max(known.get(name, 0), new.get(name, 0)) for name in {*known, *new}}

    async def run(self, rounds: int) -> None:
        await self._apply()
        for _ in range(rounds):
            for _ in range(self.chance.randint(0, 12)):
                self.chance.choice(self.moves)(KEY)
            await self._look()
        for _ in range(FAIR_ROUNDS):
            await self._fair_round()
        seen = await self.world.serving.observe(KEY)
        wanted = {name: weight for name, weight in self.plan.weights if weight}
        assert {name: weight for name, weight in seen.weights.items() if weight} == wanted
        assert self.world.knative.traffic.items() >= wanted.items()
        assert seen.revisions.keys() >= set(dict(self.plan.weights))

    async def _look(self) -> None:
        if self.chance.random() < 0.1:
            self.world.restart()
        await self._apply()
        seen = await self.world.serving.observe(KEY)
        done = all(seen.weights.get(name, 0) == weight for name, weight in self.plan.weights)
        if self.chance.random() < 0.5:
            self.core.decide(done=done, ready=seen.ready(self.core.candidate))
        self._follow(self.core.plan(), done=done)
        await self._apply()

    async def _fair_round(self) -> None:
        for move in self.moves:
            move(KEY)
        await self._apply()

    async def _apply(self) -> None:
        self.world.clock.advance(0.25)
        await self.world.serving.apply(KEY, self.plan)


@pytest.mark.parametrize("seed", range(30))
def test_no_order_of_events_leaks_or_gets_stuck(seed: int) -> None:
    asyncio.run(Walk(Random(seed)).run(rounds=30))
