"""A simulated world: fakes behind every port, clients that send requests, and a clock that somebody turns."""

import asyncio
import atexit
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from serinus.core.decision import Decision
from serinus.core.observation import Action, Verb
from serinus.core.revision import Revision
from serinus.core.spec import ModelDeployment
from serinus.core.state import Phase, RolloutRecord, RolloutState
from serinus.ports import BinSource, Key, Ports, QualitySource, QuerySource
from serinus.reconcile import Reconciler
from tests.adapters.fakes.registry import FakeModel, FakeRegistry
from tests.fakes.clock import FakeClock
from tests.fakes.faults import Breaking, Fault
from tests.fakes.journal import FakeJournal
from tests.fakes.metrics import BulkMetrics
from tests.fakes.pipelines import FakeRuns
from tests.fakes.serving import RoutedServing
from tests.fakes.store import FakeStore
from tests.fakes.training import FakeTrainings

T = TypeVar("T")

KEY = Key("ml", "flights")
MODEL, ALIAS = "flights", "champion"
VERSIONS = tuple("12345")
LOOP = asyncio.new_event_loop()
atexit.register(LOOP.close)
HERE = Path(__file__).parent  # stands for every artifact: the fakes look at the digest alone
STEPS = [{"weight": 10, "hold": "3s"}, {"weight": 50, "hold": "3s"}]
ERRORS = {"name": "errors", "type": "Errors", "maxIncrease": 0.05}


def run(question: Coroutine[Any, Any, T]) -> T:
    """The answer of a coroutine, on one loop for all of them: making a loop takes longer than a reconcile."""
    return LOOP.run_until_complete(question)


def deployment(version: str = "1", *, serving: dict[str, Any] | None = None, **rollout: Any) -> ModelDeployment:
    """A ModelDeployment with a rollout of seconds, some of its rollout fields replaced."""
    policy = {"interval": "1s", "steps": STEPS, "signals": [ERRORS], "readyDeadline": "20s", "deadline": "60s"}
    return ModelDeployment.model_validate(
        {
            "metadata": {"name": KEY.name, "namespace": KEY.namespace},
            "spec": {
                "model": {"name": MODEL, "version": version, "promoteAlias": ALIAS},
                "serving": serving or {},
                "rollout": policy | rollout,
            },
        }
    )


def with_model(asked: ModelDeployment, **changes: Any) -> ModelDeployment:
    """The same deployment with some fields of spec.model replaced (camelCase; None takes one away)."""
    content = asked.model_dump(mode="json", by_alias=True, exclude_none=True)
    content["spec"]["model"] = {n: v for n, v in (content["spec"]["model"] | changes).items() if v is not None}
    return ModelDeployment.model_validate(content)


@dataclass
class Behaviour:
    """How a version answers its requests."""

    failing: float = 0.0
    seconds: float = 0.005


