"""Rows of one revision answered by the other: a real store, and predictors that answer as they are told."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import orjson
import pytest
from prometheus_client import CollectorRegistry

from serinus.collector.comparisons import LiveComparisons
from serinus.collector.database import Database
from serinus.collector.messages import Event, Items, PredictionBatch
from serinus.collector.pairing import ROWS_A_PERIOD, Direction, Pairing, directions
from serinus.collector.scoring import PredictorAway, Scorer
from serinus.collector.settings import CollectorSettings
from serinus.collector.store import Store
from serinus.core.quality import CompareQuestion, Party

pytestmark = pytest.mark.anyio

NAME = "ml/flights"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
OLD, NEW = Party(revision="r1", address="http://old:80"), Party(revision="r2", address="http://new:80")
TO_NEW, TO_OLD = Direction(NAME, "r2", "r1"), Direction(NAME, "r1", "r2")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class World:
    """`answer` is what predictors answer; what they are asked is in `asked`: (host, instances)."""

    def __init__(self, folder: Path, **settings) -> None:
        self.now = NOW
        self.seconds = 0.0
        self.asked: list[tuple[str, list[dict]]] = []
        self.answer = lambda host, instances: httpx.Response(200, json={"predictions": [0.5 for _ in instances]})
        self.database = Database(f"sqlite:///{folder / 'collector.db'}")
        self.database.open()
        values = {"database": f"sqlite:///{folder / 'collector.db'}"} | settings
        self.store = Store(self.database, CollectorSettings(**values), clock=lambda: self.now)
        self.live = LiveComparisons(300, lambda: self.seconds)
        self.registry = CollectorRegistry()
        scorer = Scorer(httpx.MockTransport(self._predictor))
        self.pairing = Pairing(self.store, self.live, self.write, scorer, self.registry, clock=lambda: self.seconds)

    def _predictor(self, request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/models/flights:predict"
        assert request.headers["x-serinus-copy"] == "1"
        instances = orjson.loads(request.content)["instances"]
        self.asked.append((request.url.host, instances))
        return self.answer(request.url.host, instances)

    async def write(self, batch: PredictionBatch) -> object:
        return self.store.write([batch])

    def predict(self, revision: str, *names: str, features=None, age: float = 60, copy: bool = False) -> None:
        given = {"temp": 1.5} if features is None else features
        at = self.now - timedelta(seconds=age)
        events = [Event(request_id=one, time=at, prediction=0.25, features=given, is_copy=copy) for one in names]
        self.store.write([PredictionBatch(NAME, revision, Items(tuple(enumerate(events))))])

    def compare(self, candidate: Party = NEW, stable: Party = OLD, **changes) -> None:
        values = {"since": NOW - timedelta(hours=1), "cohort_seconds": 60, "model": "flights"} | changes
        self.live.asked(NAME, CompareQuestion(candidate=candidate, stable=stable, **values))

    def missing(self, by: str, of: str) -> list[str]:
        rows = self.store.unanswered(NAME, by, answered_by=of, since=NOW - timedelta(hours=1), rate=1.0)
        return [row.request_id for row in rows]

    def count(self, revision: str, outcome: str) -> float:
        labels = {"deployment": NAME, "revision": revision, "outcome": outcome}
        return self.registry.get_sample_value("serinus_collector_paired_rows_total", labels) or 0.0

    @property
    def problem(self) -> str:
        return self.live.problem(NAME)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.database.close()


async def test_each_revision_answers_the_clients_rows_of_the_other_once(world: World):
    world.predict("r1", "a", "b", features={"temp": 2.5, "origin": None})
    world.predict("r2", "c")
    world.compare()
    for direction in (TO_NEW, TO_OLD, TO_NEW, TO_OLD):
        await world.pairing.turn(direction)
    assert world.asked == [("new", [{"temp": 2.5, "origin": None}] * 2), ("old", [{"temp": 1.5}])]
    assert (world.missing("r2", "r1"), world.missing("r1", "r2")) == ([], [])
    assert (world.count("r2", "answered"), world.count("r1", "answered"), world.problem) == (2, 1, "")


async def test_what_a_gateway_copied_pairs_by_itself_and_is_waited_for(world: World):
    world.predict("r1", "fresh", age=1)
    world.compare()
    await world.pairing.turn(TO_NEW)
    world.predict("r2", "fresh", age=1, copy=True)
    world.now += timedelta(seconds=10)
    await world.pairing.turn(TO_NEW)
    assert world.asked == []


async def test_a_row_whose_clock_runs_ahead_holds_up_no_other(world: World):
    world.predict("r1", "ahead", age=-3600)
    world.predict("r1", "usual")
    world.compare()
    await world.pairing.turn(TO_NEW)
    assert world.count("r2", "answered") == 2


async def test_nobody_is_asked_without_a_question_or_an_address(world: World):
    world.predict("r1", "a")
    await world.pairing.turn(TO_NEW)
    world.compare(candidate=Party(revision="r2"))
    await world.pairing.turn(TO_NEW)
    world.compare()
    world.seconds = 301
    await world.pairing.turn(TO_NEW)
    assert world.asked == []


async def test_only_the_sample_is_asked_about_and_so_many_rows_a_turn(world: World):
    names = [f"q{index}" for index in range(2 * ROWS_A_PERIOD)]
    world.predict("r1", *names)
    world.compare(sample_rate=0.25)
    await world.pairing.turn(TO_NEW)
    assert 60 < world.count("r2", "answered") < 140
    world.compare(sample_rate=1.0)
    sampled = world.count("r2", "answered")
    await world.pairing.turn(TO_NEW)
    assert world.count("r2", "answered") <= sampled + ROWS_A_PERIOD
    assert max(len(instances) for _, instances in world.asked) == 50


async def test_a_row_that_the_model_refuses_is_counted_and_costs_no_other_its_answer(world: World):
    for index in range(8):
        world.predict("r1", f"q{index}", features={"temp": float(index)})

    def answer(_: str, instances: list[dict]) -> httpx.Response:
        bad = {"temp": 3.0} in instances
        return (
            httpx.Response(400, json={"error": "too warm"})
            if bad
            else httpx.Response(200, json={"predictions": [one["temp"] for one in instances]})
        )

    world.answer = answer
    world.compare()
    await world.pairing.turn(TO_NEW)
    await world.pairing.turn(TO_NEW)
    assert (world.count("r2", "answered"), world.count("r2", "refused")) == (7, 1)
    assert world.missing("r2", "r1") == ["q3"]
    assert world.problem == ""
    assert sum({"temp": 3.0} in instances for _, instances in world.asked) == 4, "it is not asked about again"


async def test_a_model_that_refuses_most_rows_is_why_they_are_not_paired(world: World):
    world.predict("r1", "a", "b", "c")
    world.answer = lambda *_: httpx.Response(400, json={"error": 'row 0 has no column "gust"'})
    world.compare()
    await world.pairing.turn(TO_NEW)
    assert "new:80" in world.problem
    assert "gust" in world.problem
    world.answer = lambda _, instances: httpx.Response(200, json={"predictions": [1.0] * len(instances)})
    world.predict("r1", *(f"q{index}" for index in range(4)))
    await world.pairing.turn(TO_NEW)
    assert world.problem == ""


async def test_a_model_that_refuses_every_row_is_asked_a_few_times_a_minute(world: World):
    world.predict("r1", *(f"q{index}" for index in range(150)))
    world.answer = lambda *_: httpx.Response(400, json={"error": "no"})
    world.compare()
    await world.pairing.turn(TO_NEW)
    assert (len(world.asked), world.count("r2", "refused"), world.pairing.pause(TO_NEW)) == (5, 50, 60)
    world.answer = lambda _, instances: httpx.Response(200, json={"predictions": [1.0] * len(instances)})
    await world.pairing.turn(TO_NEW)
    assert (world.count("r2", "answered"), world.pairing.pause(TO_NEW), world.problem) == (100, 1, "")


async def test_some_bad_rows_in_a_large_batch_cost_no_other_its_answer(world: World):
    for index in range(50):
        world.predict("r1", f"q{index}", features={"temp": float(index)})
    world.answer = lambda _, instances: httpx.Response(
        400 if any(one["temp"] < 5 for one in instances) else 200, json={"predictions": [1.0] * len(instances)}
    )
    world.compare()
    await world.pairing.turn(TO_NEW)
    assert (world.count("r2", "answered"), world.count("r2", "refused"), world.pairing.pause(TO_NEW)) == (45, 5, 1)


@pytest.mark.parametrize(
    ("features", "words"),
    [({}, "switch spec.monitoring.log on"), ({"temp": 1.0, "origin": "hmac:" + 32 * "a"}, "input origin is hashed")],
)
async def test_rows_without_their_inputs_are_not_asked_about_and_the_problem_says_why(world: World, features, words):
    world.predict("r1", "a", features=features)
    world.compare()
    await world.pairing.turn(TO_NEW)
    assert words in world.problem
    assert (world.asked, world.count("r2", "unusable")) == ([], 1)


async def test_columns_that_the_collector_itself_drops_make_pairing_impossible(tmp_path: Path):
    world = World(tmp_path, drop_columns="temp")
    world.predict("r1", "a", features={"temp": 1.0, "wind": 2.0})
    world.compare()
    await world.pairing.turn(TO_NEW)
    assert "hashed or dropped" in world.problem
    world.database.close()


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, json={"predictions": [0.5, 0.5]}),
        httpx.Response(200, json={"predictions": [[0.5]]}),
        httpx.Response(500, json={"error": "failed on valid input"}),
    ],
)
async def test_an_answer_that_is_no_prediction_is_a_refusal(world: World, answer):
    world.predict("r1", "a")
    world.answer = lambda *_: answer
    world.compare()
    await world.pairing.turn(TO_NEW)
    assert world.count("r2", "refused") == 1


@pytest.mark.parametrize("status", [404, 429, 502, 503])
async def test_a_predictor_that_is_away_is_asked_about_the_same_rows_later(world: World, status):
    world.predict("r1", "a")
    world.compare()
    world.answer = lambda *_: httpx.Response(status, text="not now")
    with pytest.raises(PredictorAway):
        await world.pairing.turn(TO_NEW)
    del world.answer
    world.answer = lambda *_: httpx.Response(200, json={"predictions": [0.5]})
    await world.pairing.turn(TO_NEW)
    assert world.count("r2", "answered") == 1


async def test_it_follows_what_is_asked_and_says_when_a_predictor_stays_away(world: World):
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused")

    world.predict("r1", "a")
    world.compare()
    world.answer = lambda host, _: away(host)
    task = asyncio.create_task(world.pairing.run())
    try:
        await until(lambda: len(world.asked) >= 1)
        assert world.problem == ""
        world.seconds = 100.0
        await until(lambda: "connection refused" in world.problem)
        world.answer = lambda *_: httpx.Response(200, json={"predictions": [0.5]})
        await until(lambda: world.count("r2", "answered") == 1)
        await until(lambda: world.problem == "")
        world.seconds = 500.0
        await until(lambda: world.count("r2", "answered") == 0)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_both_directions_are_followed():
    question = CompareQuestion(candidate=NEW, stable=OLD, model="m", since=NOW, cohort_seconds=1)
    assert set(directions(NAME, question)) == {TO_NEW, TO_OLD}


def test_stable_is_not_asked_about_copies_of_what_it_has_answered():
    question = CompareQuestion(candidate=NEW, stable=OLD, model="m", since=NOW, cohort_seconds=1, copied=True)
    assert directions(NAME, question) == (TO_NEW,)


async def until(condition, seconds: float = 15.0) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "the condition did not become true"
        await asyncio.sleep(0.02)
