"""What every quality source does, whatever it asks."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import httpx
import pytest

from serinus.adapters.collector_quality import CollectorQuality
from serinus.adapters.system_clock import SystemClock
from serinus.core.errors import QualityUnavailable
from serinus.core.quality import CompareQuestion, Comparison, Party, WatchQuestion
from serinus.ports import Key, QualitySource
from tests.adapters.collector_server import CollectorServer, collector_server
from tests.fakes.quality import FakeQuality

pytestmark = pytest.mark.anyio

KEY, OTHER = Key("ml", "flights"), Key("ml", "trains")
SINCE = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)
CANDIDATE, STABLE = "r2", "r1"


class World(Protocol):
    """A quality source, and the predictions and labels that it should have. `copy`: the client got another answer."""

    @property
    def source(self) -> QualitySource: ...

    async def predict(
        self, revision: str, request_id: str, prediction: float, at: datetime, *, copy: bool = False
    ) -> None: ...

    async def label(self, request_id: str, label: float) -> None: ...

    async def take_down(self) -> None: ...


class FakeWorld:
    def __init__(self) -> None:
        self.source = FakeQuality(SystemClock())

    async def predict(
        self, revision: str, request_id: str, prediction: float, at: datetime, *, copy: bool = False
    ) -> None:
        self.source.predict(KEY, revision, request_id, prediction, at)

    async def label(self, request_id: str, label: float) -> None:
        self.source.label(KEY, request_id, label)

    async def take_down(self) -> None:
        self.source.up = False


class CollectorWorld:
    """The adapter over HTTP, and the collector that it asks."""

    def __init__(self, server: CollectorServer, token_file: str) -> None:
        self._server = server
        self._client = httpx.AsyncClient(base_url=server.url, trust_env=False)
        self.source = CollectorQuality(server.url, token_file=token_file)

    async def predict(
        self, revision: str, request_id: str, prediction: float, at: datetime, *, copy: bool = False
    ) -> None:
        event = {"requestId": request_id, "time": at.isoformat(), "prediction": prediction, "copy": copy}
        about = {"deployment": str(KEY), "model": "flights", "revision": revision, "version": revision}
        answer = await self._client.post("/v1/predictions", json=about | {"events": [event]})
        assert answer.status_code == 202, answer.text

    async def label(self, request_id: str, label: float) -> None:
        body = {"deployment": str(KEY), "requestId": request_id, "label": label}
        answer = await self._client.post("/v1/labels", json=body)
        assert answer.status_code == 200, answer.text

    async def take_down(self) -> None:
        await asyncio.to_thread(self._server.stop)

    async def end(self) -> None:
        await self._client.aclose()
        await self.source.close()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["fake", "collector"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    if request.param == "fake":
        yield FakeWorld()
        return
    (token := tmp_path / "token").write_text("s3cret\n", encoding="utf-8")
    with collector_server(tmp_path, str(token)) as server:
        over_http = CollectorWorld(server, str(token))
        yield over_http
        await over_http.end()


def comparing(**changes) -> CompareQuestion:
    values = {"since": SINCE, "cohort_seconds": 60, "model": "flights"} | changes
    parties = {name: Party(revision=one, address="http://127.0.0.1:9") for name, one in PARTIES.items()}
    return CompareQuestion(**parties | values)


PARTIES = {"candidate": CANDIDATE, "stable": STABLE}


def watching(revision: str = "", **changes) -> WatchQuestion:
    return WatchQuestion(**{"since": SINCE, "cohort_seconds": 60, "revision": revision} | changes)


def second(seconds: float) -> datetime:
    return SINCE + timedelta(seconds=seconds)


async def both(world: World, request_id: str, candidate: float, stable: float, at: datetime) -> None:
    await world.predict(STABLE, request_id, stable, at)
    await world.predict(CANDIDATE, request_id, candidate, at, copy=True)


async def test_of_a_deployment_without_rows_it_answers_no_cohorts(world: World):
    compared, watched = await world.source.compare(OTHER, comparing()), await world.source.watch(OTHER, watching())
    assert (compared.cohorts, watched.cohorts, watched.newest_label) == ((), (), None)


async def test_the_same_rows_of_both_are_compared_by_cohort_from_the_oldest(world: World):
    await both(world, "late", candidate=1.0, stable=0.5, at=second(130))
    await both(world, "early", candidate=0.5, stable=1.0, at=second(5))
    await both(world, "unlabelled", candidate=0.5, stable=1.0, at=second(6))
    for name in ("late", "early"):
        await world.label(name, 1)
    answer = await world.source.compare(KEY, comparing())
    assert (answer.paired, answer.problem) == (True, "")
    first, last = answer.cohorts
    assert (first.start, first.end, first.rows, first.labelled) == (second(0), second(60), 2, 1)
    assert (first.candidate_loss, first.stable_loss, first.differences) == (0.25, 0.0, {16: 1})
    assert (last.start, last.rows, last.labelled, last.differences) == (second(120), 1, 1, {-16: 1})


async def test_rows_that_only_one_has_answered_are_not_compared(world: World):
    await both(world, "both", candidate=1.0, stable=0.5, at=second(1))
    await world.predict(STABLE, "one", 0.5, second(2))
    for name in ("both", "one"):
        await world.label(name, 1)
    (cohort,) = (await world.source.compare(KEY, comparing())).cohorts
    assert (cohort.rows, cohort.labelled) == (1, 1)


async def test_a_loss_is_cut_off_at_the_bound_and_the_difference_scaled_by_it(world: World):
    await both(world, "far", candidate=0.0, stable=0.75, at=second(1))
    await world.label("far", 1)
    (cohort,) = (await world.source.compare(KEY, comparing(bound=0.25))).cohorts
    assert (cohort.candidate_loss, cohort.stable_loss, cohort.differences) == (0.25, 0.0625, {48: 1})


async def test_one_revisions_losses_are_watched_or_those_of_all_together(world: World):
    await world.predict(STABLE, "a", 0.5, second(1))
    await world.predict(CANDIDATE, "b", 0.0, second(2))
    await world.predict(STABLE, "c", 0.5, second(61))
    for name in ("a", "b"):
        await world.label(name, 1)
    mine = (await world.source.watch(KEY, watching(STABLE))).cohorts
    assert [(cohort.rows, cohort.labelled, cohort.loss) for cohort in mine] == [(1, 1, 0.25), (1, 0, 0.0)]
    everyone = await world.source.watch(KEY, watching())
    assert [(cohort.rows, cohort.labelled, cohort.loss) for cohort in everyone.cohorts] == [(2, 2, 1.25), (1, 0, 0.0)]
    assert everyone.newest_label is not None
    assert everyone.newest_label > SINCE


async def test_what_was_answered_before_the_question_begins_is_left_out(world: World):
    await world.predict(STABLE, "before", 0.5, second(-1))
    await world.predict(STABLE, "after", 0.5, second(0))
    (cohort,) = (await world.source.watch(KEY, watching())).cohorts
    assert cohort.rows == 1


async def test_the_first_label_stands(world: World):
    await world.predict(STABLE, "a", 0.5, second(1))
    await world.label("a", 1)
    await world.label("a", 0)
    (cohort,) = (await world.source.watch(KEY, watching())).cohorts
    assert (cohort.labelled, cohort.loss) == (1, 0.25)


async def test_an_answer_survives_the_wire_as_it_was(world: World):
    await both(world, "a", candidate=1.0, stable=0.5, at=second(1))
    await world.label("a", 1)
    answer = await world.source.compare(KEY, comparing())
    assert Comparison.model_validate_json(answer.model_dump_json(by_alias=True)) == answer


async def test_a_source_that_is_down_is_an_error_that_passes(world: World):
    await world.take_down()
    with pytest.raises(QualityUnavailable, match="cannot be asked") as raised:
        await world.source.watch(KEY, watching())
    assert raised.value.retriable
