"""What Prometheus is told of drift and retraining."""

from datetime import timedelta

import pytest

from serinus.core.retraining.state import RunEnd
from serinus.kubernetes.telemetry import Telemetry
from serinus.ports import Key
from tests.fakes.retraining import NEW_VERSION, NOT_BETTER, come_out, memory_of, retraining_world
from tests.fakes.world import KEY, World, stable_world
from tests.kubernetes.test_deployment_metrics import told
from tests.unit.watching.watching_world import DRIFTED, HEALTHY, SILENT, Watching, serving_since

HOURLY = {"type": "Schedule", "cron": "0 * * * *"}


def telling_of_drift(watching: Watching) -> Telemetry:
    telemetry = Telemetry()
    telemetry.seen(KEY, watching.state)
    return telemetry


def running() -> World:
    """A world in which a run has just been started by the schedule."""
    world = retraining_world(HOURLY)
    world.flow(3600)
    for _ in range(3):
        world.tick()
    return world


def ended(world: World, outcome: object) -> World:
    come_out(world, outcome)
    for _ in range(3):
        world.tick()
    return world


def test_an_alarm_of_drift_is_told_with_the_worst_features_and_what_chance_explains() -> None:
    watching = serving_since()
    watching.look_at([DRIFTED] * 4)
    telemetry = telling_of_drift(watching)
    assert told(telemetry, "drifted") == [({}, 1.0)]
    psi = {(one["kind"], one["name"]): value for one, value in told(telemetry, "drift_psi")}
    bound = {(one["kind"], one["name"]): value for one, value in told(telemetry, "drift_psi_bound")}
    assert {name for kind, name in psi if kind == "feature"} >= {"temp", "dewp"}
    assert psi["feature", "temp"] > 0.2 > bound["feature", "temp"]
    assert psi["prediction", "prediction"] < bound["prediction", "prediction"]
    assert psi.keys() == {(one["kind"], one["name"]) for one, _ in told(telemetry, "drift_tvd")}
    assert told(telemetry, "drift_window_rows") == [({}, 600.0)]


def test_no_drift_is_0_and_what_is_not_known_is_nothing() -> None:
    healthy = serving_since()
    healthy.look_at([HEALTHY] * 3)
    assert told(telling_of_drift(healthy), "drifted") == [({}, 0.0)]
    silent = Watching()
    silent.look(SILENT)
    assert not told(telling_of_drift(silent), "drifted")
    assert not told(telling_of_drift(Watching()), "drift_window_rows")


def test_drift_of_a_revision_that_serves_no_more_is_not_told() -> None:
    watching = serving_since()
    watching.look_at([DRIFTED] * 4)
    assert watching.state.drift is not None
    old = watching.state.drift.model_copy(update={"revision": "another"})
    watching.state = watching.state.model_copy(update={"drift": old})
    assert not told(telling_of_drift(watching), "drift_psi")


def test_a_run_under_way_is_told_with_what_asked_for_it() -> None:
    telemetry, world = Telemetry(), running()
    telemetry.seen(KEY, world.state)
    assert told(telemetry, "retraining_running") == [({}, 1.0)]
    assert told(telemetry, "retraining_wanted") == [({"trigger": "Schedule"}, 1.0)]
    assert told(telemetry, "retraining_reason") == [({"reason": memory_of(world).reason}, 1.0)]
    assert not told(telemetry, "retraining_last_run_timestamp_seconds")


def test_a_run_that_ends_is_counted_once_from_0_on() -> None:
    telemetry, world = Telemetry(), running()
    telemetry.seen(KEY, world.state)
    counted = {
        one["outcome"]: value for one, value in told(telemetry, "retraining_runs_finished_total", trigger="Schedule")
    }
    assert counted == dict.fromkeys(map(str, RunEnd), 0.0)
    ended(world, NOT_BETTER)
    for _ in range(2):
        telemetry.seen(KEY, world.state)
    counted = {
        one["outcome"]: value for one, value in told(telemetry, "retraining_runs_finished_total", trigger="Schedule")
    }
    assert counted == {**dict.fromkeys(map(str, RunEnd), 0.0), "NotBetter": 1.0}
    assert told(telemetry, "retraining_runs_without_better") == [({}, 1.0)]
    ((_, at),) = told(telemetry, "retraining_last_run_timestamp_seconds")
    assert timedelta() <= world.clock.now() - memory_of(world).runs[-1].ended_at < timedelta(minutes=1)
    assert at == memory_of(world).runs[-1].ended_at.timestamp()


def test_runs_from_before_the_operators_start_are_not_counted_again() -> None:
    world = ended(running(), NEW_VERSION)
    telemetry = Telemetry()
    for _ in range(2):
        telemetry.seen(KEY, world.state)
    assert not told(telemetry, "retraining_runs_finished_total")


def test_a_deployment_that_is_not_retrained_has_no_series_of_it() -> None:
    telemetry = Telemetry()
    telemetry.seen(KEY, stable_world().state)
    assert "serinus_retraining_reason{" not in telemetry.text().decode()


@pytest.mark.parametrize("end", ["forgotten", "deposed"])
def test_runs_of_a_deployment_that_is_gone_leave_no_series(end: str) -> None:
    telemetry, world = Telemetry(), running()
    for key in (KEY, Key("ml", "other")):
        telemetry.seen(key, world.state)
    ended(world, NOT_BETTER)
    for key in (KEY, Key("ml", "other")):
        telemetry.seen(key, world.state)
    if end == "forgotten":
        telemetry.forget(KEY)
        assert 'deployment="other"' in telemetry.text().decode()
    else:
        telemetry.leading(leads=False)
        assert 'deployment="other"' not in telemetry.text().decode()
    assert 'deployment="flights"' not in telemetry.text().decode()
