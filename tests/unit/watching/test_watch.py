"""When the condition Drifted is True, False and Unknown, and what is told."""

from dataclasses import replace
from datetime import timedelta

import pytest

from serinus.core import reasons
from serinus.core.observation import Problem
from serinus.core.state import Phase, RolloutState
from serinus.core.status import status_of
from serinus.core.watching.drifted import drift_notes, drifted_since, is_drifted
from tests.unit.core.builders import BOTH, CANDIDATE, NOW, serving, spec, state
from tests.unit.watching.watching_world import (
    DRIFTED,
    EARLY,
    EVEN,
    HEALTHY,
    LOOK,
    NEAR,
    SHIFTED,
    SILENT,
    Watching,
    asked,
    serving_since,
    share_of,
    window,
)

ABSENT = Problem("MetricsUnavailable", "no pod answers")


# ---- what begins and ends an alarm


def test_rows_as_in_training_are_no_drift_and_the_farthest_is_named() -> None:
    watching = serving_since()
    status, reason, message, _ = watching.condition()
    assert (status, reason) == ("False", "NoDrift")
    assert message.startswith("5 of 5 distributions did not drift from training; the farthest is temp: PSI ")
    assert watching.notes() == []


def test_drift_takes_three_looks_in_a_row() -> None:
    watching = serving_since()
    assert watching.look(DRIFTED).reason == watching.look(DRIFTED).reason == reasons.DRIFT_SUSPECTED
    assert watching.condition()[0] == "False"
    assert "seen in 2 of the 3 looks" in watching.condition()[2]
    watching.look(DRIFTED)
    status, reason, _, since = watching.condition()
    assert (status, reason, since) == ("True", "Drifted", watching.now)
    assert watching.notes() == ["Drifted"]


def test_a_burst_of_odd_rows_passes_by() -> None:
    watching = serving_since()
    watching.look_at([DRIFTED, DRIFTED, HEALTHY, DRIFTED, DRIFTED, SILENT, DRIFTED, DRIFTED])
    assert not is_drifted(watching.state)
    assert watching.notes() == []


def test_the_message_has_the_three_worst_with_their_numbers() -> None:
    watching = serving_since()
    every = window(dict.fromkeys(("temp", "wind", "hour"), SHIFTED) | {"dewp": {"9": 600.0}})
    watching.look_at([every] * 3)
    message = watching.condition()[2]
    assert message.startswith("4 of 5 distributions have drifted from training: dewp: PSI ")
    assert message.count("rows in other bins; chance explains") == 3
    assert "train it on later data" in message
    drift = watching.state.drift
    assert drift is not None
    assert len(drift.worst) == 3
    assert drift.worst[0].name == "dewp"
    assert set(drift.worst[0].numbers) == {"psi", "tvd", "bound", "expectedPsi", "rows", "referenceRows"}
    assert watching.decisions[-1].notes[0].numbers["dewp"]["psi"] > 1


def test_an_alarm_ends_after_three_looks_that_are_far_from_one() -> None:
    watching = serving_since()
    watching.look_at([DRIFTED] * 3)
    began = watching.condition()[3]
    watching.look_at([HEALTHY, HEALTHY, NEAR, HEALTHY, HEALTHY])
    assert watching.condition()[0] == "True", "a look near the alarm counts anew"
    assert watching.condition()[3] == began
    watching.look(HEALTHY)
    assert watching.condition()[:2] == ("False", "NoDrift")
    assert watching.notes() == ["Drifted", "DriftEnded"]
    assert is_drifted(watching.state) is False


def test_what_is_near_an_alarm_begins_none() -> None:
    near = serving_since().look_at([NEAR] * 10)
    assert near.status == "False"
    assert 0.16 < near.worst[0].numbers["psi"] < 0.2


def test_drift_of_the_prediction_alone_is_an_alarm() -> None:
    watching = serving_since()
    watching.look_at([window(prediction=SHIFTED)] * 3)
    assert watching.condition()[:2] == ("True", "Drifted")
    assert "prediction: PSI" in watching.condition()[2]


def test_triggers_read_the_alarm_and_its_beginning() -> None:
    watching = serving_since()
    assert (is_drifted(watching.state), drifted_since(watching.state)) == (False, None)
    watching.look_at([DRIFTED] * 4)
    assert (is_drifted(watching.state), drifted_since(watching.state)) == (True, watching.now - LOOK)


# ---- what is no alarm


def test_silence_is_unknown_and_never_an_alarm() -> None:
    watching = serving_since()
    watching.look_at([SILENT] * 5)
    status, reason, message, _ = watching.condition()
    assert (status, reason) == ("Unknown", "NotEnoughData")
    assert message == "temp: 0 rows, and 500 are needed to judge; widen the window"


