"""Retraining on one machine, with nothing faked: a person asks, the pipeline trains, the newcomer goes through the canary."""

from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest

from serinus.adapters.mlflow_alias import point_alias
from serinus.adapters.mlflow_client import connect, registry_of
from serinus.core import reasons
from serinus.core.retraining.state import PastRun, RunEnd
from serinus.core.state import Outcome, Phase, RolloutState
from serinus.local.sockets import free_port
from tests.components.conftest import make_trips
from tests.local.support.clients import clients
from tests.local.support.models import BETTER, MODEL
from tests.local.support.programs import HURRIED, Runtime, collector_record, ending, serinus, wait_until
from tests.local.support.rows import WATCHED, sending

pytestmark = [pytest.mark.long, pytest.mark.timeout(900), pytest.mark.xdist_group("train")]

RUN_SECONDS = 240.0  # a pipeline takes ten on a machine that has nothing else to do

TRAINING = f"""\
model: {MODEL}
source: {{type: csv, path: trips.csv}}
timeColumn: at
target: late
task: classification
features:
  - {{name: distance, type: double, minimum: 0}}
  - {{name: wind, type: double, nullable: true}}
  - {{name: stops, type: integer}}
window: 240h
variants:
  - {{name: linear, estimator: sklearn.linear_model.LogisticRegression}}
"""
SCHEDULE = '{type: Schedule, cron: "0 3 * * 1", timeZone: Europe/Berlin}'
DEPLOYMENT = f"""\
apiVersion: serinus.dev/v1alpha1
kind: ModelDeployment
metadata: {{name: {MODEL}, namespace: test}}
spec:
  model: {{name: {MODEL}, alias: challenger, promoteAlias: champion}}
  serving: {{keepWarm: 1s}}
  rollout:
    interval: 1s
    steps: [{{weight: 20, hold: 1s, minRequests: 10}}, {{weight: 60, hold: 1s}}]
    signals: [{{name: errors, type: Errors, maxIncrease: 0.1}}]
    readyDeadline: 60s
  retraining:
    pipeline: trips-training
    cooldown: 1s
    triggers: [{SCHEDULE}]
"""


def write_table(folder: Path, *, noisy: bool) -> None:
    """Trips whose lateness follows from distance and wind; a noisy table hardly shows it."""
    trips = make_trips(800).drop(columns=["carrier", "rainy"])
    if noisy:
        coins = np.random.default_rng(1).random(len(trips)) < 0.45
        trips["late"] = np.where(coins, 1 - trips["late"], trips["late"])
    trips.to_csv(folder / "trips.csv", index=False)
    assert isinstance(trips, pd.DataFrame)


def retrain(runtime: Runtime, reason: str) -> str:
    """Ask for a run; its name."""
    asked = serinus("retrain", MODEL, "--reason", reason, "--state-dir", runtime.state_dir, cwd=runtime.file.parent)
    assert asked.code == 0, asked.said
    assert "was asked for" in asked.out
    return asked.out.split("run ")[1].split()[0]


def outcome_of(state: RolloutState, key: str) -> PastRun | None:
    runs = state.retraining.runs if state.retraining else ()
    return next((one for one in runs if one.key == key), None)


def ended(runtime: Runtime, key: str) -> PastRun:
    def outcome() -> PastRun | None:
        state = runtime.state()
        return outcome_of(state, key) if state is not None else None

    found: PastRun = wait_until(outcome, f"run {key} ends", RUN_SECONDS)  # type: ignore[assignment]
    return found


def test_a_retrained_model_goes_from_the_request_to_its_promotion_and_one_that_is_not_better_changes_nothing(
    tmp_path: Path,
) -> None:
    folder, state_dir = tmp_path, tmp_path / "state"
    (folder / "trips-training.yaml").write_text(TRAINING)
    (folder / "trips.yaml").write_text(DEPLOYMENT)
    write_table(folder, noisy=True)
    first = serinus(
        "train", "-f", folder / "trips-training.yaml", "--state-dir", state_dir, cwd=folder, seconds=RUN_SECONDS
    )
    assert first.code == 0, first.said

    with ending(Runtime(folder / "trips.yaml", state_dir, free_port())) as runtime:
        runtime.start()
        runtime.wait_for(lambda state: state.phase is Phase.STABLE, "the first version serves")
        write_table(folder, noisy=False)
        better = retrain(runtime, "the labels were mended")
        with clients(runtime.port, 30.0):
            found = ended(runtime, better)
            assert (found.outcome, found.version, found.causes) == (RunEnd.NEW_VERSION, "2", ("Manual",)), found.message
            record = runtime.finished("2")
        assert record.outcome is Outcome.PROMOTED, record.message
        assert [change.weight for change in record.weights] == [0, 20, 60, 100]
        runtime.wait_for(lambda state: state.alias_move is None and state.phase is Phase.STABLE, "the alias is moved")
        aliases = connect(registry_of(state_dir)).get_registered_model(MODEL).aliases
        assert {name: str(version) for name, version in aliases.items()} == {"champion": "2", "challenger": "2"}

        same = ended(runtime, retrain(runtime, "the same rows again"))
        assert (same.outcome, same.reason, same.version) == (RunEnd.NOT_BETTER, reasons.NOT_BETTER, "")
        refused = runtime.state()
        assert refused is not None
        assert refused.retraining is not None
        assert refused.retraining.without_better == 1
        assert [one.to_version for one in runtime.records()] == ["2"]

        told = serinus("explain", MODEL, "--state-dir", state_dir, cwd=folder)
        assert "NotBetter" in told.out
        assert reasons.RETRAINING_STARTED in {line["reason"] for line in runtime.decisions()}
        assert "retraining  RetrainingStarted" in runtime.said()


