"""Cumulative counts folded into stretches of time: nothing twice, nothing lost that was seen, and little remembered."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serinus.adapters.bin_ledger import MOST_BUCKETS, Ledger, fold, new_ledger, rows_since
from serinus.adapters.bin_page import FEATURES, Column, Reading, reading_of
from serinus.adapters.scraping import Page
from serinus.core.errors import MetricsUnavailable
from tests.fakes.clock import START

WARM, COLD = Column(FEATURES, "temp", "1"), Column(FEATURES, "temp", "0")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LOOK = DAY / 48


def reading(warm: float, cold: float = 0.0, instance: str = "pod", started: datetime = START) -> Reading:
    return Reading(instance, started, {WARM: warm, COLD: cold}, {})


def total(ledger: Ledger, since: datetime = START) -> float:
    _, rows = rows_since(ledger, since)
    return sum(rows.values())


def written_and_read(ledger: Ledger) -> Ledger:
    return Ledger.model_validate_json(ledger.model_dump_json(by_alias=True))


@dataclass
class Pods:
    """Counting processes. `unseen`: rows since the last look, which die with their process."""

    started: dict[int, datetime] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)
    unseen: dict[int, int] = field(default_factory=dict)
    seen: int = 0

    def count(self, pod: int, rows: int, at: datetime) -> None:
        if pod not in self.started:
            self.restart(pod, rows, at)
        self.counts[pod] += rows
        self.unseen[pod] += rows

    def restart(self, pod: int, _: int, at: datetime) -> None:
        self.started[pod], self.counts[pod], self.unseen[pod] = at, 0, 0

    def vanish(self, pod: int, _: int, __: datetime) -> None:
        for values in (self.started, self.counts, self.unseen):
            values.pop(pod, None)

    def look(self) -> list[Reading]:
        self.seen += sum(self.unseen.values())
        self.unseen = dict.fromkeys(self.unseen, 0)
        return [reading(rows, instance=f"pod-{pod}", started=self.started[pod]) for pod, rows in self.counts.items()]


EVENT = st.tuples(
    st.sampled_from(["count", "count", "look", "restart", "vanish", "save"]), st.integers(0, 2), st.integers(1, 9)
)


@settings(max_examples=200)
@given(st.lists(EVENT, max_size=80), st.sampled_from([timedelta(seconds=2), timedelta(seconds=15), HOUR]))
def test_every_row_that_was_seen_counts_once_however_instances_come_and_go(
    events: list[tuple[str, int, int]], step: timedelta
) -> None:
    pods, ledger, at = Pods(), new_ledger(START), START
    for what, pod, rows in [*events, ("look", 0, 0)]:
        at += step
        if what == "look":
            ledger = fold(ledger, pods.look(), START, at)
        elif what == "save":
            ledger = written_and_read(ledger)
        else:
            getattr(pods, what)(pod, rows, at)
    assert total(ledger) == pytest.approx(pods.seen)
    assert len(ledger.buckets) <= MOST_BUCKETS
    assert all(one.end == two.start for one, two in zip(ledger.buckets, ledger.buckets[1:], strict=False))


def test_a_counter_that_fell_was_reset_and_counts_whole() -> None:
    ledger = fold(new_ledger(START), [reading(100)], START, START + HOUR)
    ledger = fold(ledger, [reading(7)], START, START + 2 * HOUR)
    assert total(ledger) == pytest.approx(107)


def test_an_instance_that_is_older_than_the_window_begins_where_it_is() -> None:
    old = START - timedelta(days=30)
    ledger = fold(new_ledger(START), [reading(1_000_000, started=old)], START, START)
    ledger = fold(ledger, [reading(1_000_003, started=old)], START, START + LOOK)
    assert total(ledger) == 3


def test_what_an_older_instance_counted_is_not_known_so_the_window_is_not_complete() -> None:
    """As the operator after its restart: it must not take a part of a day for a day."""
    old, young = reading(900, started=START - 30 * DAY), reading(30, instance="young", started=START - HOUR)
    ledger = fold(new_ledger(START - DAY), [old, young], START - DAY, START)
    assert rows_since(ledger, START - DAY)[0] == START
    assert total(ledger, START - DAY) == pytest.approx(30)
    alone = fold(new_ledger(START - DAY), [young], START - DAY, START)
    assert rows_since(alone, START - DAY)[0] == START - DAY


def test_an_older_process_at_the_same_address_is_not_counted_again() -> None:
    ledger = fold(new_ledger(START - DAY), [reading(50)], START - DAY, START + HOUR)
    other = reading(900, started=START - HOUR)
    assert total(fold(ledger, [other], START - DAY, START + 2 * HOUR), START - DAY) == 50


def test_an_answer_that_was_overtaken_by_a_later_one_adds_nothing() -> None:
    ledger = fold(new_ledger(START), [reading(10)], START, START + HOUR)
    assert total(fold(ledger, [reading(9)], START, START + HOUR - timedelta(seconds=1))) == pytest.approx(10)


def test_who_remembers_nothing_finds_the_rows_of_processes_that_are_younger_than_the_window() -> None:
    """As the operator after its restart: when they came is not known, so they are taken to have come evenly."""
    now, since = START + DAY / 2, START - DAY / 2
    ledger = fold(new_ledger(since), [reading(1200)], since, now)
    assert total(ledger, since) == pytest.approx(1200)
    later = now + DAY / 4
    ledger = fold(ledger, [reading(1200)], later - DAY, later)
    assert total(ledger, later - DAY) == pytest.approx(1200), "they began within the window still"
    much_later = now + 3 * DAY / 4
    ledger = fold(ledger, [reading(1200)], much_later - DAY, much_later)
    assert total(ledger, much_later - DAY) == pytest.approx(600, rel=0.1), "half of them are older than the window now"


def test_a_day_of_looks_keeps_a_bucket_for_each_and_a_moving_window() -> None:
    ledger, at, rows = new_ledger(START), START, 0.0
    for _ in range(200):
        at += LOOK
        rows += 10
        ledger = fold(ledger, [reading(rows)], max(START, at - DAY), at)
    assert len(ledger.buckets) <= 50
    assert total(ledger, at - DAY) == 480


def test_a_rollout_that_begins_within_a_bucket_counts_from_its_first_look_on() -> None:
    ledger = fold(new_ledger(START), [reading(0)], START, START + LOOK)
    began = START + 1.5 * LOOK
    ledger = fold(ledger, [reading(100)], began, began + timedelta(seconds=1))
    for second in range(2, 300):
        ledger = fold(ledger, [reading(100 + second)], began, began + timedelta(seconds=15 * second))
    ledger = fold(ledger, [reading(500)], START - DAY, began + timedelta(seconds=15 * 300))
    assert total(ledger, began) == 400


def test_many_rollouts_within_a_window_keep_few_buckets() -> None:
    ledger, at = new_ledger(START), START
    for number in range(300):
        at += timedelta(minutes=7)
        ledger = fold(ledger, [reading(number)], at - timedelta(minutes=1), at)
        ledger = fold(ledger, [reading(number)], at - DAY, at + timedelta(seconds=1))
    assert len(ledger.buckets) <= MOST_BUCKETS


def test_instances_that_are_long_gone_are_forgotten_and_not_counted_again() -> None:
    ledger, at = new_ledger(START), START
    for number in range(300):
        at += timedelta(minutes=1)
        ledger = fold(ledger, [reading(5, instance=f"pod-{number}", started=at)], at - HOUR, at)
    assert len(ledger.instances) <= 62
    before = total(ledger, at - HOUR)
    again = fold(ledger, [reading(5, instance="pod-3", started=START + timedelta(minutes=4))], at - HOUR, at + LOOK)
    assert total(again, at - HOUR) == before


def test_a_clock_that_was_put_back_begins_anew_without_counting_twice() -> None:
    ledger = fold(new_ledger(START), [reading(10)], START, START + DAY)
    ledger = fold(ledger, [reading(13)], START - 3 * DAY, START - 2 * DAY)
    assert total(ledger, START - 4 * DAY) == 3
    ledger = fold(ledger, [reading(15)], START - 3 * DAY, START - 2 * DAY + LOOK)
    assert total(ledger, START - 4 * DAY) == 5


def test_a_day_of_many_inputs_is_small() -> None:
    columns = {Column(FEATURES, f"input {index // 12}", str(index % 12)): float(index) for index in range(600)}
    ledger, at = new_ledger(START), START
    for look in range(48):
        at += LOOK
        counts = {column: start + 1e6 * look for column, start in columns.items()}
        ledger = fold(ledger, [Reading("pod", START, counts, counts)], START, at)
    assert len(ledger.model_dump_json()) < 500_000


def test_a_page_without_bins_says_what_to_do() -> None:
    with pytest.raises(MetricsUnavailable, match=r"pod-1 does not count rows by bin .*runtime: serinus"):
        reading_of(Page("pod-1", START, "\nserinus_requests_total 3\n"))
