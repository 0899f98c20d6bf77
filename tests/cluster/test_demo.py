"""`make demo-cluster`, as people run it: it tells what it saw, and leaves nothing when it is over or interrupted."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from serinus.core.state import Outcome, RolloutRecord, WeightChange
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.processes import unrecorded
from tests.cluster.control_plane.waiting import wait_until
from tests.cluster.demo.story import problems
from tests.cluster.demo.summary import ClusterSummary
from tests.cluster.demo.traffic import Answer

ROOT = Path(__file__).parents[2]
MINUTES = 60


def start(name: str, *words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.cluster.demo", "--name", name, *words]
    return subprocess.Popen(
        command, cwd=ROOT, text=True, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def left_of(name: str) -> bool:
    """Whether files or processes of the cluster are there."""
    folder = Cluster.named(name).layout.folder
    return folder.exists() or bool(unrecorded(folder))


@pytest.mark.timeout(15 * MINUTES)
def test_the_story_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    name = f"demo-{os.getpid()}"
    with start(name, "--json", str(tmp_path / "summary.json")) as process:
        shown, _ = process.communicate()
    assert process.returncode == 0, shown[-5000:]
    assert not left_of(name)

    summary = ClusterSummary.model_validate_json((tmp_path / "summary.json").read_text())
    good, bad = summary.rollouts
    assert (good.from_version, good.to_version, good.outcome) == ("1", "2", "Promoted")
    assert [change.weight for change in good.weights] == [0, 20, 50, 100]
    assert (good.failed_by_candidate, good.failed_by_stable) == (0, 0)
    assert (bad.from_version, bad.to_version, bad.outcome) == ("2", "3", "RolledBack")
    assert bad.failed_by_candidate > 0
    assert [one.verdict for one in bad.signals if one.name == "errors"] == ["Fail"]
    assert summary.quarantined == ("3",)
    assert summary.client.failed_by_code.keys() == {"400"}
    assert summary.unexplained_failures == 0
    assert summary.answered_by_version.keys() == {"1", "2", "3"}
    assert sum(summary.answered_by_version.values()) == summary.client.requests - summary.client.failed

    for command in ("helm upgrade --install serinus charts/serinus", "kubectl apply -f", "kubectl serinus explain"):
        assert f"\n$ {command}" in shown


@pytest.mark.timeout(5 * MINUTES)
def test_ctrl_c_leaves_nothing() -> None:
    name = f"demo-{os.getpid()}-interrupted"
    with start(name) as process:
        assert wait_until((Cluster.named(name).layout.records / "etcd.json").exists, 2 * MINUTES)
        os.killpg(process.pid, signal.SIGINT)  # a terminal asks all of them
        shown, _ = process.communicate()
    assert process.returncode == 130, shown[-5000:]
    assert "Traceback" not in shown
    assert not left_of(name)


def record(version: str, outcome: Outcome, *weights: int, stable_failed: int = 0) -> RolloutRecord:
    now = datetime.now(UTC)
    return RolloutRecord(
        id=f"to-{version}",
        attempt=1,
        model="flight-delay",
        from_version="1",
        to_version=version,
        revision=version,
        outcome=outcome,
        reason="",
        message="",
        started_at=now,
        ended_at=now,
        weights=tuple(WeightChange(at=now, weight=weight) for weight in weights),
        signals=(),
        candidate_requests=0,
        candidate_failed=0,
        stable_requests=0,
        stable_failed=stable_failed,
    )


GOOD = record("2", Outcome.PROMOTED, 0, 20, 50, 100)
BAD = record("3", Outcome.ROLLED_BACK, 0, 20, 0)
REFUSED = Answer(400, 0.01, text='{"error":"row 0, column \\"temp\\": expected a number, got null"}')


@pytest.mark.parametrize(
    ("records", "failures", "champion", "said"),
    [
        ([GOOD, BAD], [REFUSED], "2", ""),
        ([GOOD], [REFUSED], "2", "the first rollout should have been"),
        ([record("2", Outcome.PROMOTED, 0, 100), BAD], [], "2", "the first rollout should have been"),
        ([GOOD, record("3", Outcome.PROMOTED, 0, 20, 50, 100)], [], "2", "version 3 should have been rolled back"),
        ([GOOD, record("3", Outcome.ROLLED_BACK, 0, stable_failed=1)], [], "2", "should have failed no request"),
        ([GOOD, BAD], [REFUSED], "1", "the registry says 1"),
        ([GOOD, BAD], [REFUSED], "", "the registry says nowhere"),
        ([GOOD, BAD], [REFUSED, Answer(503, 0.01)], "2", "clients saw other failures too"),
        ([GOOD, BAD], [Answer(0, 5.0)], "2", "clients saw other failures too"),
    ],
)
def test_what_is_not_as_it_is_told_is_said(
    records: list[RolloutRecord], failures: list[Answer], champion: str, said: str
) -> None:
    found = list(problems(records, failures, champion))
    assert (len(found), said in "".join(found)) == (1 if said else 0, True)