def test_silence_does_not_end_an_alarm() -> None:
    watching = serving_since()
    watching.look_at([DRIFTED] * 3)
    said = watching.condition()
    watching.look_at([SILENT] * 20)
    assert watching.condition() == said


def test_the_first_minutes_are_no_alarm() -> None:
    watching = Watching()
    first = watching.look(None, timedelta())
    assert (first.status, first.reason) == ("Unknown", "WatchBegun")
    few = window({"temp": share_of(400, SHIFTED)}, prediction=share_of(400))
    few = replace(few, features={name: share_of(400, SHIFTED) for name in few.features})
    assert watching.look_at([few] * 5).status == "Unknown"


def test_nobody_who_answers_is_unknown_only_after_a_while() -> None:
    watching = serving_since()
    watching.look(ABSENT)
    assert watching.condition()[0] == "False"
    watching.look(ABSENT, timedelta(hours=7))
    assert watching.condition()[:3] == ("Unknown", "MetricsUnavailable", "no pod answers")


def test_nobody_who_answers_ends_no_alarm() -> None:
    watching = serving_since()
    watching.look_at([DRIFTED] * 3)
    watching.look(ABSENT, timedelta(days=3))
    assert is_drifted(watching.state)


@pytest.mark.parametrize("reference", [{}, {name: {"0": 0.0, "1": 0.0} for name in HEALTHY.features}])
def test_an_empty_reference_is_unknown_with_a_sentence(reference: dict[str, dict[str, float]]) -> None:
    watching = serving_since()
    watching.look_at([window({"temp": SHIFTED}, reference=reference, reference_prediction={})] * 4)
    status, reason, message, _ = watching.condition()
    assert (status, reason) == ("Unknown", "EmptyReference")
    assert "register a version that the training pipeline made" in message


def test_a_constant_input_is_not_judged_and_hides_no_other() -> None:
    watching = serving_since()
    constant = {"wind": {"0": 10_000.0, "missing": 0.0}}
    reference = {**dict.fromkeys(("temp", "hour", "dewp"), EVEN), **constant}
    watching.look(window({"wind": {"0": 600.0}}, reference=reference))
    assert watching.condition()[0] == "False"
    assert "4 of 5 distributions did not drift" in watching.condition()[2]
    assert "not judged: wind: the reference has one value" in watching.condition()[2]
    watching.look_at([window({"temp": SHIFTED, "wind": {"0": 600.0}}, reference=reference)] * 3)
    assert is_drifted(watching.state)


# ---- which inputs


def test_only_the_inputs_asked_for_are_judged() -> None:
    watching = serving_since(features=["wind", "hour"])
    assert watching.look_at([DRIFTED] * 4).compared == 3
    assert not is_drifted(watching.state)


def test_an_input_that_the_model_does_not_have_is_told() -> None:
    watching = serving_since(features=["wind", "wibble"])
    status, _, message, _ = watching.condition()
    assert status == "False"
    assert message.endswith('; "wibble" is no input of the model; correct spec.monitoring.drift.features')
    watching.look_at([window({"wind": SHIFTED})] * 3)
    assert watching.condition()[0] == "True"
    assert '"wibble" is no input' in watching.condition()[2]


# ---- skew, and another revision


def test_drift_from_the_first_rows_on_is_skew() -> None:
    watching = Watching()
    watching.look(None, timedelta())
    for _ in range(3):
        assert watching.decide(DRIFTED, EARLY).changes_in == EARLY
    status, reason, message, _ = watching.condition()
    assert (status, reason) == ("True", reasons.TRAINING_SERVING_SKEW)
    assert message.startswith("the first rows already differ from training in 2 of 5 distributions: ")
    watching.look_at([window({"temp": SHIFTED})] * 60)
    assert watching.condition()[1] == reasons.TRAINING_SERVING_SKEW, "it keeps its name while it lasts"
    assert watching.notes() == ["TrainingServingSkew"]


def test_the_first_rows_are_looked_at_six_times_within_an_hour() -> None:
    watching = Watching()
    watching.look(None, timedelta())
    pauses = [watching.decide(HEALTHY, EARLY).changes_in for _ in range(8)]
    assert pauses == [EARLY] * 6 + [LOOK] * 2


def test_after_the_first_hour_no_drift_is_told_before_the_whole_window_was_watched() -> None:
    """A morning is not a day: until the window is full, rows may differ without any drift."""
    watching = Watching()
    watching.look(None, timedelta())
    watching.look_at([HEALTHY] * 3)
    watching.look_at([DRIFTED] * 40)
    status, reason, message, _ = watching.condition()
    assert (status, reason) == ("Unknown", reasons.WINDOW_NOT_FULL)
    assert message.startswith(
        "the rows of 21h30m differ from training, and 24h are compared at once, so it is not judged yet"
    )
    watching.look_at([DRIFTED] * 6)
    assert watching.condition()[:2] == ("True", "Drifted")


