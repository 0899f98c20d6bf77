"""Comparisons and quality: sums that are right, rounding that keeps the mean, answers that do not depend on the past."""

import math
import random
from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serinus.collector.answering import Answering
from serinus.collector.cohorts import Answers, Cohorts, Pairs
from serinus.collector.comparisons import LiveComparisons
from serinus.collector.losses import LossUndefined, on_grid, row_losses
from serinus.collector.sampling import below, draw_of, uniform
from serinus.collector.store import Store
from serinus.collector.values import micros
from serinus.core.quality import GRID, CompareQuestion, Comparison
from tests.collector.conftest import MakeStore
from tests.collector.support import DEPLOYMENT, NOON, FakeClock, comparing, event, labels, predictions, watching

UNKNOWN = comparing().candidate.model_copy(update={"address": ""})


def compare(store: Store, question: CompareQuestion | None = None, problem: str = "") -> Comparison:
    live = LiveComparisons(60, lambda: 0)
    question = question or comparing()
    live.asked(DEPLOYMENT, question)
    live.report(DEPLOYMENT, problem)
    return Answering(store, live).compare(DEPLOYMENT, question)


@given(difference=st.floats(-1, 1), bound=st.floats(0.01, 100))
def test_a_difference_rounded_at_random_keeps_its_mean(difference: float, bound: float) -> None:
    chances = (np.arange(4096) + 0.5) / 4096
    points = on_grid(np.full(4096, difference * bound), bound, chances)
    assert set(np.unique(points)) <= {math.floor(difference * GRID), math.ceil(difference * GRID)}
    assert points.mean() / GRID == pytest.approx(difference, abs=1 / 4096)


def test_draws_are_even_and_sampling_does_not_choose_how_rows_are_rounded() -> None:
    draws = np.array([draw_of(DEPLOYMENT, f"r{i}") for i in range(20_000)])
    for rate in (0.01, 0.1, 0.5, 1.0):
        sampled = draws[draws < below(rate)]
        assert len(sampled) / len(draws) == pytest.approx(rate, abs=0.02)
        assert uniform(sampled).mean() == pytest.approx(0.5, abs=4 * 0.29 / math.sqrt(len(sampled)))
        counts, _ = np.histogram(uniform(sampled), 10, (0, 1))
        assert counts.min() > 0.5 * len(sampled) / 10


def test_losses_are_those_of_the_books_and_are_cut_at_the_bound() -> None:
    answers, right = np.array([0.25, 0.0, 1.0, 0.5]), np.array([1.0, 1.0, 1.0, np.nan])
    assert row_losses("brier", 1, answers, right)[:3].tolist() == [0.5625, 1, 0]
    logarithms = row_losses("logLoss", 5, answers, right)
    assert logarithms[:3] == pytest.approx([-math.log(0.25), 5, 0], abs=1e-12)
    assert row_losses("logLoss", 99, answers, right)[1] == pytest.approx(-math.log(1e-15))
    assert row_losses("absoluteError", 9, answers * 8, right)[:3].tolist() == [1, 1, 7]
    assert row_losses("squaredError", 9, answers * 8, right)[:3].tolist() == [1, 1, 9]
    assert np.isnan(row_losses("brier", 1, answers, right)[3])
    with pytest.raises(LossUndefined, match="needs labels of 0 or 1"):
        row_losses("brier", 1, answers, right + 1)


def test_a_loss_that_the_labels_have_no_meaning_for_is_told(make_store: MakeStore) -> None:
    store = make_store(losses={"*": ["absoluteError"]})
    store.write([predictions(event("a", 3)), labels({"a": 7})])
    with pytest.raises(LossUndefined, match="ask for absoluteError"):
        Answering(store, LiveComparisons(60, lambda: 0)).watch(DEPLOYMENT, watching())


Row = tuple[int, float, float, float | None]  # minute, candidate, stable, label
ROWS = st.lists(
    st.tuples(st.integers(0, 400), st.floats(0, 1), st.floats(0, 1), st.sampled_from([None, 0.0, 1.0])), max_size=60
)


def pairs_of(rows: Sequence[Row]) -> Pairs:
    times = np.array([micros(NOON) + minute * 60_000_000 for minute, *_ in rows], np.int64)
    draws = np.array([draw_of("x/y", str(i)) for i in range(len(rows))], np.int64)
    columns = [np.array(column, np.float64) for column in zip(*(row[1:] for row in rows), strict=True)] or [
        np.empty(0)
    ] * 3
    return Pairs(Answers(times, draws, columns[0], columns[2]), columns[1])


