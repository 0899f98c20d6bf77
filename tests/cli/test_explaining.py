"""`serinus explain`: for every phase the reconciler can reach, what it waits for, what comes next, what can be asked."""

from datetime import timedelta
from typing import Any

import pytest

from serinus.cli.explain import content, lines
from serinus.cli.explaining import Explanation, explain
from serinus.cli.explaining.forecasts import rounded
from serinus.core import reasons
from serinus.core.decision import Input
from serinus.core.observation import Action, Observation, Problem, ServingObservation, Verb
from serinus.core.policies.people import why_refused
from serinus.core.rollout import decide
from serinus.core.state import Phase
from tests.argocd.phases import WORLDS
from tests.cli.homes import ScriptedHome, found, found_in
from tests.fakes.world import Behaviour, World, rolling_out, stable_world
from tests.unit.core.builders import CANDIDATE, revision, seen, state

WAITS = {
    Phase.PENDING: "flights version 1 to be ready and to get all requests",
    Phase.STABLE: "another version of model flights in the spec (now 1)",
    Phase.DEPLOYING: "flights version 2 to be ready; until then it gets no requests",
    Phase.PROGRESSING: "flights version 2 to be ready before it gets 10 %",
    Phase.PAUSED: "a person to decide",
    Phase.AWAITING_APPROVAL: "a person to decide",
    Phase.PROMOTING: "the route to give flights version 2 all requests",
    Phase.ROLLING_BACK: "the route to give flights version 1 all requests again",
    Phase.ROLLED_BACK: "another version of model flights in the spec (now 3), or a retry",
    Phase.FAILED: "flights version 4 to become ready after all",
}
NEXT = {
    Phase.PENDING: "(in 20s): Failed",
    Phase.STABLE: "a rollout beside flights version 1",
    Phase.DEPLOYING: "then step 1 of 2: 10 % for at least 3s",
    Phase.PROGRESSING: "then step 1 of 2: 10 % for at least 3s",
    Phase.PAUSED: "(in 60s): taken back and rejected, if nobody has answered by then",
    Phase.AWAITING_APPROVAL: "then, on promote: flights version 2 gets all requests",
    Phase.PROMOTING: "(in 20s): taken back and rejected",
    Phase.ROLLING_BACK: "(in 20s): Failed, if the route has not followed",
    Phase.ROLLED_BACK: "flights version 1 goes on serving all requests",
    Phase.FAILED: "starts over",
}


def explained(world: World) -> Explanation:
    return explain(found_in(world), ScriptedHome([]), world.clock.now())


def text(world: World) -> str:
    return "\n".join(lines(explained(world), world.clock.now()))


def of(one: Any, after: float = 0.0) -> Explanation:
    """Of a state of builders.py, `after` seconds."""
    return explain(found(one), ScriptedHome([]), seen(one, after=after).now)


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_says_what_it_waits_for_and_what_comes_next(phase: Phase) -> None:
    explanation = explained(WORLDS[phase]())
    assert explanation.phase == phase
    assert explanation.waits[0].startswith(WAITS[phase])
    assert any(NEXT[phase] in sentence for sentence in explanation.next), explanation.next


@pytest.mark.parametrize("phase", Phase)
def test_what_can_be_asked_is_exactly_what_would_not_be_refused(phase: Phase) -> None:
    world = WORLDS[phase]()
    observed = Observation(revision("9"), ServingObservation())
    given = Input(world.asked.spec, world.state, observed, world.clock.now())
    possible = {verb for verb in Verb if not why_refused(given, Action(verb, "n"))}
    offered = {one.command.split()[1] for one in explained(world).commands}
    assert offered - {"history"} == possible


@pytest.mark.parametrize(
    ("strategy", "after"), [("BlueGreen", "gets all requests"), ("Shadow", "waits for `serinus promote`")]
)
def test_copies_are_called_copies(strategy: str, after: str) -> None:
    world = rolling_out(strategy=strategy, steps=[{"weight": 20, "hold": "5s", "minRequests": 1000}])
    assert explained(world).waits == ("flights version 2 to be ready before 20 % is mirrored to it",)
    world.until(lambda state: state.reason == reasons.HOLDING)
    said = explained(world)
    assert "flights version 1: 100 %" in said.serves
    assert "flights version 2: 0 % (candidate, attempt 1, mirrors 20 %, whose answers nobody sees)" in said.serves
    assert any("observed at 20 % mirrored (hold: 5s)" in sentence for sentence in said.waits), said.waits
    assert any("more requests at 20 % mirrored" in sentence for sentence in said.waits), said.waits
    assert any(after in sentence for sentence in said.next), said.next
    assert "gets 20 %" not in text(world)


