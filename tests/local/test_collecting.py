"""The collector of one machine: started when it is needed, told of every answer, and taken over by the next run."""

import os
import signal
from pathlib import Path

import httpx
import psutil
import pytest

from serinus.adapters.collector_quality import CollectorQuality
from serinus.core.analysis.quality import Quality
from serinus.core.collecting import collecting
from serinus.core.quality import CompareQuestion, Comparison, Party
from serinus.core.spec import ModelDeployment
from serinus.core.state import Phase, Rollout
from serinus.local.collector import key_of_hashes
from serinus.local.folder import StateFolder
from serinus.local.gateway import Gateway
from serinus.local.records import ServingRecord
from serinus.local.serving import LocalServing
from serinus.local.sockets import free_port
from tests.fakes.world import run
from tests.local.harness import KEY, eventually, plan, revision, stub_command
from tests.local.load import Load
from tests.local.support.deployment import Deployment
from tests.local.support.models import BETTER, GOOD
from tests.local.support.programs import KEY as DEPLOYED
from tests.local.support.programs import Runtime, collector_record, processes_of, wait_until

QUALITY = "{name: quality, type: Quality, labelHorizon: 8s, maxIncrease: 0.05}"
ROW = {"distance": 400.0, "wind": None, "stops": 2}


def spec(**changes):
    content = {"metadata": {"name": "a", "namespace": "b"}, "spec": {"model": {"name": "m", "version": 1}} | changes}
    return ModelDeployment.model_validate(content).spec


@pytest.mark.parametrize(
    ("changes", "losses", "logs"),
    [
        ({"monitoring": {"log": {}}}, (), True),
        ({"rollout": {"signals": [{"name": "q", "type": "Quality", "labelHorizon": "1h"}]}}, ("brier",), False),
        (
            {"retraining": {"pipeline": "p", "triggers": [{"type": "Quality", "metric": "squaredError"}]}},
            ("squaredError",),
            False,
        ),
        ({"retraining": {"pipeline": "p", "triggers": [{"type": "NewData"}]}}, (), False),
    ],
)
def test_a_collector_is_needed_for_the_log_for_quality_and_for_new_data(changes, losses, logs):
    wanted = collecting(spec(**changes))
    assert wanted is not None
    assert (wanted.losses, wanted.log is not None) == (losses, logs)


def test_nothing_else_needs_one():
    assert (
        collecting(spec(retraining={"pipeline": "p", "triggers": [{"type": "Drift"}]}, monitoring={"drift": {}}))
        is None
    )


def test_the_key_of_hashes_is_made_once_and_is_for_its_owner_alone(tmp_path, monkeypatch):
    monkeypatch.delenv("SERINUS_LOG_KEY", raising=False)
    folder = StateFolder(tmp_path)
    key = key_of_hashes(folder)
    assert (len(key), key_of_hashes(folder)) == (64, key)
    assert (folder.collector / "hash.key").stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("SERINUS_LOG_KEY", "the one of another machine")
    assert key_of_hashes(folder) == "the one of another machine"


@pytest.mark.anyio
async def test_predictors_are_replaced_one_by_one_when_what_they_are_told_changes(tmp_path: Path) -> None:
    told: list[tuple[str, ...]] = [("--say=before",)]

    def command(launch):
        return [*stub_command(launch), *launch.told]

    serving = LocalServing(
        tmp_path, Gateway(tmp_path, port=free_port()), command, told=lambda _: told[0], environment={"TOLD": "yes"}
    )
    await serving.start()
    try:
        await serving.apply(KEY, plan(revision("aaa"), weights={"aaa": 100}, replicas=2))

        async def ready() -> bool:
            return (await serving.observe(KEY)).ready("aaa")

        await eventually(ready, "it serves")
        before, seen = replicas(tmp_path), await serving.observe(KEY)
        assert seen.addresses["aaa"] in {f"http://127.0.0.1:{one.port}" for one in before}
        async with Load(seen.url) as load:
            told[0] = ("--say=after",)
            await eventually(lambda: [one.told for one in replicas(tmp_path)] == [told[0]] * 2, "both are told anew")
            former = {one.process.pid for one in before if one.process}
            await eventually(lambda: not any(map(psutil.pid_exists, former)), "the former ones have ended")
            told[0] = ("--say=on second thoughts",)
            await eventually(lambda: len(processes_of(tmp_path)) == 4, "a successor is on its way")
            told[0] = ("--say=after",)
            await eventually(lambda: len(processes_of(tmp_path)) == 3, "it is not needed any more, and has ended")
            await eventually(lambda: [one.told for one in replicas(tmp_path)] == [told[0]] * 2, "and is forgotten")
        assert load.answers.failed == 0, load.answers.statuses
        assert (await serving.observe(KEY)).revisions["aaa"].restarts == 0
        assert await ready()
        pid = next(one.process.pid for one in replicas(tmp_path) if one.process)
        assert psutil.Process(pid).environ()["TOLD"] == "yes"
    finally:
        await serving.close()


def replicas(folder: Path):
    record = ServingRecord.model_validate_json((folder / "serving.json").read_text())
    return [replica for one in record.deployments for running in one.revisions for replica in running.replicas]