@given(rows=ROWS, length=st.sampled_from([60.0, 3600.0, 5000.5]))
def test_cohorts_hold_every_row_once_and_sum_up_its_losses(rows: list[Row], length: float) -> None:
    found = Cohorts(comparing(cohort_seconds=length)).paired(pairs_of(rows))
    expected: dict[int, list[Row]] = {}
    for row in rows:
        expected.setdefault(int(row[0] * 60 // length), []).append(row)
    assert list(found) == sorted(expected)
    for k, cohort in found.items():
        labelled = [row for row in expected[k] if row[3] is not None]
        assert (cohort.rows, cohort.labelled) == (len(expected[k]), len(labelled))
        assert cohort.start == NOON + k * timedelta(seconds=length)
        assert cohort.candidate_loss == pytest.approx(
            sum((row[1] - row[3]) ** 2 for row in labelled if row[3] is not None)
        )
        assert cohort.stable_loss == pytest.approx(
            sum((row[2] - row[3]) ** 2 for row in labelled if row[3] is not None)
        )
        total = sum(point * count for point, count in cohort.differences.items()) / GRID
        assert total == pytest.approx(cohort.candidate_loss - cohort.stable_loss, abs=len(labelled) / GRID + 1e-9)
        assert sum(cohort.differences.values()) == len(labelled)


@given(mine=ROWS, theirs=ROWS)
def test_without_pairs_as_many_rows_of_each_are_compared(mine: list[Row], theirs: list[Row]) -> None:
    cohorts = Cohorts(comparing(cohort_seconds=3600))
    candidate, stable = pairs_of(mine).candidate, pairs_of(theirs).candidate
    found = cohorts.unpaired(candidate, stable)
    hours = [{hour: [row for row in rows if row[0] // 60 == hour] for hour in range(7)} for rows in (mine, theirs)]
    for hour in range(7):
        rows = min(len(hours[0][hour]), len(hours[1][hour]))
        assert (found[hour].rows if hour in found else 0) == rows
    without = Answers(candidate.times, candidate.draws, candidate.predictions, candidate.labels * np.nan)
    unlabelled = cohorts.unpaired(without, stable)
    assert {k: one.rows for k, one in unlabelled.items()} == {k: one.rows for k, one in found.items()}
    assert all(one.labelled == 0 and not one.differences for one in unlabelled.values())


def test_a_revision_with_few_labels_shows_in_the_share_although_the_other_has_many(store: Store) -> None:
    names = [f"s{i}" for i in range(900)], [f"c{i}" for i in range(100)]
    store.write([predictions(*map(event, names[0])), predictions(*map(event, names[1]), revision="bbbb")])
    store.write([labels(dict.fromkeys(names[0][:200], 0) | dict.fromkeys(names[1][:90], 1))])
    answer = compare(store, problem="nobody can be asked")
    assert not answer.paired
    assert answer.problem == "nobody can be asked"
    [cohort] = answer.cohorts
    assert cohort.rows == 100
    assert 8 <= cohort.labelled <= 40  # about 22 of the 100 rows of stable that were drawn have theirs


def test_rows_are_paired_unless_something_stands_in_the_way(store: Store) -> None:
    store.write([predictions(event("a")), predictions(event("b"), revision="bbbb")])
    assert compare(store).paired
    assert compare(store).cohorts == ()
    unknown = compare(store, comparing(candidate=UNKNOWN))
    assert not unknown.paired
    assert "nobody has told where both revisions answer" in unknown.problem
    assert [one.rows for one in unknown.cohorts] == [1]
    store.write([predictions(event("a", copy=True), revision="bbbb")])
    assert compare(store, comparing(candidate=UNKNOWN)).paired  # a gateway has copied the request


def test_a_few_rows_that_both_answered_by_chance_are_no_paired_comparison(store: Store) -> None:
    own = [event(f"c{index}") for index in range(9)]
    store.write([predictions(event("again")), predictions(event("again"), *own, revision="bbbb")])
    answer = compare(store, problem="nobody can be asked")
    assert (answer.paired, answer.problem) == (False, "nobody can be asked")
    store.write([predictions(*own[:4], revision="aaaa")])
    answer = compare(store, problem="nobody can be asked")
    assert (answer.paired, answer.problem) == (True, "nobody can be asked")


def test_revisions_that_nobody_has_heard_of_have_no_cohorts(store: Store) -> None:
    assert compare(store).cohorts == ()
    assert Answering(store, LiveComparisons(60, lambda: 0)).watch(DEPLOYMENT, watching()).newest_label is None


def test_rows_before_the_question_are_left_out(store: Store, clock: FakeClock) -> None:
    store.write([predictions(event("a"), event("b", at=NOON + timedelta(minutes=1))), labels({"a": 1, "b": 1})])
    watched = Answering(store, LiveComparisons(60, lambda: 0)).watch(
        DEPLOYMENT, watching(since=NOON + timedelta(seconds=1))
    )
    assert [one.rows for one in watched.cohorts] == [1]
    assert watched.newest_label == clock.time
    assert watched.at == clock.time


@pytest.mark.parametrize("seed", range(3))
def test_an_answer_does_not_depend_on_what_was_asked_before(store: Store, clock: FakeClock, seed: int) -> None:
    chance, live = random.Random(seed), LiveComparisons(60, lambda: 0)
    answering, names = Answering(store, live), [f"r{i}" for i in range(300)]
    chance.shuffle(names)
    for start in range(0, 300, 20):
        clock.time += timedelta(minutes=7)
        some = names[start : start + 20]
        at = [clock.time - timedelta(minutes=chance.randrange(60)) for _ in some]
        events = [event(name, chance.random(), at=when) for name, when in zip(some, at, strict=True)]
        store.write([predictions(*events), predictions(*events[:15], revision="bbbb")])
        store.write([labels({name: chance.randrange(2) for name in chance.sample(names, 40)})])
        question = comparing(cohort_seconds=900.5)
        now, fresh = answering.compare(DEPLOYMENT, question), Answering(store, live).compare(DEPLOYMENT, question)
        assert now == fresh
        watch = watching("aaaa", cohort_seconds=600)
        assert answering.watch(DEPLOYMENT, watch) == Answering(store, live).watch(DEPLOYMENT, watch)
    assert sum(one.labelled for one in now.cohorts) > 100


@settings(deadline=None)
@given(rates=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_a_larger_rate_samples_the_same_rows_and_more(rates: tuple[float, float]) -> None:
    low, high = sorted(rates)
    draws = [draw_of("x/y", str(i)) for i in range(50)]
    assert {one for one in draws if one < below(low)} <= {one for one in draws if one < below(high)}


def test_a_comparison_is_live_as_long_as_it_is_asked_for() -> None:
    seconds = [0.0]
    live = LiveComparisons(60, lambda: seconds[0])
    live.asked(DEPLOYMENT, comparing())
    live.report(DEPLOYMENT, "the candidate does not answer")
    seconds[0] = 50
    live.asked(DEPLOYMENT, comparing(bound=2))
    assert live.problem(DEPLOYMENT) == "the candidate does not answer"
    live.asked(DEPLOYMENT, comparing(candidate=comparing().candidate.model_copy(update={"revision": "cccc"})))
    assert live.problem(DEPLOYMENT) == ""
    seconds[0] = 111
    assert live.live() == {}
    live.report(DEPLOYMENT, "too late")
    assert live.problem(DEPLOYMENT) == ""


def test_a_comparison_that_is_asked_for_seldom_stays_live_between_two_looks() -> None:
    seconds = [0.0]
    live = LiveComparisons(60, lambda: seconds[0])
    live.asked(DEPLOYMENT, comparing())
    live.report(DEPLOYMENT, "the candidate does not answer")
    seconds[0] = 600
    assert live.live() == {}
    assert live.problem(DEPLOYMENT) == "the candidate does not answer"
    live.asked(DEPLOYMENT, comparing())
    seconds[0] = 2400
    assert list(live.live()) == [DEPLOYMENT]
    seconds[0] = 2401
    assert live.live() == {}


def test_the_largest_sample_that_a_signal_asks_for_counts_as_long_as_it_asks() -> None:
    seconds = [0.0]
    live = LiveComparisons(60, lambda: seconds[0])
    live.asked(DEPLOYMENT, comparing(sample_rate=0.5))
    live.asked(DEPLOYMENT, comparing(sample_rate=0.1, loss="logLoss"))
    assert live.live()[DEPLOYMENT].sample_rate == 0.5
    seconds[0] = 50
    live.asked(DEPLOYMENT, comparing(sample_rate=0.1, loss="logLoss"))
    seconds[0] = 100
    assert live.live()[DEPLOYMENT].sample_rate == 0.1


def test_many_days_are_read_in_pieces_and_none_is_left_out(make_store: MakeStore, clock: FakeClock) -> None:
    store = make_store(label_limit="2400h")
    clock.time = NOON + timedelta(days=80)
    days = [event(f"r{day}", at=NOON + timedelta(days=day)) for day in range(0, 80, 7)]
    store.write([predictions(*days), labels({one["requestId"]: 1 for one in days})])
    for since in (NOON, NOON - timedelta(days=20_000)):
        for seconds in (60.0, 86_400.0, 86_400.0 * 365):
            question = watching(since=since, cohort_seconds=seconds)
            watched = Answering(store, LiveComparisons(60, lambda: 0)).watch(DEPLOYMENT, question)
            assert sum(one.labelled for one in watched.cohorts) == len(days)
            assert watched.newest_label == clock.time
