"""The contract of sources of rows by bin, kept by the one that asks a real Prometheus: of a past, and while it scrapes."""

import asyncio
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from serinus.adapters.prometheus_api import PrometheusApi
from serinus.adapters.prometheus_bins import PrometheusBins
from serinus.adapters.scrape import samples
from serinus.adapters.system_clock import SystemClock
from serinus.core.observation import BinWindow
from serinus.ports import Key
from tests.adapters.bin_exporters import BinExporter
from tests.adapters.test_bins_contract import (
    REVISION,
    TEN,
    Rows,
    anyio_backend,
    hit,
    test_a_restart_loses_no_row_that_was_seen_and_counts_none_twice,
    test_a_source_that_does_not_answer_is_unavailable,
    test_another_revision_has_no_rows_of_this_one,
    test_instances_add_up,
    test_no_traffic_is_no_rows_and_no_error,
    test_rows_are_counted_by_feature_and_bin,
    test_rows_before_a_window_that_is_asked_for_from_its_beginning_are_not_in_it,
    test_rows_leave_the_window_as_it_moves_on,
    test_the_reference_is_told_once_however_many_instances_there_are,
    test_the_same_question_again_gives_the_same_rows,
    test_what_a_vanished_instance_counted_stays,
)
from tests.cluster.monitoring.conftest import Start
from tests.cluster.monitoring.server import Prometheus, Target, running
from tests.fakes.clock import FakeClock
from tests.local.harness import KEY, eventually

pytestmark = pytest.mark.anyio

__all__ = [
    "anyio_backend",
    "test_a_restart_loses_no_row_that_was_seen_and_counts_none_twice",
    "test_a_source_that_does_not_answer_is_unavailable",
    "test_another_revision_has_no_rows_of_this_one",
    "test_instances_add_up",
    "test_no_traffic_is_no_rows_and_no_error",
    "test_rows_are_counted_by_feature_and_bin",
    "test_rows_before_a_window_that_is_asked_for_from_its_beginning_are_not_in_it",
    "test_rows_leave_the_window_as_it_moves_on",
    "test_the_reference_is_told_once_however_many_instances_there_are",
    "test_the_same_question_again_gives_the_same_rows",
    "test_what_a_vanished_instance_counted_stays",
]

SCRAPE_SECONDS = 15
OURS = f'deployment="{KEY}",revision="{REVISION}"'
NAMES = (
    "process_start_time_seconds",
    "serinus_requests_total",
    "serinus_feature_bin_total",
    "serinus_prediction_bin_total",
    "serinus_answer_bin_total",
    "serinus_reference_rows",
    "serinus_reference_prediction_rows",
)


class Predictor(BinExporter):
    """A page with the labels of the revision, and that of a pod, as service discovery would add it."""

    pod = "first"

    def page(self) -> str:
        told = super().page().replace('deployment="ns/d",revision="r"', f'{OURS},pod="{self.pod}"')
        return told.replace("process_start_time_seconds ", f'process_start_time_seconds{{pod="{self.pod}"}} ')


class PastWorld:
    """Scrapes as they would have been, written down, and a Prometheus that knows them: a new one for each question."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked, self.up = folder, 0, True
        self.clock = FakeClock(datetime.now(UTC) - timedelta(hours=8))
        self.exporters = {number: Predictor() for number in range(2)}
        self.written: dict[str, list[str]] = defaultdict(list)  # by metric, as a page must group them

    @property
    def source(self) -> "PastWorld":
        return self

    @property
    def now(self) -> datetime:
        return self.clock.now()

    async def begin(self) -> None:
        for exporter in self.exporters.values():
            exporter.started_at = self.now.timestamp() - 60
        await self.look()

    def scrape(self) -> None:
        for number, exporter in self.exporters.items():
            for one in samples(exporter.page(), NAMES):
                labels = {**one.labels, "job": "predictors", "instance": f"10.0.0.{number}:8080"}
                told = ",".join(f'{name}="{value}"' for name, value in labels.items())
                self.written[one.name].append(f"{one.name}{{{told}}} {one.value} {self.now.timestamp():.3f}")

    async def count(self, rows: Rows, instance: int = 0) -> None:
        self.exporters[instance].count(rows)

    async def look(self) -> None:
        self.clock.advance(SCRAPE_SECONDS)
        self.scrape()
        self.clock.advance(0.01)

    async def hours(self, number: float) -> None:
        for _ in range(round(number * 60)):
            self.clock.advance(60)
            self.scrape()

    async def restart(self, instance: int = 0) -> None:
        self.exporters[instance].restart()
        self.exporters[instance].started_at = self.now.timestamp() + 1
        self.clock.advance(2)

    async def vanish(self, instance: int = 0) -> None:
        del self.exporters[instance]

    async def take_down(self) -> None:
        self.up = False

    async def end(self) -> None:
        return None

    async def window(self, key: Key, revision: str, since: datetime) -> BinWindow:
        history = "\n".join(line for lines in self.written.values() for line in lines) + "\n"
        self.asked += 1
        with running(self.folder / str(self.asked), history=history) as prometheus:
            if not self.up:
                prometheus.process.terminate()
                prometheus.process.wait()
            api = PrometheusApi(prometheus.url, timeout_seconds=5)
            try:
                return await PrometheusBins(api, self.clock).window(key, revision, since)
            finally:
                await api.close()


@pytest.fixture
async def world(tmp_path: Path) -> PastWorld:
    made = PastWorld(tmp_path)
    await made.begin()
    return made


async def test_restarts_and_ends_between_scrapes_count_what_was_scraped(start_prometheus: Start) -> None:
    """While it scrapes, Prometheus marks what is gone at once: three lives at one address, the last of another pod."""
    exporters = [Predictor(), Predictor()]
    targets = [Target(f"127.0.0.1:{await one.listen()}") for one in exporters]
    prometheus: Prometheus = await asyncio.to_thread(lambda: start_prometheus(*targets, interval="300ms"))
    api, since = PrometheusApi(prometheus.url), datetime.now(UTC)
    for rows, pod in ((5, "first"), (2, "first"), (4, "second")):
        exporters[0].restart()
        exporters[0].pod = pod
        exporters[0].count({"temp": {"0": rows}})
        await scraped(exporters[0])
    exporters[1].count(TEN)
    await scraped(exporters[1])
    exporters[1].close()
    gone = f'up{{instance="{targets[1].address}"}} == 0'
    await asyncio.to_thread(prometheus.wait_for, gone)
    found = await PrometheusBins(api, SystemClock()).window(KEY, REVISION, since)
    await api.close()
    assert hit(found) == {**TEN, "temp": {"0": 5 + 2 + 4 + 7, "1": 3}}
    exporters[0].close()


async def scraped(exporter: BinExporter) -> None:
    """A scrape that began before may be under way."""
    before = exporter.scrapes
    await eventually(lambda: exporter.scrapes >= before + 2, "two more scrapes")
