"""One replica works at a time, whatever stops, hangs or comes back."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from serinus.kubernetes.leader import LEASE, Leadership, LeadershipLost, NotLeading, Term
from tests.kubernetes.fake_api import FakeApiServer, Fault
from tests.kubernetes.virtual_time import now, run

DURATION, RENEW, RETRY = 10.0, 3.0, 2.0


@dataclass
class Replica:
    """One process: its leadership, and the moments at which it could write."""

    leadership: Leadership
    task: asyncio.Task[None] | None = None
    lost: str = ""
    stopped: bool = False
    wrote: list[float] = field(default_factory=list)

    def start(self) -> "Replica":
        self.task = asyncio.create_task(self._live())
        return self

    async def _live(self) -> None:
        await self.leadership.acquire()
        try:
            await self.leadership.keep()
        except LeadershipLost as error:
            self.lost = str(error)

    def kill(self) -> None:
        """SIGKILL."""
        assert self.task is not None
        self.task.cancel()

    def write(self) -> bool:
        try:
            self.leadership.check()
        except NotLeading:
            return False
        self.wrote.append(now())
        return True


def replica(server: FakeApiServer, name: str, clock: Callable[[], float] = now) -> Replica:
    term = Term("serinus", "operator", name, DURATION, RENEW, RETRY)
    return Replica(Leadership(server.api(), term, clock))


async def can_write(one: Replica) -> None:
    for _ in range(1000):
        if one.write():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("it never leads")


def holder(server: FakeApiServer) -> str:
    lease = server.get(LEASE, "serinus", "operator")
    return str(lease["spec"]["holderIdentity"]) if lease else ""


def test_the_first_replica_works_at_once_and_the_second_stands_by() -> None:
    async def test() -> None:
        server = FakeApiServer()
        first, second = replica(server, "a").start(), replica(server, "b")
        await asyncio.sleep(1)
        second.start()
        await asyncio.sleep(600)
        assert first.write()
        assert not second.write()
        assert holder(server).startswith("a_")

    run(test())


def test_after_a_kill_another_takes_over_in_less_than_20_seconds() -> None:
    async def test() -> None:
        server = FakeApiServer()
        first = replica(server, "a").start()
        await asyncio.sleep(1)
        second = replica(server, "b").start()
        await asyncio.sleep(100)
        first.kill()
        killed = now()
        await can_write(second)
        assert DURATION - RENEW <= now() - killed < 15

    run(test())


def test_a_replica_that_stops_hands_over_at_once() -> None:
    async def test() -> None:
        server = FakeApiServer()
        first, second = replica(server, "a").start(), replica(server, "b")
        await asyncio.sleep(1)
        second.start()
        await asyncio.sleep(20)
        await first.leadership.release()
        assert not first.write()
        released = now()
        await can_write(second)
        assert now() - released <= RETRY + 0.1
        await asyncio.sleep(60)
        assert first.lost == ""

    run(test())


def test_a_leader_that_was_stopped_writes_nothing_when_it_goes_on_and_ends() -> None:
    async def test() -> None:
        server = FakeApiServer()
        first = replica(server, "a").start()
        await asyncio.sleep(1)
        first.kill()  # SIGSTOP: nothing of it runs
        second = replica(server, "b").start()
        await asyncio.sleep(30)
        assert second.write()
        assert not first.write(), "its time is over before it asks anybody"
        first.task = asyncio.create_task(first.leadership.keep())  # SIGCONT
        with pytest.raises(LeadershipLost, match=r"b_\w+ holds Lease serinus/operator now, not a_\w+"):
            await first.task
        assert not first.write()
        assert second.write()

    run(test())


def test_an_api_server_that_is_away_stops_writing_and_costs_no_leadership() -> None:
    async def test() -> None:
        server = FakeApiServer()
        only = replica(server, "a").start()
        await asyncio.sleep(5)
        server.faults = [Fault(0, times=10**9)]
        await asyncio.sleep(DURATION + RENEW)
        assert not only.write()
        await asyncio.sleep(50)
        server.faults = []
        await asyncio.sleep(RENEW * 2)
        assert only.write()
        assert only.lost == ""

    run(test())


def test_a_renewal_whose_answer_was_lost_costs_no_leadership() -> None:
    async def test() -> None:
        server = FakeApiServer()
        only = replica(server, "a").start()
        await asyncio.sleep(1)
        for _ in range(20):
            server.faults = [Fault(504, method="PUT", after=True)]
            await asyncio.sleep(2 * RENEW)
            assert only.write()
        assert only.lost == ""

    run(test())


def test_a_lease_that_somebody_deleted_is_made_again() -> None:
    async def test() -> None:
        server = FakeApiServer()
        only = replica(server, "a").start()
        await asyncio.sleep(1)
        server.remove(LEASE, "serinus", "operator")
        await asyncio.sleep(60)
        assert only.write()
        assert holder(server).startswith("a_")

    run(test())


def test_a_replica_that_was_started_again_under_its_name_is_another_one() -> None:
    async def test() -> None:
        server = FakeApiServer()
        first = replica(server, "a").start()
        await asyncio.sleep(1)
        first.kill()
        again = replica(server, "a").start()
        await asyncio.sleep(DURATION - RENEW)
        assert not again.write()
        await asyncio.sleep(15)
        assert again.write()

    run(test())


def test_a_holder_with_a_longer_time_is_waited_for_as_long() -> None:
    async def test() -> None:
        server = FakeApiServer()
        spec = {"holderIdentity": "other", "leaseDurationSeconds": 40, "leaseTransitions": 3}
        server.put(LEASE, {"metadata": {"name": "operator", "namespace": "serinus"}, "spec": spec})
        mine = replica(server, "a").start()
        await asyncio.sleep(39)
        assert not mine.write()
        await asyncio.sleep(5)
        assert mine.write()
        lease = server.get(LEASE, "serinus", "operator")
        assert lease is not None
        assert lease["spec"]["leaseTransitions"] == 4

    run(test())


@pytest.mark.parametrize("slow", [0.0, 1.5, 4.0])
def test_two_replicas_never_write_at_the_same_time(slow: float) -> None:
    """However slow answers are: 50 times the leader stops for a while, and whoever can write, writes."""

    async def test() -> None:
        server = FakeApiServer()
        server.answer_after = slow
        replicas = [replica(server, name).start() for name in "abc"]
        leaders = set[int]()
        for turn in range(50):
            for _ in range(40):
                await asyncio.sleep(0.5)
                assert sum(one.write() for one in replicas) <= 1
            leading = next((one for one in replicas if one.leadership.leads), None)
            if leading is not None:
                leaders.add(id(leading))
                leading.kill()
                replicas[replicas.index(leading)] = replica(server, f"r{turn}").start()
        assert len(leaders) > 10

    run(test())