def pid_of(runtime: Runtime) -> int:
    return (collector_record(runtime).get("process") or {}).get("pid", 0)


def watched(runtime: Runtime) -> dict[str, int]:
    url = f"{collector_record(runtime)['url']}/v1/deployments/{DEPLOYED.namespace}/{DEPLOYED.name}/quality"
    question = {"since": "2020-01-01T00:00:00Z", "cohortSeconds": 1e10}
    try:
        (cohort,) = httpx.post(url, json=question, timeout=5).json()["cohorts"] or [{}]
    except httpx.HTTPError:
        cohort = {}
    return {name: cohort.get(name, 0) for name in ("rows", "labelled")}


def send(runtime: Runtime, names: list[str]) -> None:
    url = f"http://127.0.0.1:{runtime.port}/v1/models/{DEPLOYED.name}:predict"
    for name in names:
        answer = httpx.post(url, json={"instances": [ROW]}, headers={"x-request-id": name}, timeout=20)
        assert (answer.status_code, answer.headers["x-request-id"]) == (200, name)


def compared(runtime: Runtime) -> Comparison | None:
    """What the collector answers a rollout under way."""
    state = runtime.state()
    if state is None or state.rollout is None or state.stable is None:
        return None
    ports = {one["revision"]["id"]: one["replicas"][0]["port"] for one in runtime.running()}
    parties = {"candidate": state.rollout.candidate.id, "stable": state.stable.id}
    question = CompareQuestion(
        model=DEPLOYED.name,
        since=state.rollout.started_at,
        cohort_seconds=1e9,
        **{role: Party(revision=one, address=f"http://127.0.0.1:{ports[one]}") for role, one in parties.items()},
    )
    return run(CollectorQuality(collector_record(runtime)["url"]).compare(DEPLOYED, question))


def qualities(rollout: Rollout) -> list[Quality]:
    return [one for one in rollout.evidence.signals if isinstance(one, Quality)]


@pytest.fixture
def logged(deployment: Deployment) -> Deployment:
    """Its answers are logged, and a canary of it waits for a person."""
    text = deployment.text

    def with_log(version: str) -> str:
        judged = text(version).replace("    signals:\n", f"    signals:\n    - {QUALITY}\n")
        return judged + "  monitoring: {log: {}}\n"

    deployment.steps = "[{weight: 30}, {pause: {}}]"
    deployment.text = with_log  # type: ignore[method-assign]
    return deployment


@pytest.mark.long
def test_labels_meet_the_predictions_of_both_revisions(runtime: Runtime, logged: Deployment) -> None:
    logged.ask_for(GOOD)
    runtime.start()
    runtime.wait_for(lambda state: state.phase is Phase.STABLE, "the first version serves")
    send(runtime, [f"s{index}" for index in range(5)])
    wait_until(lambda: watched(runtime)["rows"] == 5, "the collector has heard of every answer")

    logged.ask_for(BETTER)
    runtime.wait_for(
        lambda state: state.phase is Phase.PAUSED or (state.rollout and state.rollout.weight), "the canary answers"
    )
    names = [f"c{index}" for index in range(20)]
    send(runtime, names)
    labels = {"deployment": str(DEPLOYED), "labels": [{"requestId": name, "label": 1} for name in names]}
    answer = httpx.post(f"{collector_record(runtime)['url']}/v1/labels", json=labels, timeout=5)
    assert answer.status_code == 200, answer.text

    def every_row() -> Comparison | None:
        answer = compared(runtime)
        return answer if answer and sum(one.labelled for one in answer.cohorts) == 20 else None

    comparison = wait_until(every_row, "both revisions have answered all rows, which have their labels")
    assert comparison.paired
    runtime.wait_for(
        lambda state: state.rollout and any(one.labelled for one in qualities(state.rollout)),
        "the rollout is judged on them",
    )
    assert sum(one.stable_loss for one in comparison.cohorts) != sum(one.candidate_loss for one in comparison.cohorts)

    assert runtime.end() == 130
    assert not runtime.children()


@pytest.mark.long
def test_neither_a_crash_of_the_runtime_nor_one_of_the_collector_loses_a_row(
    runtime: Runtime, logged: Deployment
) -> None:
    logged.ask_for(GOOD)
    runtime.start()
    runtime.wait_for(lambda state: state.phase is Phase.STABLE, "the first version serves")
    send(runtime, [f"s{index}" for index in range(5)])
    wait_until(lambda: watched(runtime)["rows"] == 5, "the collector has heard of every answer")
    former = pid_of(runtime)
    runtime.kill()
    runtime.start()
    wait_until(lambda: runtime.said().count("clients of") == runtime.starts, "the next run goes on")
    assert pid_of(runtime) == former, "the collector was adopted"
    os.kill(former, signal.SIGKILL)
    wait_until(lambda: pid_of(runtime) not in (0, former), "the collector is started again")
    wait_until(lambda: watched(runtime)["rows"] == 5, "what it had acknowledged is there")
    send(runtime, ["after"])
    wait_until(lambda: watched(runtime)["rows"] == 6, "predictors find it again")
    assert runtime.end() == 130
    assert not runtime.children()
