"""Every row of the phase table is reached by a decision, and nothing else is possible."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from serinus.core.decision import Input
from serinus.core.observation import Action, Verb
from serinus.core.rollout import decide
from serinus.core.spec import Pause, PauseStep, RolloutPolicy
from serinus.core.state import TRANSITIONS, IllegalTransition, Phase, transition
from tests.unit.core.builders import BOTH, CANDIDATE, NOW, STABLE, ending, rejection, seen, serving, spec, state

FULL = serving(STABLE, CANDIDATE, weights={STABLE.id: 0, CANDIDATE.id: 100})
P = Phase


@dataclass
class Row:
    before: Phase
    to: Phase
    changes: dict[str, Any] = field(default_factory=dict)
    asks: dict[str, Any] = field(default_factory=dict)
    policy: RolloutPolicy | None = None

    def seen(self) -> Input:
        return seen(state(self.before, self.policy, **self.changes), **self.asks)


def asking(verb: Verb) -> dict[str, Any]:
    return {"action": Action(verb, "n1", "", "ann")}


LAST = {"stage": "Analysing", "step": 1, "weight": 50, "hold_seconds": 99.0, "proceed": True}
PAUSES = spec(steps=[{"weight": 10}, {"pause": {"duration": "5s"}}]).rollout
MANUAL = spec(approval="Manual").rollout
MANUAL_PAUSES = MANUAL.model_copy(update={"steps": (*MANUAL.steps, PauseStep(pause=Pause()))})

ROWS = [
    Row(P.PENDING, P.STABLE, {"stable": CANDIDATE}, {"world": FULL}),
    Row(P.PENDING, P.FAILED, {"stable": CANDIDATE}, {"world": serving(failed=CANDIDATE)}),
    Row(P.STABLE, P.DEPLOYING),
    Row(P.STABLE, P.ROLLED_BACK, {"rejected": (rejection(),)}),
    Row(P.DEPLOYING, P.PROGRESSING),
    Row(P.DEPLOYING, P.PROMOTING, {"promoted": (CANDIDATE.id, STABLE.id)}),
    Row(P.DEPLOYING, P.ROLLING_BACK, {}, {"world": serving(STABLE, failed=CANDIDATE)}),
    Row(P.PROGRESSING, P.PAUSED, {}, asking(Verb.PAUSE)),
    Row(P.PROGRESSING, P.AWAITING_APPROVAL, LAST, {}, MANUAL),
    Row(P.PROGRESSING, P.PROMOTING, LAST),
    Row(P.PROGRESSING, P.ROLLING_BACK, {}, asking(Verb.ABORT)),
    Row(P.PAUSED, P.PROGRESSING, {}, asking(Verb.RESUME)),
    Row(P.PAUSED, P.AWAITING_APPROVAL, {"step": 2}, asking(Verb.RESUME), MANUAL_PAUSES),
    Row(P.PAUSED, P.PROMOTING, {"step": 1, "reason": "PauseStep"}, {"after": 5}, PAUSES),
    Row(P.PAUSED, P.ROLLING_BACK, {}, {"after": 61}),
    Row(P.AWAITING_APPROVAL, P.PROMOTING, {}, asking(Verb.PROMOTE)),
    Row(P.AWAITING_APPROVAL, P.ROLLING_BACK, {}, {"after": 61}),
    Row(P.PROMOTING, P.STABLE, {"weight": 100}, {"world": FULL}),
    Row(P.PROMOTING, P.ROLLING_BACK, {"weight": 100}, {"after": 21}),
    Row(P.ROLLING_BACK, P.STABLE, {"ending": ending(rejects=False)}),
    Row(P.ROLLING_BACK, P.ROLLED_BACK),
    Row(P.ROLLING_BACK, P.FAILED, {}, {"world": serving(weights={STABLE.id: 50, CANDIDATE.id: 50}), "after": 21}),
    Row(P.ROLLED_BACK, P.STABLE, {}, {"target": STABLE}),
    Row(P.ROLLED_BACK, P.DEPLOYING),
    Row(P.FAILED, P.PENDING, {}, asking(Verb.RETRY)),
    Row(P.FAILED, P.STABLE),
    Row(P.FAILED, P.DEPLOYING, {}, {"world": serving()}),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.before}-{row.to}")
def test_a_decision_goes_from_phase_to_phase(row: Row) -> None:
    decision = decide(row.seen())
    assert decision.next_state.phase is row.to
    assert decision.changed
    assert decision.next_state.phase_since == row.seen().now
    assert sum(weight for _, weight in decision.plan.weights) in (0, 100)


def test_every_row_of_the_table_is_reached() -> None:
    reached = {(row.before, row.to) for row in ROWS}
    assert reached == {(before, to) for before, row in TRANSITIONS.items() for to in row}


def test_every_phase_has_a_row() -> None:
    assert set(TRANSITIONS) == set(Phase)


OTHERS = [(a, b) for a in Phase for b in Phase if b is not a and b not in TRANSITIONS[a]]


@pytest.mark.parametrize(("before", "to"), OTHERS)
def test_a_transition_that_is_not_in_the_table_is_refused(before: Phase, to: Phase) -> None:
    with pytest.raises(IllegalTransition, match=f"{before} -> {to} is not in the phase table"):
        transition(state(before), to, NOW, "Reason", "message")


@pytest.mark.parametrize("phase", list(Phase))
def test_staying_in_a_phase_keeps_its_time(phase: Phase) -> None:
    later = seen(state(phase), after=5).now
    assert transition(state(phase), phase, later, "Reason", "message").phase_since == NOW


def test_both_revisions_are_ready_in_the_tables_usual_world() -> None:
    assert BOTH.ready(STABLE.id)
    assert BOTH.ready(CANDIDATE.id)
