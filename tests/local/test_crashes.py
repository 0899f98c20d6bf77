"""`kill -9` of the runtime at random moments, the same command again each time, and clients that never stop.

SERINUS_TEST_KILLS sets how often it is killed (4 by default), SERINUS_TEST_SEED repeats the moments of a failed run.
"""

import itertools
import os
import random
import time
from collections import Counter
from collections.abc import Iterator

import psutil
import pytest

from serinus.adapters.mlflow_client import ROLLOUT_TAG, connect
from serinus.core.state import Outcome, Phase, RolloutRecord
from tests.local.support.clients import Clients, clients
from tests.local.support.deployment import Deployment
from tests.local.support.models import BETTER, GOOD, MODEL, MORE_GOOD, MORE_REFUSING, REFUSING, REJECTED_BY_PREDICTOR
from tests.local.support.programs import KEY, Runtime, wait_until

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("crashes")]

KILLS = int(os.environ.get("SERINUS_TEST_KILLS", "4"))
SEED = int(os.environ.get("SERINUS_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
KILLS_PER_ROLLOUT = min(8, max(1, KILLS // 2))
SHARE_KILLED_WHILE_STARTING = 0.4
LONGEST_LIFE_SECONDS = 1.5
UNDER_WAY = 2
OUTCOMES = dict.fromkeys((BETTER, *MORE_GOOD), Outcome.PROMOTED)
OUTCOMES |= dict.fromkeys((REFUSING, *MORE_REFUSING), Outcome.ROLLED_BACK)


def rollouts() -> Iterator[str]:
    """A canary that is promoted and one that is rolled back, in turn."""
    return itertools.chain.from_iterable(zip((BETTER, *MORE_GOOD), (REFUSING, *MORE_REFUSING), strict=True))


def live_a_while(runtime: Runtime, moments: random.Random) -> None:
    """Until a random moment of its start, or after the first thing that it wrote down in this life."""
    if moments.random() >= SHARE_KILLED_WHILE_STARTING:
        before = sequence(runtime)
        wait_until(lambda: sequence(runtime) > before, "the restarted runtime goes on")
    time.sleep(moments.uniform(0.0, LONGEST_LIFE_SECONDS))  # the random moment itself; nothing is waited for


def sequence(runtime: Runtime) -> int:
    state = runtime.state()
    return state.sequence if state else 0


def kill_and_start_again(runtime: Runtime, version: str, kills: int, moments: random.Random) -> int:
    """Kill it up to `kills` times before the rollout of the version is recorded; says how often it was."""
    for done in range(kills):
        if runtime.record_of(version):
            return done
        live_a_while(runtime, moments)
        runtime.kill()
        assert runtime.state() is not None, "the state is readable after a crash"
        runtime.start()
    return kills


def test_killed_at_random_moments_it_goes_on_and_does_nothing_twice(runtime: Runtime, deployment: Deployment) -> None:
    print(f"SERINUS_TEST_SEED={SEED}")
    moments, left, tried = random.Random(SEED), KILLS, []
    deployment.ask_for(GOOD)
    runtime.start()
    runtime.wait_for(lambda state: state.phase is Phase.STABLE, "the first version serves")
    gateways = gateway_pids(runtime)
    with clients(runtime.port, per_second=40) as sending:
        for version in rollouts():
            deployment.ask_for(version)
            tried.append(version)
            left -= kill_and_start_again(runtime, version, min(left, KILLS_PER_ROLLOUT), moments)
            assert runtime.finished(version).outcome is OUTCOMES[version], runtime.finished(version).message
            if left == 0 and len(tried) > 1:
                break
    print(f"{KILLS - left} kills, {len(tried)} rollouts, {len(sending.answers)} requests")
    assert left == 0
    assert gateway_pids(runtime) == gateways, "the gateway outlives every crash and is adopted"
    assert_each_rollout_happened_once(runtime, tried)
    assert_only_refusing_versions_failed(runtime, sending)
    assert_nothing_was_counted_twice(runtime, sending)
    assert_no_process_is_left_over(runtime)


def gateway_pids(runtime: Runtime) -> set[int]:
    return {process.pid for process in runtime.children() if process.name() == "traefik"}


def assert_each_rollout_happened_once(runtime: Runtime, tried: list[str]) -> None:
    state = runtime.wait_for(lambda state: not (state.unrecorded or state.alias_move), "the registry is told all")
    assert [record.to_version for record in runtime.records()] == tried
    assert state.rollouts_started == len(tried)
    assert {entry.label.split()[-1].strip('"') for entry in state.rejected} == {
        version for version in tried if OUTCOMES[version] is Outcome.ROLLED_BACK
    }
    promotions = Counter(line["stable"] for line in runtime.decisions() if line["reason"] == "Promoted")
    assert set(promotions.values()) <= {1}, "nothing is promoted twice"
    client = connect(f"sqlite:///{runtime.state_dir / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name(f"{MODEL}-rollouts").experiment_id])
    recorded = sorted(f"{KEY}/{record.id}" for record in runtime.records())
    assert sorted(run.data.tags[ROLLOUT_TAG] for run in runs) == recorded
    promoted = [version for version in tried if OUTCOMES[version] is Outcome.PROMOTED]
    assert str(client.get_model_version_by_alias(MODEL, "champion").version) == promoted[-1]


def assert_only_refusing_versions_failed(runtime: Runtime, sending: Clients) -> None:
    unexpected = [one for one in sending.failed() if one.code != REJECTED_BY_PREDICTOR or "wind" not in one.text]
    if unexpected:
        print(evidence(runtime))
    assert not unexpected, (len(unexpected), unexpected[:5], unexpected[-1])
    during = [record for record in runtime.records() if record.outcome is Outcome.ROLLED_BACK]
    assert all(any(_within(one.sent_at, record) for record in during) for one in sending.failed())


def evidence(runtime: Runtime) -> str:
    """What all runs, predictors and the gateway wrote, and what was remembered: the folder is soon removed."""
    state_dir = runtime.state_dir
    files = [runtime.log, *state_dir.glob("logs/*"), *state_dir.glob("gateway/*.*"), state_dir / "serving.json"]
    return "\n".join(f"--- {file}\n{file.read_text(errors='replace')[-10_000:]}" for file in files)


def _within(moment: float, record: RolloutRecord) -> bool:
    return record.started_at.timestamp() <= moment <= record.ended_at.timestamp()


def assert_nothing_was_counted_twice(runtime: Runtime, sending: Clients) -> None:
    predictions = sending.by_revision()
    for record in runtime.records():
        failed = [one for one in sending.failed() if _within(one.sent_at, record)]
        seen = predictions[record.revision] + len(failed)
        assert 0 < record.candidate_requests <= seen
        assert record.candidate_failed <= len(failed)
        if record.outcome is Outcome.ROLLED_BACK:  # a promoted one goes on answering
            assert seen - record.candidate_requests <= UNDER_WAY


def assert_no_process_is_left_over(runtime: Runtime) -> None:
    def settled() -> bool:
        living = {process.pid for process in runtime.children()}
        return len(living) == 2 and living == runtime.known_pids()

    # Before that it knows of no process that it could end.
    wait_until(runtime.has_taken_over, "the run after the last crash works on the state folder")
    runtime.wait_for(lambda state: state.warm is None, "what was kept warm is no longer")
    wait_until(settled, "one predictor and the gateway live, and the runtime knows them")
    started = [process for process in psutil.process_iter(["cmdline"]) if _names(process, runtime)]
    assert runtime.end() == 130
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in started)


def _names(process: psutil.Process, runtime: Runtime) -> bool:
    return any(str(runtime.state_dir) in word for word in process.info["cmdline"] or ())
