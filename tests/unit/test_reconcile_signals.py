"""Quality, Drift and Query in a simulated world: what is asked, when, and what comes of the answers."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serinus.core import reasons
from serinus.core.analysis import reasons as verdicts
from serinus.core.errors import MetricsUnavailable, QualityUnavailable, QueryInvalid
from serinus.core.observation import ServingObservation, Verb
from serinus.core.quality import Party
from serinus.core.state import Outcome, Phase
from serinus.gathering import signals as gathering
from serinus.ports import Ports
from tests.fakes.signal_worlds import (
    DRIFT,
    MOVED,
    QUALITY,
    QUERY,
    WORSE,
    answers,
    candidate_of,
    drifting,
    labels,
    queries,
    world_of,
)
from tests.fakes.world import ERRORS, KEY, Behaviour, World, run


def result(world: World, name: str) -> Any:
    return next(one for one in world.records()[-1].signals if one.name == name)


# ---- Quality


def test_a_candidate_that_is_as_good_is_promoted_once_its_labels_have_come() -> None:
    world = world_of(QUALITY)
    world.until_phase(Phase.STABLE)
    found = result(world, "quality")
    assert (found.verdict, found.reason) == ("Pass", verdicts.QUALITY_NOT_DECREASED)
    assert found.numbers["labelled"] == found.numbers["rows"] >= 400
    assert world.alias() == "2"


def test_a_worse_candidate_is_rolled_back_on_labels_alone() -> None:
    world = world_of(QUALITY)
    labels(world).differences = WORSE
    world.until_phase(Phase.ROLLED_BACK)
    (record,) = world.records()
    assert (record.outcome, record.reason) == (Outcome.ROLLED_BACK, verdicts.QUALITY_DECREASED)
    assert "worse by more than 0.02: evidence" in record.message
    assert world.state.rejected


def test_labels_that_come_after_the_flights_have_landed_are_waited_for() -> None:
    world = world_of(QUALITY | {"labelHorizon": "20s"})
    labels(world).lag = timedelta(seconds=15)
    began = world.clock.now()
    world.until_phase(Phase.STABLE)
    assert world.clock.now() - began > timedelta(seconds=22)


@settings(max_examples=5, deadline=None)
@given(
    share=st.floats(0, 0.7),
    paired=st.booleans(),
    strategy=st.sampled_from(["Canary", "BlueGreen"]),
    inconclusive=st.sampled_from(["Pause", "Rollback"]),
)
def test_without_labels_a_candidate_is_never_promoted(
    share: float, paired: bool, strategy: str, inconclusive: str
) -> None:
    world = world_of(QUALITY, strategy=strategy, onInconclusive=inconclusive)
    labels(world).labelled, labels(world).paired = share, paired
    world.until_phase(Phase.ROLLED_BACK, ticks=160)
    assert not [one for one in world.seen if one.next_state.phase is Phase.PROMOTING]
    assert world.alias() == "1"


def test_missing_labels_are_told_with_their_numbers() -> None:
    world = world_of(QUALITY)
    labels(world).labelled = 0.08
    state = world.until_phase(Phase.PAUSED)
    assert state.reason == reasons.INCONCLUSIVE
    assert "rows older than 6s have labels (8 %), 80 % are needed" in state.message


def test_the_question_names_both_revisions_and_where_they_answer() -> None:
    world = world_of(QUALITY | {"metric": "logLoss", "bound": 4, "sampleRate": 0.25})
    state = world.until(lambda state: bool(labels(world).asked))
    assert state.rollout
    assert state.stable
    question = labels(world).asked[0]
    assert (question.candidate.revision, question.stable.revision) == (candidate_of(state), state.stable.id)
    assert (question.loss, question.bound, question.sample_rate, question.model) == ("logLoss", 4, 0.25, "flights")
    where = {state.rollout.candidate.id: "http://127.0.0.1:9001"}
    serving = ServingObservation(addresses=where)
    later = state.rollout.model_copy(update={"looked_at": None})
    again = state.model_copy(update={"rollout": later})
    run(gathering.ask_for_signals(ports(world), KEY, again, serving))
    assert labels(world).asked[-1].candidate == Party(revision=candidate_of(state), address="http://127.0.0.1:9001")
    assert labels(world).asked[-1].stable.address == ""


@pytest.mark.parametrize(("strategy", "copied"), [("Canary", False), ("Shadow", True)])
def test_the_collector_is_told_whether_the_candidate_gets_copies_alone(strategy: str, copied: bool) -> None:
    world = world_of(QUALITY, strategy=strategy)
    world.until(lambda state: bool(state.rollout and (state.rollout.weight or state.rollout.mirror)))
    before = len(labels(world).asked)
    world.until(lambda _: len(labels(world).asked) >= before + 3)
    assert [one.copied for one in labels(world).asked[-2:]] == [copied, copied]


def ports(world: World) -> Ports:
    return world.reconciler.ports


def test_the_same_cohorts_are_asked_for_at_every_look() -> None:
    world = world_of(QUALITY)
    world.until_phase(Phase.STABLE)
    asked = {(one.since, one.cohort_seconds) for one in labels(world).asked}
    assert len(asked) == 1
    assert len(labels(world).asked) > 5


def test_nobody_is_asked_between_looks_nor_for_signals_that_are_not_there() -> None:
    world = world_of(QUALITY, interval="10s", deadline="5m")
    for _ in range(30):
        world.tick()
    assert 2 <= len(labels(world).asked) <= 4
    assert not answers(world).asked
    assert not queries(world).asked


def test_a_collector_that_is_away_holds_the_step_and_is_told() -> None:
    world = world_of(QUALITY)
    labels(world).error = QualityUnavailable("the collector at http://collector:8080 cannot be asked: refused")
    state = world.until(lambda state: state.reason == reasons.QUALITY_UNAVAILABLE)
    assert state.message == "the collector at http://collector:8080 cannot be asked: refused"
    assert world.seen[-1].trouble == reasons.QUALITY_UNAVAILABLE
    labels(world).error = None
    world.until_phase(Phase.STABLE)


def test_a_collector_that_hangs_holds_a_turn_up_no_longer_than_its_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "LEAST_PATIENCE", 0.01)
    monkeypatch.setattr(gathering, "MOST_PATIENCE", 0.01)
    world = world_of(QUALITY)
    labels(world).hangs = True
    state = world.until(lambda state: state.reason == reasons.QUALITY_UNAVAILABLE)
    assert state.message == "the collector did not answer within 0.01 s; it is asked again at the next look"


@pytest.mark.parametrize(
    ("signal", "port", "reason"),
    [
        (QUALITY, "quality", reasons.COLLECTOR_MISSING),
        (DRIFT, "bins", reasons.PREDICTOR_COUNTERS_MISSING),
        (QUERY, "queries", reasons.PROMETHEUS_MISSING),
    ],
)
def test_a_source_that_was_not_set_up_is_named_with_what_to_set(signal: dict[str, Any], port: str, reason: str) -> None:
    world = world_of(signal)
    setattr(world, port, None)
    world.restart()
    state = world.until(lambda state: state.reason == reason)
    assert state.message.startswith(f"signal {signal['name']} ")
    assert "set" in state.message
    assert world.until_phase(Phase.PAUSED).reason == reasons.INCONCLUSIVE


# ---- Drift


def test_answers_that_drift_pause_the_rollout_whatever_on_failure_is() -> None:
    world = drifting(onFailure="Rollback")
    state = world.until_phase(Phase.PAUSED)
    assert state.reason == reasons.CANDIDATE_DRIFTED
    assert "`serinus resume` if that is as it should be, else `serinus abort`" in state.message
    for _ in range(50):
        assert world.tick().next_state.phase is Phase.PAUSED


def test_resume_waives_the_drift_and_nothing_else() -> None:
    world = drifting()
    world.until_phase(Phase.PAUSED)
    world.request(Verb.RESUME)
    world.until_phase(Phase.STABLE)
    assert world.records()[-1].reason == reasons.PROCEEDED_INCONCLUSIVE
    assert result(world, "drift").verdict == "Fail"


def test_harm_is_still_harm_while_the_rollout_is_paused_for_drift() -> None:
    world = drifting()
    world.until_phase(Phase.PAUSED)
    world.behaviours["2"] = Behaviour(failing=0.5)
    world.until_phase(Phase.ROLLED_BACK)
    assert world.records()[-1].reason == verdicts.ERRORS_INCREASED


def test_answers_like_stables_let_the_rollout_pass() -> None:
    world = world_of(DRIFT)
    world.until_phase(Phase.STABLE)
    assert result(world, "drift").reason == verdicts.NO_DRIFT
    assert world.records()[-1].reason == reasons.ALL_SIGNALS_PASSED


def test_answers_are_compared_since_the_candidate_has_had_its_present_share() -> None:
    world = world_of(DRIFT)
    world.until_phase(Phase.STABLE)
    (record,) = world.records()
    shares = [change.at for change in record.weights if 0 < change.weight < 100]
    assert {since for _, since in answers(world).asked} == set(shares)
    assert len(shares) == 2


def test_drift_that_is_left_alone_ends_at_the_deadline_as_every_pause_does() -> None:
    world = drifting()
    world.until_phase(Phase.PAUSED)
    world.until_phase(Phase.ROLLED_BACK)
    assert world.records()[-1].reason == reasons.DEADLINE_EXCEEDED


def test_drift_of_what_waits_for_approval_is_told() -> None:
    world = world_of(DRIFT, approval="Manual")
    state = world.until_phase(Phase.AWAITING_APPROVAL)
    answers(world).others[candidate_of(state)] = MOVED
    state = world.until(lambda state: state.reason == reasons.CANDIDATE_DRIFTED, ticks=50)
    assert state.phase is Phase.AWAITING_APPROVAL


# ---- Query


def test_a_value_outside_its_limits_rolls_back_at_the_second_look() -> None:
    world = world_of(QUERY)
    queries(world).value = 0.5
    world.until_phase(Phase.ROLLED_BACK)
    assert world.records()[-1].reason == verdicts.QUERY_OUT_OF_RANGE
    assert queries(world).asked == ["ratio", "ratio"]


def test_a_value_inside_its_limits_lets_the_rollout_pass() -> None:
    world = world_of(QUERY)
    world.until_phase(Phase.STABLE)
    assert result(world, "revenue").numbers["value"] == 1.0


@pytest.mark.parametrize(
    "error", [QueryInvalid("ratio is no expression: 1:3"), MetricsUnavailable("ratio has no value now")]
)
def test_a_query_without_an_answer_is_no_evidence_and_says_why(error: MetricsUnavailable | QueryInvalid) -> None:
    world = world_of(QUERY)
    queries(world).value = error
    state = world.until(lambda state: state.reason == type(error).__name__)
    assert state.message == str(error)
    assert world.until_phase(Phase.PAUSED).reason == reasons.INCONCLUSIVE
    assert not world.state.rejected


def test_a_spec_that_is_edited_in_mid_rollout_leaves_its_signals_as_they_were() -> None:
    world = world_of(QUERY)
    world.until_phase(Phase.PROGRESSING)
    content = world.asked.model_dump(mode="json", by_alias=True, exclude_none=True)
    content["spec"]["rollout"]["signals"] = [ERRORS | {"name": "other"}]
    world.ask_for(type(world.asked).model_validate(content))
    world.until_phase(Phase.STABLE)
    assert result(world, "revenue").verdict == "Pass"
