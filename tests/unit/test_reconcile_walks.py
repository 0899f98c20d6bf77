"""Random walks through a simulated world: whatever people, models and machines do, the invariants hold and it ends."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from serinus.core import reasons
from serinus.core.decision import Decision, Input
from serinus.core.errors import (
    MetricsUnavailable,
    RegistryUnavailable,
    ServingUnavailable,
    StateConflict,
    StateUnwritable,
)
from serinus.core.observation import Verb
from serinus.core.rollout import decide
from serinus.core.spec import Strategy
from serinus.core.state import IN_ROLLOUT, TRANSITIONS, Phase, RolloutState
from tests.fakes.faults import Crash, Fault
from tests.fakes.world import KEY, VERSIONS, Behaviour, World, deployment, run

WALKS = 36
TICKS = 120
TICKS_TO_END = 260
BAD = ("3", "5")
OUTAGES = (ServingUnavailable, RegistryUnavailable, MetricsUnavailable, StateConflict, StateUnwritable)
POLICIES: list[dict[str, Any]] = [
    {},
    {"whenSuperseded": "Queue"},
    {"onFailure": "Pause", "approval": "Manual"},
    {"onInconclusive": "Proceed", "deadline": "15s"},
    {"onInconclusive": "Rollback", "deadline": "15s"},
    {"strategy": "Immediate"},
    {"steps": [{"weight": 20, "hold": "2s"}, {"pause": {"duration": "5s"}}, {"weight": 60, "minRequests": 30}]},
    {"steps": [{"pause": {}}, {"weight": 5, "hold": "1s"}, {"weight": 100, "hold": "2s"}]},
    {"sticky": True, "interval": "3s"},
    {"strategy": "BlueGreen"},
    {"strategy": "BlueGreen", "steps": [{"weight": 30}, {"pause": {"duration": "3s"}}, {"weight": 100, "hold": "2s"}]},
    {"strategy": "Shadow", "steps": [{"weight": 60, "hold": "2s"}]},
]


class Walk:
    """One walk with its seed; every tick is checked."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.world = World(deployment(**self.random.choice(POLICIES)))
        self.world.behaviours = {version: Behaviour(failing=0.5) for version in BAD}
        self.former: RolloutState | None = None

    # ---- what may happen

    def happen(self) -> None:
        world, chance = self.world, self.random.random()
        events: tuple[tuple[float, Callable[[], object]], ...] = (
            (0.04, lambda: world.ask_version(self.random.choice(VERSIONS))),
            (0.06, lambda: world.ask_for(deployment(self.asked_version(), **self.random.choice(POLICIES)))),
            (0.12, self.person),
            (0.15, self.crash),
            (0.18, self.outage),
            (0.20, world.restart),
            (0.23, lambda: self.some_revision(world.serving.down)),
            (0.25, lambda: self.some_revision(world.serving.held)),
            (0.26, lambda: setattr(world.serving, "stuck", True)),
            (0.27, lambda: setattr(world.serving, "no_mirror", "nothing here copies requests")),
            (0.28, lambda: setattr(world.metrics, "up", False)),
            (0.30, lambda: setattr(world.registry, "available", False)),
            (0.32, lambda: setattr(world, "rate", self.random.choice([0.0, 3.0, 100.0, 10_000.0]))),
            (0.33, world.metrics.restart),
            (0.34, lambda: world.flow(self.random.choice([5, 40, 400]))),
            (0.44, self.heal),
        )
        for limit, event in events:
            if chance < limit:
                event()
                return

    def asked_version(self) -> str:
        return self.world.asked.spec.model.version or ""

    def person(self) -> None:
        rollout = self.former.rollout if self.former else None
        stale = self.random.random() < 0.2
        self.world.request(self.random.choice(list(Verb)), "0-stale" if stale else rollout.id if rollout else "")

    def crash(self) -> None:
        self.world.break_at(Fault(self.random.randrange(12), self.random.random() < 0.5, Crash()))

    def outage(self) -> None:
        error = self.random.choice(OUTAGES)("for a moment")
        self.world.break_at(Fault(self.random.randrange(12), self.random.random() < 0.5, error))

    def some_revision(self, names: set[str]) -> None:
        planned = sorted(self.world.serving.planned(KEY))
        if planned:
            names.add(self.random.choice(planned))

    def heal(self) -> None:
        world = self.world
        world.serving.down.clear()
        world.serving.held.clear()
        world.serving.stuck = False
        world.serving.no_mirror = ""
        world.metrics.up = world.registry.available = True
        world.rate = 100.0

    # ---- what must hold

    def tick(self) -> Decision | None:
        decision = None
        try:
            decision = self.world.tick()
        except Crash:
            self.world.break_at(None)
        except OUTAGES:
            pass
        self.check(decision)
        return decision

    def check(self, decision: Decision | None) -> None:
        if decision is not None:
            self.check_plan(decision)
        stored = run(self.world.store.load(KEY))
        if stored is None:
            return
        self.check_state(stored)
        self.former = stored

    def check_plan(self, decision: Decision) -> None:
        state, weights = decision.next_state, dict(decision.plan.weights)
        assert all(0 <= weight <= 100 for weight in weights.values())
        assert sum(weights.values()) == (100 if state.stable else 0)
        assert sum(one.role == "candidate" for one in decision.plan.served) <= 1
        assert {one.revision.id for one in decision.plan.served} >= set(weights)
        for rejection in state.rejected:
            assert weights.get(rejection.revision, 0) == 0, f"{rejection.label} was rejected"
        self.check_mirror(decision)
        assert decision.reason
        assert decision.message

    def check_mirror(self, decision: Decision) -> None:
        """A candidate gets copies or requests, never both, and copies only under a strategy that mirrors."""
        rollout, plan = decision.next_state.rollout, decision.plan
        if rollout is None or not rollout.policy.strategy.mirrors:
            assert plan.mirror == 0
            return
        candidate = rollout.candidate.id
        assert 0 <= plan.mirror <= 100
        assert plan.weight(candidate) == (100 if decision.next_state.phase is Phase.PROMOTING else 0)
        assert not (plan.mirror and plan.weight(candidate))
        if rollout.policy.strategy is Strategy.SHADOW and decision.next_state.phase is Phase.PROMOTING:
            assert decision.reason in (reasons.PROMOTED_BY_USER, reasons.KNOWN_GOOD)

    def check_state(self, state: RolloutState) -> None:
        assert RolloutState.model_validate_json(state.model_dump_json(by_alias=True)) == state
        assert (state.rollout is not None) == (state.phase in IN_ROLLOUT)
        if self.former and state.phase is not self.former.phase:
            assert state.phase in TRANSITIONS[self.former.phase], f"{self.former.phase} -> {state.phase}"
        if self.former:
            assert state.rollouts_started - self.former.rollouts_started in (0, 1)
        ids = [record.id for record in state.history]
        assert len(ids) == len(set(ids)), "a rollout ended twice"

    def check_records(self) -> None:
        """Every rollout that ended has exactly one record, in the journal and in the registry."""
        state, records = self.world.state, self.world.records()
        numbers = Counter(int(record.id.split("-")[2]) for record in records)
        running = {int(state.rollout.id.split("-")[2])} if state.rollout else set()
        assert set(numbers) == set(range(1, state.rollouts_started + 1)) - running
        assert set(numbers.values()) <= {1}
        assert len(self.world.registry.rollouts) == len(records)


