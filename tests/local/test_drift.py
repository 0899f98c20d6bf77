"""`serinus run` watches what serves: real predictors, real requests, and rows that shift."""

from collections.abc import Callable

import psutil
import pytest

from serinus.core.state import Phase, RolloutState
from serinus.core.watching.drifted import is_drifted
from serinus.local.files import atomic_write_text
from tests.local.support.deployment import Deployment
from tests.local.support.models import GOOD
from tests.local.support.programs import KEY, Runtime
from tests.local.support.rows import WATCHED, WINDOW_SECONDS, sending

pytestmark = pytest.mark.xdist_group("drift")


def ask_for_two_watched_replicas(deployment: Deployment) -> None:
    text = deployment.text(GOOD).replace("serving: {", "serving: {minReplicas: 2, maxReplicas: 2, ") + WATCHED
    atomic_write_text(deployment.path, text)


def looks_after(state: RolloutState | None, number: int) -> Callable[[RolloutState], bool]:
    """Whether there were as many more looks."""
    before = state.drift.looks if state and state.drift else 0
    return lambda later: later.drift is not None and later.drift.looks >= before + number


def kill_a_predictor(runtime: Runtime) -> None:
    (deployment,) = [one["replicas"] for one in runtime.running()]
    psutil.Process(deployment[0]["process"]["pid"]).kill()


@pytest.mark.long
def test_shifted_rows_are_drift_and_a_restarted_replica_is_none(runtime: Runtime, deployment: Deployment) -> None:
    ask_for_two_watched_replicas(deployment)
    runtime.start()
    runtime.wait_for(lambda state: state.phase is Phase.STABLE, "the version serves")
    with sending(runtime) as rows:
        runtime.wait_for(lambda state: state.drift and state.drift.status == "False", "enough rows are judged")
        kill_a_predictor(runtime)
        runtime.wait_for(looks_after(runtime.state(), 2 * WINDOW_SECONDS), "the window is full again and again")
        assert told(runtime) == []
        rows.longer = 400
        state = runtime.wait_for(is_drifted, "the shift is found")
        assert_the_condition_names_the_input(state)
        runtime.wait_for(lambda _: told(runtime) == ["Drifted"], "it is in the journal")
        assert_a_crash_forgets_neither_the_alarm_nor_the_rows(runtime)
        rows.longer = 0
        runtime.wait_for(lambda state: not is_drifted(state), "the alarm ends")
        runtime.wait_for(lambda _: told(runtime) == ["Drifted", "DriftEnded"], "its end is in the journal")
    assert runtime.end() == 130


def told(runtime: Runtime) -> list[str]:
    """Reasons of what happened beside a rollout."""
    return [line["reason"] for line in runtime.decisions() if line["phase"] is None]


def assert_the_condition_names_the_input(state: RolloutState) -> None:
    (condition,) = [one for one in state.conditions if one.type == "Drifted"]
    assert (condition.status, condition.reason) == ("True", "Drifted")
    assert "distance: PSI" in condition.message
    assert state.drift is not None
    assert state.drift.worst[0].name == "distance"
    assert state.drift.worst[0].numbers["psi"] > 0.2


def assert_a_crash_forgets_neither_the_alarm_nor_the_rows(runtime: Runtime) -> None:
    before = runtime.state()
    runtime.kill()
    assert list(runtime.folder.bins(KEY).glob("*.json"))
    runtime.start()
    after = runtime.wait_for(looks_after(before, 1), "it looks again")
    assert before is not None
    assert before.drift is not None
    assert after.drift is not None
    assert (after.drift.status, after.drift.since) == ("True", before.drift.since)
    assert after.drift.rows >= 300