@dataclass
class World:
    """Everything around one ModelDeployment. `rate` is requests per second."""

    asked: ModelDeployment = field(default_factory=deployment)
    rate: float = 100.0
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    clock: FakeClock = field(default_factory=FakeClock)
    store: FakeStore = field(default_factory=FakeStore)
    serving: RoutedServing = field(default_factory=RoutedServing)
    registry: FakeRegistry = field(default_factory=FakeRegistry)
    journal: FakeJournal = field(default_factory=FakeJournal)
    trainings: FakeTrainings | None = None
    runner: FakeRuns | None = None
    fault: Fault | None = None
    quality: QualitySource | None = None
    bins: BinSource | None = None
    queries: QuerySource | None = None

    def __post_init__(self) -> None:
        self.metrics = BulkMetrics(self.clock)
        self.registry.models[MODEL] = FakeModel({name: (HERE, f"sha256:{name}") for name in VERSIONS})
        self.served: dict[str, int] = {}  # requests of clients by version
        self.mirrored: dict[str, int] = {}  # copies by version
        self.action: Action | None = None
        self.seen: list[Decision] = []
        self._owed: dict[tuple[str, int], float] = {}
        self._nonces = 0
        self.restart()

    # ---- the program

    def restart(self) -> None:
        """The program is started (again): it remembers nothing but what is stored."""
        ports: list[Any] = [self.store, self.serving, self.metrics, self.registry, self.journal, self.clock]
        names = ("trainings", "runner", "quality", "bins", "queries")
        beside: dict[str, Any] = {name: getattr(self, name) for name in names}
        if self.fault is not None:
            ports = [Breaking(port, self.fault) for port in ports[:-1]] + [self.clock]
            beside = {name: port and Breaking(port, self.fault) for name, port in beside.items()}
        self.reconciler = Reconciler(Ports(*ports, **beside))

    def break_at(self, fault: Fault | None) -> None:
        """Let a call of some port break off."""
        self.fault = fault
        self.restart()

    def reconcile(self) -> Decision:
        decision = run(self.reconciler.reconcile(KEY, self.asked, self.action))
        self.seen.append(decision)
        return decision

    @property
    def state(self) -> RolloutState:
        state = run(self.store.load(KEY))
        assert state is not None
        return state

    # ---- people

    def ask_for(self, asked: ModelDeployment) -> None:
        self.asked = asked

    def ask_version(self, version: str) -> None:
        self.asked = with_model(self.asked, version=version)

    def request(self, verb: Verb, rollout_id: str = "", reason: str = "") -> Action:
        """Leave a request, as the command line does; it stays until the next one."""
        self._nonces += 1
        self.action = Action(verb, f"nonce-{self._nonces}", rollout_id, "ann", reason)
        return self.action

    # ---- time and clients

    def flow(self, seconds: float) -> None:
        """Time passes and clients send requests, which go where the route has been accepted to send them."""
        observed, planned = run(self.serving.observe(KEY)), self.serving.planned(KEY)
        for served, shares in ((self.served, observed.weights), (self.mirrored, observed.mirror)):
            for name, share in shares.items():
                if name in planned and share:
                    requests = self.rate * seconds * share / 100
                    self._count(served, planned[name], requests, up=observed.answers(name))
        self.clock.advance(seconds)

    def _count(self, served: dict[str, int], revision: Revision, requests: float, *, up: bool) -> None:
        version = revision.artifact.version
        behaviour = self.behaviours.get(version, Behaviour())
        failing = behaviour.failing if up else 1.0
        for code, share in ((500 if up else 502, failing), (200, 1 - failing)):
            whole = self._whole(revision.id, code, requests * share)
            if whole:
                self.metrics.count(KEY, revision.id, code, whole, behaviour.seconds)
                served[version] = served.get(version, 0) + whole

    def _whole(self, revision: str, code: int, requests: float) -> int:
        """Whole requests; the fraction is carried over."""
        owed = self._owed.get((revision, code), 0.0) + requests
        whole = int(owed + 1e-9)
        self._owed[revision, code] = owed - whole
        return whole

    def tick(self, seconds: float = 1.0) -> Decision:
        """Time passes, then one reconcile."""
        self.flow(seconds)
        return self.reconcile()

    def until(self, reached: Callable[[RolloutState], bool], ticks: int = 120) -> RolloutState:
        """Tick until the state is so."""
        for _ in range(ticks):
            if reached(self.tick().next_state):
                return self.state
        state = self.state
        raise AssertionError(f"not within {ticks} ticks, but {state.phase}: {state.reason}: {state.message}")

    def until_phase(self, *phases: Phase, ticks: int = 120) -> RolloutState:
        return self.until(lambda state: state.phase in phases, ticks)

    # ---- what came of it

    def weight_of(self, version: str) -> int:
        """The version's share of requests in the plan that was applied last."""
        _, plan = self.serving.applied[-1]
        return sum(plan.weight(one.revision.id) for one in plan.served if one.revision.artifact.version == version)

    def records(self) -> list[RolloutRecord]:
        return list(self.journal.records.values())

    def alias(self) -> str | None:
        return self.registry.models[MODEL].aliases.get(ALIAS)


def stable_world(version: str = "1", rate: float = 100.0, **rollout: Any) -> World:
    """A world in which a first version serves."""
    world = World(deployment(version, **rollout), rate)
    world.until_phase(Phase.STABLE)
    world.tick()
    return world


def rolling_out(version: str = "2", *phases: Phase, **rollout: Any) -> World:
    """A world with version 1 stable and another on its way, in Progressing if no phase is named."""
    world = stable_world(**rollout)
    world.ask_version(version)
    world.until_phase(*(phases or (Phase.PROGRESSING,)))
    return world