def ended(walk: Walk) -> bool:
    state = walk.world.state
    return state.phase in (Phase.STABLE, Phase.ROLLED_BACK) and not state.unrecorded and not state.alias_move


@pytest.mark.parametrize("seed", range(WALKS))
def test_whatever_happens_the_invariants_hold_and_every_rollout_ends(seed: int) -> None:
    walk = Walk(seed)
    for _ in range(TICKS):
        walk.happen()
        walk.tick()
    walk.world.break_at(None)
    walk.heal()
    asked = walk.asked_version()
    for _ in range(TICKS_TO_END):
        walk.tick()
        state = walk.world.state
        if (
            ended(walk)
            and state.stable
            and (state.stable.artifact.version == asked or state.phase is Phase.ROLLED_BACK)
        ):
            break
    else:
        raise AssertionError(f"it does not end: {walk.world.state.phase}: {walk.world.state.message}")
    walk.check_records()
    assert walk.world.state.reason != reasons.TARGET_UNRESOLVED


@pytest.mark.parametrize("seed", range(0, WALKS, 6))
def test_deciding_is_deterministic_and_comes_to_rest_on_the_same_observation(seed: int) -> None:
    walk = Walk(seed)
    inputs: list[Input] = []
    remember(walk.world, inputs)
    for _ in range(TICKS):
        walk.happen()
        remember(walk.world, inputs)
        walk.tick()
    assert len(inputs) > TICKS / 2
    for seen in inputs:
        assert decide(seen) == decide(seen)
        comes_to_rest(seen)


def remember(world: World, inputs: list[Input]) -> None:
    """Keep what every reconcile saw, by asking as it does."""
    gather = world.reconciler._gather

    async def gathered(key, asked, state, *observed_before, **known):  # type: ignore[no-untyped-def]
        observed = await gather(key, asked, state, *observed_before, **known)
        inputs.append(Input(asked.spec, state, observed, world.clock.now()))
        return observed

    world.reconciler._gather = gathered  # type: ignore[method-assign]


def comes_to_rest(seen: Input) -> None:
    """Decide again and again on one observation: it settles, and in no phase twice."""
    visited = [seen.state.phase]
    for _ in range(12):
        state = decide(seen).next_state
        if state == seen.state:
            return
        if state.phase is not visited[-1]:
            visited.append(state.phase)
        seen = replace(seen, state=state)
    raise AssertionError(f"no rest: {visited}, {seen.state.reason}")
