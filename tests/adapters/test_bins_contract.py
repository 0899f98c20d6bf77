"""What every source of rows by bin does, whatever it asks."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

import pytest

from serinus.adapters.kubernetes_objects import POD
from serinus.adapters.predictor_pods import PredictorPods
from serinus.adapters.scraped_bins import ScrapedBins
from serinus.adapters.scraping import Scraper
from serinus.core.errors import MetricsUnavailable
from serinus.core.observation import BinWindow
from serinus.ports import BinSource, Key
from tests.adapters.bin_exporters import BINS, FEATURES, REFERENCE_ROWS, BinExporter
from tests.adapters.fakes.bins import FakeBins
from tests.fakes.clock import FakeClock
from tests.fakes.kubernetes import FakeKubernetes
from tests.local.harness import KEY

pytestmark = pytest.mark.anyio

REVISION = "r1"
Rows = Mapping[str, Mapping[str, int]]
TEN: Rows = {
    "temp": {"0": 7, "1": 3},
    "wind": {"0": 9, "missing": 1},
    "prediction": {"1": 10},
    "answers": {"0.5": 4, "1": 6},
}


class World(Protocol):
    """A source, and predictors of the revision REVISION whose rows it should count."""

    @property
    def source(self) -> BinSource: ...

    @property
    def now(self) -> datetime: ...

    async def count(self, rows: Rows, instance: int = 0) -> None:
        """One of two instances answers rows; both are there from the start."""
        ...

    async def look(self) -> None:
        """Time passes in which whatever watches sees what was counted: less than a hundredth of `hours(1)`."""
        ...

    async def hours(self, number: float) -> None:
        """Time passes without a row."""
        ...

    async def restart(self, instance: int = 0) -> None:
        """An instance begins anew."""
        ...

    async def vanish(self, instance: int = 0) -> None:
        """An instance is gone."""
        ...

    async def take_down(self) -> None:
        """Nobody answers any more."""
        ...

    async def end(self) -> None: ...


class FakeWorld:
    def __init__(self) -> None:
        self.clock = FakeClock()
        reference = {name: dict.fromkeys(BINS, REFERENCE_ROWS) for name in FEATURES}
        self.source = FakeBins(self.clock, reference, dict.fromkeys(BINS, REFERENCE_ROWS))

    @property
    def now(self) -> datetime:
        return self.clock.now()

    async def begin(self) -> None:
        return None

    async def count(self, rows: Rows, instance: int = 0) -> None:
        self.source.count(KEY, REVISION, **rows)

    async def look(self) -> None:
        self.clock.advance(15)

    async def hours(self, number: float) -> None:
        self.clock.advance(3600 * number)

    async def restart(self, instance: int = 0) -> None:
        return None

    async def vanish(self, instance: int = 0) -> None:
        return None

    async def take_down(self) -> None:
        self.source.up = False

    async def end(self) -> None:
        return None


class ScrapedWorld:
    """Pods with pages over HTTP."""

    def __init__(self) -> None:
        self.clock, self.scraper, self.kubernetes = FakeClock(), Scraper(), FakeKubernetes()
        self.exporters = [BinExporter(), BinExporter()]

    @property
    def now(self) -> datetime:
        return self.clock.now()

    async def begin(self) -> None:
        port = 0
        for number, exporter in enumerate(self.exporters):
            exporter.started_at = self.now.timestamp() - 60
            port = await exporter.listen(f"127.0.0.{2 + number}", port)
            labels = {"serinus.dev/deployment": KEY.name, "serinus.dev/revision": REVISION}
            status = {"podIP": f"127.0.0.{2 + number}", "conditions": [{"type": "Ready", "status": "True"}]}
            pod: dict[str, Any] = {"metadata": {"labels": labels}, "status": status}
            self.kubernetes.edit(POD, KEY.namespace, f"pod-{number}", pod)
        self.source = ScrapedBins(PredictorPods(self.kubernetes, self.scraper, port), self.clock)
        await self.look()

    async def count(self, rows: Rows, instance: int = 0) -> None:
        self.exporters[instance].count(rows)

    async def look(self) -> None:
        self.clock.advance(15)
        await self.source.window(KEY, REVISION, self.now - timedelta(hours=1))
        self.clock.advance(0.01)

    async def hours(self, number: float) -> None:
        for _ in range(round(number * 60)):
            self.clock.advance(60)
            await self.source.window(KEY, REVISION, self.now - timedelta(hours=1))

    async def restart(self, instance: int = 0) -> None:
        self.exporters[instance].restart()
        self.exporters[instance].started_at = self.now.timestamp() + 1
        self.clock.advance(2)

    async def vanish(self, instance: int = 0) -> None:
        self.exporters[instance].close()
        self.kubernetes.remove(POD, KEY.namespace, f"pod-{instance}")

    async def take_down(self) -> None:
        for exporter in self.exporters:
            exporter.status = 500

    async def end(self) -> None:
        for exporter in self.exporters:
            exporter.close()
        await self.scraper.close()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=[FakeWorld, ScrapedWorld], ids=["fake", "scraped"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    made = request.param()
    await made.begin()
    yield made
    await made.end()


async def window(world: World, since: datetime, key: Key = KEY, revision: str = REVISION) -> BinWindow:
    await world.look()
    return await world.source.window(key, revision, since)


def hit(found: BinWindow) -> dict[str, dict[str, float]]:
    """Bins with rows, rounded."""
    counted = {**found.features, "prediction": found.prediction, "answers": found.answers}
    rows = {name: {one: round(count, 6) for one, count in bins.items() if count} for name, bins in counted.items()}
    return {name: bins for name, bins in rows.items() if bins}


async def test_no_traffic_is_no_rows_and_no_error(world: World) -> None:
    since = world.now
    found = await window(world, since)
    assert hit(found) == {}
    assert found.revision == REVISION
    assert since - timedelta(seconds=1) <= found.since <= found.until <= world.now


async def test_rows_are_counted_by_feature_and_bin(world: World) -> None:
    since = world.now
    await world.count(TEN)
    assert hit(await window(world, since)) == TEN


async def test_the_reference_is_told_once_however_many_instances_there_are(world: World) -> None:
    found = await window(world, world.now)
    assert found.reference == {name: dict.fromkeys(BINS, REFERENCE_ROWS) for name in FEATURES}
    assert found.reference_prediction == dict.fromkeys(BINS, REFERENCE_ROWS)


async def test_instances_add_up(world: World) -> None:
    since = world.now
    await world.count({"temp": {"0": 5}}, 0)
    await world.count({"temp": {"0": 2, "1": 1}}, 1)
    assert hit(await window(world, since)) == {"temp": {"0": 7, "1": 1}}


async def test_the_same_question_again_gives_the_same_rows(world: World) -> None:
    since = world.now
    await world.count(TEN)
    assert hit(await window(world, since)) == hit(await window(world, since)) == TEN


async def test_rows_before_a_window_that_is_asked_for_from_its_beginning_are_not_in_it(world: World) -> None:
    await world.count({"temp": {"0": 50}})
    await world.look()
    await world.hours(0.5)
    since = world.now
    assert hit(await window(world, since)) == {}
    await world.count({"temp": {"1": 3}})
    assert hit(await window(world, since)) == {"temp": {"1": 3}}


async def test_rows_leave_the_window_as_it_moves_on(world: World) -> None:
    await world.count({"temp": {"0": 50}})
    await world.look()
    await world.hours(0.5)
    await world.count({"temp": {"1": 3}})
    assert hit(await window(world, world.now - timedelta(hours=1))) == {"temp": {"0": 50, "1": 3}}
    await world.hours(0.6)
    assert hit(await window(world, world.now - timedelta(hours=1))) == {"temp": {"1": 3}}
    await world.hours(1)
    assert hit(await window(world, world.now - timedelta(hours=1))) == {}


async def test_a_restart_loses_no_row_that_was_seen_and_counts_none_twice(world: World) -> None:
    since = world.now
    await world.count({"temp": {"0": 5}})
    await world.look()
    await world.restart()
    await world.count({"temp": {"0": 2}})
    await world.count({"temp": {"1": 4}}, 1)
    assert hit(await window(world, since)) == {"temp": {"0": 7, "1": 4}}


async def test_what_a_vanished_instance_counted_stays(world: World) -> None:
    since = world.now
    await world.count({"temp": {"0": 5}})
    await world.look()
    await world.vanish()
    await world.count({"temp": {"1": 4}}, 1)
    assert hit(await window(world, since)) == {"temp": {"0": 5, "1": 4}}


async def test_another_revision_has_no_rows_of_this_one(world: World) -> None:
    since = world.now
    await world.count(TEN)
    assert hit(await window(world, since, revision="r2")) == {}
    assert hit(await window(world, since, key=Key("default", "other"))) == {}


async def test_a_source_that_does_not_answer_is_unavailable(world: World) -> None:
    await world.look()
    await world.take_down()
    with pytest.raises(MetricsUnavailable):
        await world.source.window(KEY, REVISION, world.now)
