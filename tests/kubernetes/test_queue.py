"""The work queue: each key in turn, none in the way of another, none forgotten, and failures ever later."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serinus.kubernetes.queue import BackOff, WorkQueue
from tests.kubernetes.virtual_time import now, run

NO_SPREAD = 0.0


class Worker:
    """Records every turn, and does what it is told for a key."""

    def __init__(self) -> None:
        self.turns: list[tuple[float, str]] = []
        self.under_way: set[str] = set()
        self.together = 0
        self.doing: dict[str, Callable[[], Awaitable[float | None]]] = {}

    async def __call__(self, key: str) -> float | None:
        assert key not in self.under_way, "two turns of one key at a time"
        self.under_way.add(key)
        self.together = max(self.together, len(self.under_way))
        self.turns.append((now(), key))
        try:
            return await self.doing[key]() if key in self.doing else None
        finally:
            self.under_way.discard(key)

    def times(self, key: str) -> list[float]:
        return [at for at, one in self.turns if one == key]


class Running:
    """A queue that runs for the length of a `with` block."""

    def __init__(self, work: Callable[[str], Awaitable[float | None]], workers: int = 3) -> None:
        self.queue = WorkQueue[str](work, workers, BackOff(1.0, 30.0), spread=lambda: NO_SPREAD)

    async def __aenter__(self) -> WorkQueue[str]:
        self._task = asyncio.create_task(self.queue.run())
        return self.queue

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


def takes(seconds: float) -> Callable[[], Awaitable[None]]:
    async def wait() -> None:
        await asyncio.sleep(seconds)

    return wait


async def fails() -> float | None:
    raise RuntimeError("no")


def test_a_key_that_is_added_many_times_before_its_turn_has_one_turn() -> None:
    async def test() -> None:
        worker = Worker()
        async with Running(worker) as queue:
            for _ in range(5):
                queue.add("a")
            assert queue.depth == 1
            await asyncio.sleep(1)
        assert worker.times("a") == [0.0]

    run(test())


def test_a_key_that_is_added_during_its_turn_has_one_more_right_after() -> None:
    async def test() -> None:
        worker = Worker()
        worker.doing["a"] = takes(10)
        async with Running(worker) as queue:
            queue.add("a")
            await asyncio.sleep(1)
            queue.add("a")
            queue.add("a")
            await asyncio.sleep(100)
        assert worker.times("a") == [0.0, 10.0]

    run(test())


def test_how_long_a_key_had_to_wait_for_a_worker_is_known_during_its_turn() -> None:
    async def test() -> None:
        worker, waited = Worker(), list[float]()
        worker.doing["slow"] = takes(3)

        async def look() -> None:
            waited.append(queue.waited("late"))

        worker.doing["late"] = look
        async with Running(worker, workers=1) as queue:
            queue.add("slow")
            await asyncio.sleep(1)
            queue.add("late")
            await asyncio.sleep(100)
            queue.add("late")
            await asyncio.sleep(1)
            assert queue.waited("late") == 0.0
        assert waited == [2.0, 0.0]

    run(test())


def test_a_slow_key_blocks_no_other() -> None:
    async def test() -> None:
        worker = Worker()
        worker.doing["slow"] = takes(1000)
        async with Running(worker) as queue:
            queue.add("slow")
            for name in "abcdef":
                queue.add(name)
            await asyncio.sleep(1)
        assert [key for at, key in worker.turns if at == 0.0] == ["slow", *"abcdef"]

    run(test())


def test_no_more_keys_are_at_work_than_there_are_workers() -> None:
    async def test() -> None:
        worker = Worker()
        names = [f"key-{number}" for number in range(20)]
        worker.doing = dict.fromkeys(names, takes(5))
        async with Running(worker, workers=4) as queue:
            for name in names:
                queue.add(name)
            await asyncio.sleep(1)
            assert (queue.at_work, queue.depth) == (4, 16)
            await asyncio.sleep(100)
        assert worker.together == 4
        assert sorted(key for _, key in worker.turns) == sorted(names)

    run(test())


def test_a_key_comes_back_after_the_time_that_its_turn_asked_for() -> None:
    async def test() -> None:
        worker = Worker()

        async def every_seven() -> float:
            return 7.0

        worker.doing["a"] = every_seven
        async with Running(worker) as queue:
            queue.add("a")
            await asyncio.sleep(22)
        assert worker.times("a") == [0.0, 7.0, 14.0, 21.0]

    run(test())


def test_an_event_brings_a_key_forward_and_its_later_turn_is_not_had_twice() -> None:
    async def test() -> None:
        worker = Worker()
        async with Running(worker) as queue:
            queue.add_after("a", 10)
            queue.add_after("a", 50)  # later than what is due anyway
            await asyncio.sleep(2)
            queue.add("a")
            await asyncio.sleep(100)
        assert worker.times("a") == [2.0]

    run(test())


def test_a_sooner_time_takes_the_place_of_a_later_one() -> None:
    async def test() -> None:
        worker = Worker()
        async with Running(worker) as queue:
            queue.add_after("a", 50)
            queue.add_after("a", 10)
            await asyncio.sleep(100)
        assert worker.times("a") == [10.0]

    run(test())


def test_failures_are_tried_again_ever_later_and_a_success_begins_anew() -> None:
    async def test() -> None:
        worker = Worker()
        worker.doing["a"] = fails
        async with Running(worker) as queue:
            queue.add("a")
            await asyncio.sleep(100)
            assert worker.times("a") == [0, 1, 3, 7, 15, 31, 61, 91]  # 30 s are the longest pause
            worker.turns.clear()
            worker.doing["a"] = takes(0)
            await asyncio.sleep(50)
            assert worker.times("a") == [121.0]
            worker.turns.clear()
            worker.doing["a"] = fails
            queue.add("a")
            await asyncio.sleep(2)
            assert worker.times("a") == [150.0, 151.0]

    run(test())


def test_what_wakes_a_key_while_it_fails_does_not_make_the_failure_hot() -> None:
    async def test() -> None:
        worker = Worker()
        async with Running(worker) as queue:

            async def wakes_itself_and_fails() -> None:
                queue.add("a")
                raise RuntimeError("no")

            worker.doing["a"] = wakes_itself_and_fails
            queue.add("a")
            await asyncio.sleep(10)
        assert worker.times("a") == [0, 1, 3, 7]

    run(test())


def test_a_forgotten_key_has_no_more_turns() -> None:
    async def test() -> None:
        worker = Worker()
        async with Running(worker) as queue:
            queue.add_after("a", 5)
            queue.forget("a")
            await asyncio.sleep(100)
        assert worker.turns == []

    run(test())


def test_a_drain_waits_for_what_is_at_work_and_starts_nothing() -> None:
    async def test() -> None:
        worker = Worker()
        worker.doing["a"] = takes(5)
        async with Running(worker, workers=1) as queue:
            queue.add("a")
            queue.add("b")
            queue.add_after("c", 1)
            await asyncio.sleep(1)
            assert await queue.drain(30) is True
            assert now() == 5.0
            queue.add("d")
            await asyncio.sleep(100)
        assert [key for _, key in worker.turns] == ["a"]

    run(test())


def test_a_drain_does_not_wait_for_ever() -> None:
    async def test() -> None:
        worker = Worker()
        worker.doing["a"] = takes(500)
        async with Running(worker) as queue:
            queue.add("a")
            await asyncio.sleep(1)
            assert await queue.drain(30) is False
            assert now() == 31.0

    run(test())


@pytest.mark.parametrize(("failures", "least", "most"), [(1, 0.1, 0.2), (2, 0.2, 0.4), (9, 15.0, 30.0), (999, 15, 30)])
def test_the_pause_is_spread_between_half_and_all_of_itself(failures: int, least: float, most: float) -> None:
    assert BackOff().seconds(failures, 0.0) == most
    assert BackOff().seconds(failures, 1.0) == least


KEYS = st.sampled_from("abcd")
STEP = st.one_of(
    st.tuples(st.just("add"), KEYS, st.just(0.0)),
    st.tuples(st.just("after"), KEYS, st.floats(0, 20)),
    st.tuples(st.just("wait"), KEYS, st.floats(0, 5)),
)


@settings(max_examples=150)
@given(steps=st.lists(STEP, max_size=40), failing=st.sets(KEYS), slow=st.sets(KEYS), workers=st.integers(1, 4))
def test_every_key_that_was_added_has_a_turn_that_began_after(
    steps: list[tuple[str, str, float]], failing: set[str], slow: set[str], workers: int
) -> None:
    async def test() -> None:
        worker, tries = Worker(), Counter[str]()

        def doing(key: str) -> Callable[[], Awaitable[None]]:
            async def do() -> None:
                tries[key] += 1
                await asyncio.sleep(3 if key in slow else 0)
                if key in failing and tries[key] % 3:
                    raise RuntimeError("no")

            return do

        worker.doing = {key: doing(key) for key in "abcd"}
        wanted: dict[str, float] = {}
        async with Running(worker, workers) as queue:
            for what, key, seconds in steps:
                if what == "wait":
                    await asyncio.sleep(seconds)
                else:
                    wanted[key] = now()
                    queue.add(key) if what == "add" else queue.add_after(key, seconds)
            await asyncio.sleep(500)
            assert (queue.depth, queue.at_work) == (0, 0)
        for key, since in wanted.items():
            assert any(at >= since for at in worker.times(key)), f"{key} was forgotten"
        assert {key for _, key in worker.turns} <= set(wanted)

    run(test())
