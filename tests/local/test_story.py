"""The demo's story, faster: `serinus run`, real predictors, gateway and registry, and clients that never stop."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from serinus.adapters.mlflow_client import ROLLOUT_TAG, connect
from serinus.core import reasons
from serinus.core.state import Outcome, Phase, RolloutRecord
from tests.local.support.clients import Clients, clients
from tests.local.support.deployment import Deployment
from tests.local.support.models import BETTER, CORRUPTED, GOOD, MODEL, OTHER, REFUSING, REJECTED_BY_PREDICTOR, SLOW
from tests.local.support.programs import KEY, Runtime

pytestmark = pytest.mark.xdist_group("story")

# So few requests that the slow version's queue does not grow: clients would give up waiting.
GENTLE_STEPS = "[{weight: 10, minRequests: 100}]"
# Answers that were under way when the last look at a candidate was taken: clients saw them, its record did not.
UNDER_WAY = 2


def registry_client(runtime: Runtime) -> Any:
    return connect(f"sqlite:///{runtime.state_dir / 'mlflow.db'}")


def champion(runtime: Runtime) -> str:
    return str(registry_client(runtime).get_model_version_by_alias(MODEL, "champion").version)


def alias_is(runtime: Runtime, version: str) -> None:
    runtime.wait_for(lambda state: state.alias_move is None, "the alias is moved")
    assert champion(runtime) == version


def released(runtime: Runtime, deployment: Deployment, version: str) -> RolloutRecord:
    deployment.ask_for(version)
    return runtime.finished(version)


def serve_the_first_version(runtime: Runtime, deployment: Deployment) -> None:
    deployment.ask_for(GOOD)
    runtime.start()
    runtime.wait_for(lambda state: state.phase is Phase.STABLE, "the first version serves")
    alias_is(runtime, GOOD)


def promote_a_better_one(runtime: Runtime, deployment: Deployment, sending: Clients) -> None:
    record = released(runtime, deployment, BETTER)
    assert (record.outcome, record.reason) == (Outcome.PROMOTED, reasons.ALL_SIGNALS_PASSED), record.message
    assert [change.weight for change in record.weights] == [0, 20, 60, 100]
    assert 10 <= record.candidate_requests <= sending.by_revision()[record.revision]
    assert not sending.failed()
    alias_is(runtime, BETTER)


def take_back_one_that_refuses(runtime: Runtime, deployment: Deployment, sending: Clients) -> None:
    record = released(runtime, deployment, REFUSING)
    assert (record.outcome, record.reason) == (Outcome.ROLLED_BACK, "ErrorsIncreased"), record.message
    assert 0 <= len(sending.failed()) - record.candidate_failed <= UNDER_WAY
    answered = sending.by_revision()[record.revision] + len(sending.failed())
    assert 0 <= answered - record.candidate_requests <= UNDER_WAY


def take_back_one_that_is_slow(runtime: Runtime, deployment: Deployment, sending: Clients) -> None:
    record = released(runtime, replace(deployment, steps=GENTLE_STEPS), SLOW)
    assert (record.outcome, record.reason) == (Outcome.ROLLED_BACK, "LatencyIncreased"), record.message
    assert record.candidate_failed == 0


def take_back_one_that_was_corrupted(runtime: Runtime, deployment: Deployment, sending: Clients) -> None:
    record = released(runtime, deployment, CORRUPTED)
    assert (record.outcome, record.reason) == (Outcome.ROLLED_BACK, reasons.CANDIDATE_FAILED), record.message
    assert "digest" in record.message
    assert record.candidate_requests == 0
    assert record.revision not in sending.by_revision()


def revert_in_mid_canary(runtime: Runtime, deployment: Deployment) -> None:
    deployment.ask_for(OTHER)
    runtime.wait_for(lambda state: state.rollout and state.rollout.evidence.candidate_requests, "the canary answers")
    deployment.ask_for(BETTER)
    record = runtime.finished(OTHER)
    assert (record.outcome, record.reason) == (Outcome.ABORTED, reasons.TARGET_REVERTED), record.message
    state = runtime.wait_for(lambda state: state.phase is Phase.STABLE, "stable serves again")
    assert state.rejection_of(record.revision) is None


def test_the_whole_story_is_told_with_no_failure_but_those_of_the_bad_version(
    runtime: Runtime, deployment: Deployment
) -> None:
    serve_the_first_version(runtime, deployment)
    with clients(runtime.port) as sending:
        promote_a_better_one(runtime, deployment, sending)
        take_back_one_that_refuses(runtime, deployment, sending)
        take_back_one_that_is_slow(runtime, deployment, sending)
        take_back_one_that_was_corrupted(runtime, deployment, sending)
        revert_in_mid_canary(runtime, deployment)
    assert_only_the_refusing_version_failed(runtime, sending)
    assert_rejected_versions_never_served_again(runtime, sending)
    assert_the_journal_tells_every_reason(runtime)
    assert_every_rollout_is_a_run_in_the_registry(runtime)
    assert runtime.end() == 130
    assert not runtime.children()


def assert_only_the_refusing_version_failed(runtime: Runtime, sending: Clients) -> None:
    refusing = runtime.finished(REFUSING)
    others = [answer for answer in sending.failed() if answer.code != REJECTED_BY_PREDICTOR]
    assert not others, others
    assert all("wind" in answer.text for answer in sending.failed())
    assert all(answer.sent_at < refusing.ended_at.timestamp() for answer in sending.failed())
    assert 0 <= len(sending.failed()) - sum(one.candidate_failed for one in runtime.records()) <= UNDER_WAY
    assert sum(one.stable_failed for one in runtime.records()) == 0


def assert_rejected_versions_never_served_again(runtime: Runtime, sending: Clients) -> None:
    for record in (runtime.finished(version) for version in (REFUSING, SLOW, CORRUPTED)):
        since = record.ended_at.timestamp()
        late = [one for one in sending.answers if one.revision == record.revision and one.sent_at > since]
        assert not late, f"version {record.to_version} answered after it was rejected"


def assert_the_journal_tells_every_reason(runtime: Runtime) -> None:
    told = {(line["phase"], line["reason"]) for line in runtime.decisions()}
    assert told >= {
        (Phase.STABLE, reasons.FIRST_REVISION_READY),
        (Phase.STABLE, reasons.PROMOTED),
        (Phase.PROMOTING, reasons.ALL_SIGNALS_PASSED),
        (Phase.ROLLED_BACK, "ErrorsIncreased"),
        (Phase.ROLLED_BACK, "LatencyIncreased"),
        (Phase.ROLLED_BACK, reasons.CANDIDATE_FAILED),
        (Phase.STABLE, reasons.TARGET_REVERTED),
    }
    assert all(line["message"] for line in runtime.decisions())


def assert_every_rollout_is_a_run_in_the_registry(runtime: Runtime) -> None:
    runtime.wait_for(lambda state: not state.unrecorded, "every rollout is recorded")
    client = registry_client(runtime)
    experiment = client.get_experiment_by_name(f"{MODEL}-rollouts")
    runs = {run.data.tags[ROLLOUT_TAG]: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {f"{KEY}/{record.id}" for record in runtime.records()}
    for record in runtime.records():
        run = runs[f"{KEY}/{record.id}"]
        assert run.info.status == "FINISHED"
        decision = Path(client.download_artifacts(run.info.run_id, "decision.json"))
        assert json.loads(decision.read_text())["reason"] == record.reason