def test_what_cannot_be_copied_is_explained() -> None:
    world = stable_world(strategy="Shadow")
    world.serving.no_mirror = "Gateway edge cannot copy requests"
    world.ask_version("2")
    world.tick()
    assert explained(world).waits == ("something that copies requests, or another strategy in the spec (now Shadow)",)
    assert "Gateway edge cannot copy requests" in text(world)


def test_going_back_is_offered_only_where_something_served_before() -> None:
    offered = [one for one in of(state(Phase.STABLE)).commands if "rollback" in one.command]
    assert [one.effect for one in offered] == ["back to flights version 3; flights version 1 is rejected until retry"]
    assert not [one for one in of(state(Phase.STABLE, former=None)).commands if "rollback" in one.command]


@pytest.mark.parametrize("phase", Phase)
def test_it_fits_a_terminal_and_says_since_when(phase: Phase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    world = WORLDS[phase]()
    shown = text(world)
    assert shown.startswith(f"ml/flights is {phase} since ")
    assert max(map(len, shown.splitlines())) <= 72
    assert "\x1b" not in shown
    assert "None" not in shown


def test_the_numbers_of_each_signal_are_there() -> None:
    shown = text(WORLDS[Phase.ROLLED_BACK]())
    assert "candidate failed 30 of 30 requests (100.0 %), stable 0 of 370" in " ".join(shown.split())
    assert "harm over a billion to 1, fails at 120; no harm 0.029 to 1, passes at 20" in shown
    assert "candidate not up in 0 of 4 intervals" in shown


def test_a_step_waits_for_its_time_its_requests_and_its_evidence() -> None:
    steps = [{"weight": 10, "hold": "30s", "minRequests": 2000}]
    world = rolling_out(steps=steps, deadline="1h")
    world.until(lambda one: bool(one.rollout and one.rollout.evidence.candidate_requests >= 40))
    time, requests, errors, *_ = explained(world).waits
    assert time.startswith("another 2")
    assert time.endswith("s observed at 10 % (hold: 30s)")
    assert requests.startswith("1,9")
    assert errors.startswith("signal errors to pass: candidate failed 0 of ")
    assert "more candidate requests, about" in errors
    assert explained(world).next == (
        "then flights version 2 gets all requests",
        "at any time: taken back and rejected, as soon as a signal shows harm",
        explained(world).next[2],
    )
    assert "(in 59m): paused for a person, if there is no verdict by then" in explained(world).next[2]


@pytest.mark.parametrize(
    ("choice", "said"), [("Pause", "paused for a person"), ("Proceed", "goes on"), ("Rollback", "taken back")]
)
def test_the_deadline_says_what_the_policy_says(choice: str, said: str) -> None:
    world = rolling_out(onInconclusive=choice, onFailure="Pause")
    world.until(lambda one: bool(one.rollout and one.rollout.stage == "Analysing"))
    _, harm, deadline = explained(world).next
    assert "at any time: paused" in harm
    assert said in deadline


def test_the_next_step_is_told_as_it_was_written() -> None:
    steps = [
        {"weight": 10, "hold": "3s"},
        {"pause": {"duration": "5m"}},
        {"pause": {}},
        {"weight": 50, "minRequests": 7},
    ]
    world = rolling_out(steps=steps)
    world.until(lambda one: bool(one.rollout and one.rollout.stage == "Analysing"))
    assert explained(world).next[0] == "then step 2 of 4: a pause of 5m"
    world.until_phase(Phase.PAUSED)
    explanation = explained(world)
    assert explanation.waits == ("the pause of 5m to be over",)
    assert explanation.next[0].endswith("(in 5m): step 3 of 4: a pause for a person")
    world.tick(301)
    world.until(lambda one: one.phase is Phase.PAUSED and one.rollout is not None and one.rollout.step == 2)
    assert explained(world).next[0] == "then, on resume: step 4 of 4: 50 % for at least 1m and 7 requests"


def test_metrics_that_are_away_are_what_it_waits_for() -> None:
    before = state(Phase.PROGRESSING, stage="Analysing", weight=10)
    gone = Problem("MetricsUnavailable", "the gateway does not answer")
    one = decide(seen(before, metrics=gone, after=1)).next_state
    assert (
        "the metrics, without which nothing moves and no time counts: the gateway does not answer" in of(one, 1).waits
    )


def test_a_known_good_candidate_takes_over_at_once() -> None:
    explanation = of(state(Phase.DEPLOYING, promoted=(CANDIDATE.id,)))
    assert explanation.next[0] == "then all requests at once, because it was promoted before"


def test_what_serves_is_said_with_its_share_and_what_is_kept_with_its_end() -> None:
    world = stable_world()
    world.ask_version("2")
    world.until(lambda one: one.phase is Phase.STABLE and bool(one.history))
    explanation = explained(world)
    assert explanation.serves == ("flights version 2: 100 %",)
    assert any("flights version 1 is no longer kept warm for a fast rollback" in one for one in explanation.next)
    assert explained(WORLDS[Phase.PENDING]()).serves[0].startswith("nothing that is known to be ready")


def test_what_is_wrong_is_said_and_what_cannot_be_known_is_not_made_up() -> None:
    complaint = Problem("SpecInvalid", "spec.rollout is not understood")
    known = explain(
        found(state(Phase.STABLE, sequence=3), complaint=complaint), ScriptedHome([]), seen(state(Phase.STABLE)).now
    )
    assert (known.reason, known.message) == (complaint.reason, complaint.message)
    assert known.waits[0].startswith("what is wrong above to be put right")
    unknown = explain(
        found(state(Phase.PENDING), complaint=complaint, spec=None),
        ScriptedHome([], nobody="nobody is here"),
        known.since,
    )
    assert unknown.waits == known.waits[:1]
    assert (unknown.next, unknown.commands) == ((), ())
    assert unknown.problems == ("nobody is here",)


def test_a_request_that_nobody_has_answered_is_said() -> None:
    waiting = explain(found(state(Phase.PAUSED), asked="n1"), ScriptedHome([]), seen(state(Phase.PAUSED)).now)
    assert waiting.problems == ("a request is there that nobody has answered yet",)
    answered = found(state(Phase.PAUSED, handled_nonce="n1"), asked="n1")
    assert explain(answered, ScriptedHome([]), waiting.since).problems == ()


def test_programs_get_the_same_as_people() -> None:
    world = WORLDS[Phase.ROLLED_BACK]()
    shown = content(explained(world))
    assert shown["phase"] == "RolledBack"
    assert shown["since"] == world.state.phase_since.isoformat()
    assert shown["signals"][0]["numbers"]["candidateBad"] == 30
    assert shown["commands"][0]["command"] == "serinus retry flights"
    assert {"waits", "next", "lookedAt", "lastRequest"} <= shown.keys()


@pytest.mark.parametrize(("rate", "margin", "failing"), [(20, 0.05, 0.0), (20, 0.05, 0.02), (200, 0.02, 0.01)])
def test_the_forecast_is_about_what_it_takes(rate: float, margin: float, failing: float) -> None:
    """Said early in the step, right within a factor of two."""
    signal = {"name": "errors", "type": "Errors", "maxIncrease": margin}
    world = stable_world("1", rate, signals=[signal], steps=[{"weight": 50, "hold": "1s"}], deadline="2h")
    world.behaviours = {"1": Behaviour(failing), "2": Behaviour(failing)}
    world.ask_version("2")
    world.until(lambda one: "more candidate requests" in " ".join(explained(world).waits) if one.rollout else False)
    said = next(one for one in explained(world).waits if "more candidate requests" in one)
    estimate = float(said.rpartition("(about ")[2].partition(" ")[0].replace(",", ""))
    before = world.state.rollout
    assert before is not None
    world.until_phase(Phase.PROMOTING, ticks=600)
    after = world.state.rollout
    assert after is not None
    took = after.evidence.candidate_requests - before.evidence.candidate_requests
    assert 0.5 <= estimate / took <= 2.0, (estimate, took)


@pytest.mark.parametrize(("number", "shown"), [(0.2, 1), (7, 7), (42, 42), (417, 420), (1234567, 1200000)])
def test_an_estimate_has_two_digits(number: float, shown: int) -> None:
    assert rounded(number) == shown


def test_an_overdue_moment_is_due_now() -> None:
    explanation = of(state(Phase.PAUSED), after=timedelta(hours=2).total_seconds())
    assert "(due now): taken back and rejected" in explanation.next[-1]
