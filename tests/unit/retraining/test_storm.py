"""A hundred models drift at once: the cap holds over all of them, and nobody is passed over, also after a restart."""

from dataclasses import replace
from datetime import timedelta

from serinus.core.pipeline_run import RunPhase
from serinus.core.spec import ModelDeployment
from serinus.ports import Key, Ports
from serinus.reconcile import Reconciler
from serinus.turns import Turns
from tests.adapters.fakes.registry import FakeModel, FakeRegistry
from tests.fakes.clock import FakeClock
from tests.fakes.journal import FakeJournal
from tests.fakes.metrics import BulkMetrics
from tests.fakes.pipelines import FakeRuns
from tests.fakes.retraining import NOT_BETTER, TRAINING, retrained
from tests.fakes.serving import RoutedServing
from tests.fakes.store import FakeStore
from tests.fakes.training import FakeTrainings
from tests.fakes.world import HERE, MODEL, run

MODELS, AT_ONCE = 100, 25
HOURLY = {"type": "Schedule", "cron": "0 * * * *"}


class Fleet:
    """A hundred deployments of one operator, all with the same schedule."""

    def __init__(self) -> None:
        self.clock, self.runs, self.store = FakeClock(), FakeRuns(), FakeStore()
        registry = FakeRegistry()
        registry.models[MODEL] = FakeModel({"1": (HERE, "sha256:1")})
        self.ports = Ports(
            self.store,
            RoutedServing(),
            BulkMetrics(self.clock),
            registry,
            FakeJournal(),
            self.clock,
            trainings=FakeTrainings(TRAINING),
            runner=self.runs,
        )
        self.keys = [Key("ml", f"model-{number:03}") for number in range(MODELS)]
        self.asked = {key: _named(retrained(HOURLY), key) for key in self.keys}
        self.start()

    def start(self) -> None:
        """The operator is started (again)."""
        self.reconciler = Reconciler(self.ports, turns=Turns(AT_ONCE, settling=timedelta(seconds=1)))

    def look(self, *, backwards: bool = False) -> None:
        """Reconcile every deployment once."""
        for key in reversed(self.keys) if backwards else self.keys:
            run(self.reconciler.reconcile(key, self.asked[key]))
        self.clock.advance(1)

    def under_way(self) -> list[str]:
        return [key for key, one in self.runs.runs.items() if not one.phase.ended]

    def end_all(self) -> None:
        """The runs under way end."""
        for key in self.under_way():
            self.runs.runs[key] = replace(self.runs.runs[key], phase=RunPhase.SUCCEEDED, outcome=NOT_BETTER)


def _named(asked: ModelDeployment, key: Key) -> ModelDeployment:
    return asked.model_copy(update={"metadata": asked.metadata.model_copy(update={"name": key.name})})


def test_of_a_hundred_that_are_due_at_once_no_more_than_the_cap_run_and_all_have_their_turn() -> None:
    fleet = Fleet()
    for _ in range(3):
        fleet.look()
    fleet.clock.advance(3600)
    for turn in range(20):
        if turn == 3:
            fleet.start()
        fleet.look(backwards=turn % 2 == 1)
        assert len(fleet.under_way()) <= AT_ONCE
        if len(fleet.runs.requests) == MODELS:
            break
        if turn > 4:
            fleet.end_all()
    assert len({one.key for one in fleet.runs.requests}) == MODELS
