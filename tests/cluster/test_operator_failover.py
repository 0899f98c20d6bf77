"""Replicas, kills, stops and handovers: one works at a time, another takes over, and each effect happens once."""

import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.looking import Look, eventually
from tests.cluster.operating.process import Operator
from tests.cluster.operating.world import ROUTES, Json, World

KILLS = int(os.environ.get("SERINUS_TEST_KILLS", "6"))
KILLS_EACH = 3  # in each rollout
SEED = int(os.environ.get("SERINUS_TEST_SEED", str(random.randrange(10**6))))
LOST_LEASE = 3


@pytest.fixture
def world(cluster: Cluster, look: Look, new_namespace: Callable[..., str], tmp_path: Path) -> Iterator[World]:
    made = World(cluster, look, new_namespace(), tmp_path)
    yield made
    made.end()


def holder(world: World) -> str:
    lease = world.look.leases.read_namespaced_lease("serinus-operator", world.namespace)
    return str(lease.spec.holder_identity)


def outcomes(world: World) -> list[str]:
    return [one["outcome"] for one in world.status()["history"]]


def two_replicas(world: World) -> tuple[Operator, Operator]:
    first = world.operator("first").until_works()
    second = world.operator("second")
    eventually(lambda: second.said("stands by"), "the second stands by")
    assert second.ask("/readyz") == (200, "ok")
    assert second.metric("serinus_leader") == 0
    return first, second


def test_after_kill_9_the_other_replica_takes_over_in_less_than_20_seconds(world: World) -> None:
    first, second = two_replicas(world)
    world.ask_for("1")
    world.until_serves("1")
    with world.clients() as clients:
        world.ask_for("2")
        world.until_phase("Progressing")
        killed = time.monotonic()
        first.kill()
        second.until_works(20)
        assert time.monotonic() - killed < 20
        world.until_serves("2")
    assert outcomes(world) == ["Promoted"]
    assert clients.failed() == []


def test_a_replica_that_stops_hands_over_within_seconds_and_keeps_its_evidence(world: World) -> None:
    first, second = two_replicas(world)
    world.ask_for("1")
    world.until_serves("1")
    with world.clients():
        world.ask_for("2", steps=[{"weight": 20, "hold": "40s", "minRequests": 1}])
        world.until_phase("Progressing")
        eventually(lambda: world.checkpoint()["rollout"]["stage"] == "Analysing", "the step is judged")
        time.sleep(5)
        stopped = time.monotonic()
        assert first.stop() == 0
        held = world.checkpoint()["rollout"]["holdSeconds"]
        assert held >= 4, "what stood in memory alone was written"
        second.until_works(15)
        assert time.monotonic() - stopped < 10
        assert holder(world).startswith("second_")
        eventually(lambda: second.said('"Promoted"') or world.phase() == "Progressing", "it goes on")
        world.until_serves("2", seconds=120)
    assert outcomes(world) == ["Promoted"]


def test_a_leader_that_was_stopped_does_not_undo_the_work_of_its_successor(world: World) -> None:
    first, second = two_replicas(world)
    world.ask_for("1")
    world.until_serves("1")
    with world.clients() as clients:
        world.ask_for("2", steps=[{"weight": 20, "hold": "2s", "minRequests": 1}])
        eventually(lambda: world.weights().get("2", 0) == 20, "the weight is shifted")
        first.freeze()
        second.until_works(30)
        world.until_serves("2")
        world.ask_for("3", steps=[{"weight": 20, "hold": "2s", "minRequests": 1}])
        world.until_serves("3")
        before = world.get(ROUTES)
        first.thaw()
        assert first.process.wait(30) == LOST_LEASE
        assert first.said("holds Lease")
        time.sleep(2)
        assert world.get(ROUTES)["spec"] == before["spec"]
    assert outcomes(world) == ["Promoted", "Promoted"]
    assert clients.failed() == []


def test_wherever_a_leader_is_stopped_for_longer_than_its_lease_its_successor_ends_the_same(world: World) -> None:
    """Each time the leader is stopped somewhere in a rollout, another finishes it, and the first goes on."""
    turns = random.Random(SEED)
    leader, other = two_replicas(world)
    world.ask_for("0", strategy="Immediate")
    world.until_serves("0")
    for version in range(1, 4):
        world.ask_for(str(version), strategy="Immediate")
        time.sleep(turns.uniform(0, 4))
        leader.freeze()
        other.until_works(30)
        world.until_serves(str(version))
        leader.thaw()
        assert leader.process.wait(30) == LOST_LEASE, f"seed {SEED}"
        assert world.serves(str(version)), f"seed {SEED}"
        assert world.weights() == {str(version - 1): 0, str(version): 100} | dict.fromkeys(older(world, version), 0)
        leader, other = other, leader.again()
        eventually(lambda one=other: one.said("stands by"), "it stands by again")
    assert outcomes(world) == ["Promoted"] * 3


def older(world: World, version: int) -> list[str]:
    return [one for one in world.weights() if int(one) < version - 1]


@pytest.mark.timeout(240 + 30 * KILLS)
def test_kill_9_at_random_moments_changes_nothing_in_the_end(world: World) -> None:
    """The operator is killed again and again while versions are released, every second a bad one; each effect once."""
    turns, operator = random.Random(SEED), world.operator(lease=False)
    world.ask_for("0")
    operator.until_works()
    world.until_serves("0")
    records, kills, version = dict[str, str](), 0, 0
    with world.clients(per_second=40) as clients:
        while kills < KILLS:
            version += 1
            is_bad = version % 2 == 0
            if is_bad:
                world.model(str(version), status=500)
            world.ask_for(str(version))
            for _ in range(KILLS_EACH):
                time.sleep(turns.uniform(0.2, 6))
                operator.kill()
                kills += 1
                operator.again()
            eventually(lambda: len(new_records(world, records)) == 1, f"{version} ends (seed {SEED})", 120)
            world.until_phase("RolledBack" if is_bad else "Stable")
            [record] = new_records(world, records)
            assert (record["outcome"], record["attempt"]) == ("RolledBack" if is_bad else "Promoted", 1), f"seed {SEED}"
            records[record["id"]] = str(version)
        time.sleep(2)  # the gateway takes a moment after it has accepted a route
        since = time.time()
        time.sleep(1)
    last_good = str(version - 1 if version % 2 == 0 else version)
    assert clients.by_revision(since).keys() == {world.revision(last_good)}
    assert list(records.values()) == [str(number) for number in range(1, version + 1)], f"each once (seed {SEED})"
    assert world.checkpoint()["unrecorded"] == []
    bad = [answer for answer in clients.failed() if answer.code != 500]
    assert bad == [], f"seed {SEED}, {kills} kills"


def new_records(world: World, known: Mapping[str, str]) -> list[Json]:
    """The rollouts that ended, but for those that are known."""
    return [one for one in world.status().get("history", []) if one["id"] not in known]