def test_who_has_forgotten_the_rows_judges_drift_once_the_window_is_full_again() -> None:
    """As the operator after a restart without Prometheus."""
    watching = serving_since()
    watching.forgot_at = watching.now
    assert watching.look_at([DRIFTED] * 40).reason == reasons.WINDOW_NOT_FULL
    assert watching.look_at([DRIFTED] * 9).status == "True"


def test_an_alarm_lasts_and_may_end_while_the_window_is_not_full() -> None:
    watching = serving_since()
    watching.look_at([DRIFTED] * 3)
    watching.forgot_at = watching.now
    assert watching.look_at([DRIFTED] * 5).status == "True"
    assert watching.look_at([HEALTHY] * 3).status == "False"


def test_the_hour_of_first_rows_begins_with_the_traffic() -> None:
    watching = Watching()
    watching.look(None, timedelta())
    watching.look_at([SILENT] * 10)
    for _ in range(3):
        watching.look(DRIFTED, EARLY)
    assert watching.condition()[1] == reasons.TRAINING_SERVING_SKEW


def test_another_revision_is_judged_anew() -> None:
    watching = serving_since()
    watching.look_at([DRIFTED] * 3)
    before = watching.state
    watching.state = before.model_copy(update={"stable": CANDIDATE})
    assert not is_drifted(watching.state)
    assert watching.look(DRIFTED).reason == "WatchBegun", "a window of the former revision is nothing"
    (note,) = drift_notes(before, watching.state)
    assert (note.reason, note.message) == ("DriftEnded", "another revision serves, which is judged anew")


def test_stable_is_watched_while_a_candidate_is_on_its_way() -> None:
    watching = Watching(asked(window="48s"), state(Phase.PAUSED), target=CANDIDATE, world=BOTH)
    for inputs in (None, HEALTHY, *[DRIFTED] * 3):
        watching.look(inputs, timedelta(seconds=1))
    assert is_drifted(watching.state)
    assert watching.state.phase is Phase.PAUSED


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.FAILED])
def test_nothing_is_watched_where_nothing_serves(phase: Phase) -> None:
    watching = Watching(state=state(phase), world=serving())
    watching.decide(None)
    assert watching.state.drift is None
    assert all(one.type != "Drifted" for one in watching.state.conditions)


def test_without_monitoring_there_is_no_condition_and_an_alarm_is_over() -> None:
    watching = serving_since()
    watching.look_at([DRIFTED] * 3)
    watching.spec = spec()
    watching.decide(DRIFTED)
    assert watching.state.drift is None
    assert [one.type for one in watching.state.conditions] == ["Ready", "Progressing", "Degraded"]
    assert watching.notes() == ["Drifted", "DriftEnded"]


# ---- what is kept and shown


def test_drift_degrades_nothing() -> None:
    watching = serving_since()
    watching.look_at([DRIFTED] * 3)
    assert {one.type: one.status for one in watching.state.conditions} == {
        "Ready": "True", "Progressing": "False", "Degraded": "False", "Drifted": "True",
    }  # fmt: skip
    assert watching.decisions[-1].trouble == ""


def test_the_state_survives_being_written_and_read() -> None:
    watching = serving_since()
    watching.look_at([DRIFTED] * 2)
    watching.state = RolloutState.model_validate_json(watching.state.model_dump_json(by_alias=True))
    assert watching.look(DRIFTED).status == "True"


def test_the_state_does_not_grow_with_the_looks_or_the_inputs() -> None:
    many = {f"input {index}": SHIFTED for index in range(500)}
    watching = serving_since()
    watching.look_at([window(many, reference=dict.fromkeys(many, EVEN))] * 50)
    assert watching.state.drift is not None
    assert len(watching.state.drift.model_dump_json()) < 3000


def test_people_see_the_verdict_and_not_how_it_is_counted() -> None:
    watching = serving_since()
    watching.look_at([DRIFTED] * 3)
    shown = status_of(watching.state)["drift"]
    assert shown["status"] == "True"
    assert shown["worst"][0]["numbers"]["psi"] > 0.2
    assert set(shown) == {
        "revision", "status", "reason", "message", "since", "lookedAt", "rows", "compared", "drifted", "worst", "prediction",
        "looks",
    }  # fmt: skip


def test_the_next_look_is_due_after_a_48th_of_the_window() -> None:
    watching = serving_since()
    assert watching.decide(HEALTHY).changes_in == LOOK
    assert watching.decide(None, LOOK / 4).changes_in == LOOK * 3 / 4
    assert Watching(spec(), state(Phase.STABLE)).decide(None).changes_in is None


def test_a_clock_that_was_put_back_does_no_harm() -> None:
    watching = serving_since()
    watching.look_at([DRIFTED] * 2)
    watching.now = NOW - timedelta(days=400)
    assert watching.look(DRIFTED).status == "True"
    assert asked(window="1h").monitoring is not None
