"""A revision that serves, windows of rows, and a look after each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from serinus.core.decision import Decision
from serinus.core.observation import BinWindow, Problem, ServingObservation
from serinus.core.revision import Revision
from serinus.core.rollout import decide
from serinus.core.spec import ModelDeployment, ModelDeploymentSpec
from serinus.core.state import Phase, RolloutState
from serinus.core.watching.state import DriftState
from tests.fakes.world import deployment
from tests.unit.core.builders import NOW, STABLE, seen, serving, state

WINDOW = timedelta(hours=24)
LOOK = WINDOW / 48
EARLY = timedelta(minutes=10)  # between looks at a revision's first rows
EVEN = {str(index): 1000.0 for index in range(10)}
SHIFTED = {
    str(index): count for index, count in enumerate([0.0, 0.0, 0.0, 20.0, 40.0, 60.0, 80.0, 100.0, 150.0, 150.0])
}


def asked(**drift: Any) -> ModelDeploymentSpec:
    """A spec that watches drift."""
    content = deployment("1").model_dump(mode="json", by_alias=True, exclude_none=True)
    content["spec"]["monitoring"] = {"drift": drift}
    return ModelDeployment.model_validate(content).spec


def share_of(rows: float, of: Mapping[str, float] = EVEN) -> dict[str, float]:
    """As many rows, spread as `of` is."""
    return {name: rows * count / sum(of.values()) for name, count in of.items()}


def window(
    features: Mapping[str, Mapping[str, float]] | None = None,
    since: datetime = NOW,
    until: datetime = NOW,
    **changes: Any,
) -> BinWindow:
    """600 rows as in training, some inputs otherwise."""
    healthy = {name: share_of(600) for name in ("temp", "wind", "hour", "dewp")}
    prediction = changes.pop("prediction", share_of(600))
    reference = changes.pop("reference", dict.fromkeys(healthy, EVEN))
    made = BinWindow(
        STABLE.id,
        NOW,
        NOW,
        features={**healthy, **(features or {})},
        prediction=prediction,
        reference=reference,
        reference_prediction=EVEN,
    )
    return replace(made, **changes)


HEALTHY = window()
DRIFTED = window({"temp": SHIFTED, "dewp": SHIFTED})
NEAR = window({"temp": share_of(600, {**EVEN, "0": 3100.0})})
SILENT = window({name: {} for name in HEALTHY.features}, prediction={})


@dataclass
class Watching:
    """One look after the other, `LOOK` apart."""

    spec: ModelDeploymentSpec = field(default_factory=asked)
    state: RolloutState = field(default_factory=lambda: state(Phase.STABLE))
    target: Revision = STABLE
    world: ServingObservation = field(default_factory=lambda: serving(STABLE))
    now: datetime = NOW
    forgot_at: datetime = NOW - 1000 * WINDOW  # nobody knows of rows before
    decisions: list[Decision] = field(default_factory=list)

    def look(self, inputs: BinWindow | Problem | None, after: timedelta = LOOK) -> DriftState:
        """What is remembered after one more look."""
        self.decide(inputs, after)
        assert self.state.drift is not None
        return self.state.drift

    def decide(self, inputs: BinWindow | Problem | None, after: timedelta = LOOK) -> Decision:
        """One more reconcile."""
        self.now += after
        if isinstance(inputs, BinWindow):
            inputs = replace(inputs, since=self.watched_since(), until=self.now)
        found = seen(self.state, self.target, self.world, asked=self.spec)
        found = replace(found, now=self.now, observed=replace(found.observed, inputs=inputs))
        decision = decide(found)
        self.decisions.append(decision)
        self.state = decision.next_state
        return decision

    def watched_since(self) -> datetime:
        """When the window of a look begins."""
        monitor, drift = self.spec.monitoring and self.spec.monitoring.drift, self.state.drift
        span = monitor.window if monitor else WINDOW
        return max(self.now - span, drift.begun_at if drift else self.now, self.forgot_at)

    def look_at(self, windows: Sequence[BinWindow | Problem | None]) -> DriftState:
        """Several looks."""
        for one in windows:
            self.look(one)
        assert self.state.drift is not None
        return self.state.drift

    def condition(self) -> tuple[str, str, str, datetime]:
        """Status, reason, message and last transition of the condition."""
        (one,) = [one for one in self.state.conditions if one.type == "Drifted"]
        return one.status, one.reason, one.message, one.last_transition_time

    def notes(self) -> list[str]:
        """Reasons of what was told beside the rollout."""
        return [note.reason for decision in self.decisions for note in decision.notes]


def serving_since(long_ago: timedelta = 2 * WINDOW, **drift: Any) -> Watching:
    """A revision that has served for long without drift: windows begin long after its first rows."""
    watching = Watching(asked(**drift))
    watching.look(None, timedelta())
    watching.look(HEALTHY)
    watching.now += long_ago
    watching.look(HEALTHY)
    return watching