def collector_of(runtime: Runtime) -> str:
    """Where the collector answers, once it does."""
    wait_until(lambda: collector_record(runtime).get("process"), "the collector is started")
    url = str(collector_record(runtime)["url"])
    wait_until(lambda: is_ready(url), "the collector answers")
    return url


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def watching(runtime: Runtime, trigger: str) -> None:
    """Version BETTER serves, and nothing but the trigger asks for a run."""
    (runtime.file.parent / "trips-training.yaml").write_text(TRAINING)
    write_table(runtime.file.parent, noisy=False)
    registry = connect(registry_of(runtime.state_dir))
    point_alias(registry, MODEL, "challenger", version=BETTER, owner="training", current=None)  # as training does
    runtime.file.write_text(DEPLOYMENT.replace(SCHEDULE, trigger) + WATCHED)
    runtime.start()
    runtime.wait_for(lambda state: state.phase is Phase.STABLE, "the version serves")


def trained_for(runtime: Runtime, trigger: str, why: str) -> None:
    """A run starts because of the trigger alone, and comes to an end that is none of a failure."""
    state = runtime.wait_for(lambda state: state.retraining and state.retraining.run, f"{trigger} starts a run")
    assert state.retraining is not None
    assert state.retraining.run is not None
    assert [one.trigger for one in state.retraining.run.causes] == [trigger]
    assert why in state.retraining.run.causes[0].message
    found = ended(runtime, state.retraining.run.key)
    assert found.outcome in (RunEnd.NEW_VERSION, RunEnd.NOT_BETTER), found.message
    assert found.causes == (trigger,)
    if found.version:
        assert runtime.finished(found.version).outcome is Outcome.PROMOTED


def no_run(runtime: Runtime) -> bool:
    state = runtime.state()
    return state is not None and state.retraining is not None and state.retraining.counter == 0


def test_rows_that_shift_start_a_run(hurried: Runtime) -> None:
    watching(hurried, "{type: Drift}")
    with sending(hurried) as rows:
        hurried.wait_for(lambda state: state.drift and state.drift.status == "False", "enough rows are judged")
        assert no_run(hurried)
        rows.longer = 400
        trained_for(hurried, "Drift", "distance: PSI")
    assert not rows.failed


def test_labels_of_enough_rows_start_a_run(hurried: Runtime) -> None:
    watching(hurried, "{type: NewData, minRows: 500}")
    with sending(hurried) as rows:
        wait_until(lambda: rows.answered > 20, "as many rows as are enough are answered, and have no label")
        assert no_run(hurried)
        rows.collector = collector_of(hurried)
        trained_for(hurried, "NewData", "rows have got their labels since the latest run, and 500 are enough")
    assert not rows.failed


def test_labels_that_turn_against_the_model_start_a_run(hurried: Runtime) -> None:
    watching(hurried, "{type: Quality, metric: brier, maxIncrease: 0.05, labelHorizon: 4s}")
    with sending(hurried, collector_of(hurried)) as rows:
        hurried.wait_for(has_looked_beyond_its_baseline, "labels are judged")
        assert no_run(hurried)
        rows.wrong = True
        trained_for(hurried, "Quality", "the mean brier of the latest labelled rows is")
    assert not rows.failed


def has_looked_beyond_its_baseline(state: RolloutState) -> bool:
    watch = state.retraining.quality if state.retraining else None
    return watch is not None and watch.rows > 0


@pytest.fixture
def hurried(new_runtime: Callable[..., Runtime]) -> Runtime:
    """One that is not started, whose collector is asked every second."""
    return new_runtime(program=HURRIED)
