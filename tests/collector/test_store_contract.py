"""What the store promises, on SQLite and on PostgreSQL."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from serinus.collector.answering import Answering
from serinus.collector.comparisons import LiveComparisons
from serinus.collector.database import Database, DatabaseUnusable
from serinus.collector.outcomes import LabelOutcome, PredictionOutcome, Written
from serinus.collector.store import Store
from serinus.core.quality import Watched
from tests.collector.conftest import MakeStore
from tests.collector.support import DEPLOYMENT, NOON, FakeClock, comparing, event, labels, predictions, watching


def write(store: Store, *batches: Any) -> Written:
    """What became of all of them, each in a transaction of its own."""
    total = Written()
    for batch in batches:
        total.add(store.write([batch])[0])
    return total


def watch(store: Store, **fields: Any) -> Watched:
    return Answering(store, LiveComparisons(60, lambda: 0)).watch(DEPLOYMENT, watching(**fields))


def counts(written: Written) -> Counter[str]:
    return Counter({outcome.value: number for outcome, number in written.counts.items() if number})


def test_a_label_joins_its_prediction(store: Store) -> None:
    done = write(store, predictions(event("a", 0.25)), labels({"a": 1}))
    assert counts(done) == {"stored": 1, "joined": 1}
    [cohort] = watch(store).cohorts
    assert (cohort.rows, cohort.labelled, cohort.loss) == (1, 1, 0.75**2)
    assert (cohort.start, cohort.end) == (NOON, NOON + timedelta(hours=1))


def test_the_same_prediction_again_changes_nothing(store: Store) -> None:
    done = write(store, predictions(event("a", 0.25), event("a", 0.9)), predictions(event("a", 0.5)), labels({"a": 1}))
    assert done.counts[PredictionOutcome.DUPLICATE] == 2
    assert watch(store).cohorts[0].loss == 0.75**2


def test_the_same_label_again_changes_nothing(store: Store) -> None:
    done = write(store, predictions(event("a")), labels({"a": 1}), labels({"a": True}), labels({"a": 1.0}))
    assert (done.counts[LabelOutcome.JOINED], done.counts[LabelOutcome.DUPLICATE]) == (1, 2)
    assert watch(store).cohorts[0].labelled == 1


def test_of_contradictory_labels_the_first_stands_and_it_is_told(store: Store) -> None:
    done = write(store, predictions(event("a", 0.25)), labels({"a": 1}), labels({"a": 0}))
    assert done.counts[LabelOutcome.CONTRADICTORY] == 1
    [problem] = done.problems
    assert problem.request_id == "a"
    assert (
        problem.sentence == "the label is 1 since 2026-11-20 12:01:00 UTC, and 0 contradicts it; the first one stands"
    )
    assert watch(store).cohorts[0].loss == 0.75**2


def test_a_label_that_overtakes_its_prediction_joins_it(store: Store) -> None:
    first = write(store, labels({"a": 1, "b": 1}), labels({"a": 1}), labels({"a": 0}))
    assert counts(first) == {"unknown": 2, "duplicate": 1, "contradictory": 1}
    assert counts(write(store, predictions(event("a", 0.25), event("c")))) == {"stored": 2, "joined": 1}
    assert (watch(store).cohorts[0].rows, watch(store).cohorts[0].labelled) == (2, 1)
    assert counts(write(store, labels({"a": 1}))) == {"duplicate": 1}


def test_a_label_whose_prediction_never_comes_is_dropped_and_counted(store: Store, clock: FakeClock) -> None:
    write(store, labels({"a": 1}))
    assert not store.expire(0)
    clock.time += timedelta(days=2)
    gone = store.expire(int((clock.time - timedelta(days=1)).timestamp() * 1e6))
    assert gone == {(DEPLOYMENT, LabelOutcome.EXPIRED): 1}
    done = write(store, predictions(event("a")))
    assert done.counts[LabelOutcome.JOINED] == 0


def test_a_label_forty_days_late_is_in_no_cohort(store: Store, clock: FakeClock) -> None:
    write(store, predictions(event("a"), event("b")), labels({"b": 0}))
    clock.time += timedelta(days=40)
    assert counts(write(store, labels({"a": 1}))) == {"late": 1}
    [cohort] = watch(store).cohorts
    assert (cohort.rows, cohort.labelled) == (2, 1)
    assert counts(write(store, labels({"a": 0}))) == {"contradictory": 1}


@pytest.mark.parametrize("label", [7, -1, 0.5, "late", 1e300])
def test_a_label_out_of_range_costs_only_itself(store: Store, label: object) -> None:
    done = write(store, predictions(event("a"), event("b")), labels({"a": label, "b": 1}))
    assert counts(done) == {"stored": 2, "invalid": 1, "joined": 1}
    assert done.problems[0].request_id == "a"
    assert DEPLOYMENT in done.problems[0].sentence


def test_a_regression_takes_any_finite_label(make_store: MakeStore) -> None:
    store = make_store(losses={"ml/flights": ["absoluteError", "squaredError"]})
    write(store, predictions(event("a", 10.0)), labels({"a": 7}))
    assert watch(store, loss="absoluteError", bound=100).cohorts[0].loss == 3
    assert watch(store, loss="squaredError", bound=100).cohorts[0].loss == 9
    assert watch(store, loss="squaredError", bound=2).cohorts[0].loss == 2


def test_classes_by_name_are_zero_and_one(make_store: MakeStore) -> None:
    store = make_store(classes={"ml/flights": ["on time", "late"]})
    done = write(
        store,
        predictions(event("a", "late"), event("b", "on time"), event("c", "lost")),
        labels({"a": "late", "b": "late", "c": "cancelled"}),
    )
    assert counts(done) == {"stored": 3, "joined": 2, "invalid": 1}
    assert "none of the classes of ml/flights, on time and late" in done.problems[0].sentence
    [cohort] = watch(store).cohorts  # an answer without a number cannot be compared
    assert (cohort.rows, cohort.labelled, cohort.loss) == (2, 2, 1)


def test_every_revision_that_answered_gets_the_label(store: Store) -> None:
    write(
        store,
        predictions(event("a", 0.5), event("b", 0.5)),
        predictions(event("a", 1.0, copy=True), revision="bbbb"),
        labels({"a": 1, "b": 1}),
    )
    answer = Answering(store, LiveComparisons(60, lambda: 0)).compare(DEPLOYMENT, comparing())
    [cohort] = answer.cohorts
    assert answer.paired
    assert (cohort.rows, cohort.labelled, cohort.candidate_loss, cohort.stable_loss) == (1, 1, 0.0, 0.25)
    assert cohort.differences == {-16: 1}  # -0.25 of 64
    assert [one.rows for one in watch(store, revision="bbbb").cohorts] == []  # no client was answered by it


def test_what_was_stored_is_there_after_a_restart(make_store: MakeStore) -> None:
    write(make_store(), predictions(event("a")), labels({"a": 1, "z": 0}))
    again = make_store()
    assert watch(again).cohorts[0].labelled == 1
    assert counts(write(again, predictions(event("a"), event("z")))) == {"duplicate": 1, "stored": 1, "joined": 1}


def test_a_batch_that_cannot_be_written_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("serinus.collector.memory.Memory.mark_files", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            store.write([predictions(event("a"))])
    assert watch(store).cohorts == ()
    assert counts(write(store, predictions(event("a")))) == {"stored": 1}


@pytest.mark.parametrize("name", ["a\tb", "a\nb", "a\\b", "\\N", "\\.", "ß'\"", "a\r\n"])
def test_a_text_is_kept_as_it_was(store: Store, name: str) -> None:
    fields = {"features": {name: name}, "prediction": name}
    write(store, predictions(event(name, **fields), event("other")))
    assert counts(write(store, labels({name: 1, "other": 0}), predictions(event(name)))) == {
        "joined": 2,
        "duplicate": 1,
    }
    since = NOON - timedelta(hours=1)
    found = store.unanswered(DEPLOYMENT, "bbbb", answered_by="aaaa", since=since, rate=1.0)
    assert [(one.request_id, one.features) for one in found] == [(name, {name: name}), ("other", {})]


def test_a_second_collector_is_refused(store: Store, url: str) -> None:
    with pytest.raises(DatabaseUnusable, match="another collector works on database"):
        Database(url).open()


def test_rows_that_a_revision_has_not_answered_are_found_once(store: Store) -> None:
    write(store, predictions(*(event(f"r{i}", features={"x": i}) for i in range(20))))
    write(store, predictions(event("r3", copy=True), revision="bbbb"))
    ask = {"answered_by": "aaaa", "since": NOON, "rate": 1.0}
    found = store.unanswered(DEPLOYMENT, "bbbb", **ask, limit=10)
    assert [row.request_id for row in found] == [f"r{i}" for i in range(11) if i != 3]
    assert found[0].features == {"x": 0}
    assert (found[0].is_whole, found[0].time) == (True, NOON)
    rest = store.unanswered(DEPLOYMENT, "bbbb", **ask, after=found[-1].id)
    assert [row.request_id for row in rest] == [f"r{i}" for i in range(11, 20)]
    assert store.unanswered(DEPLOYMENT, "bbbb", **ask | {"answered_by": "cccc"}) == []
    assert store.unanswered("ml/other", "bbbb", **ask) == []


def test_a_sample_is_the_same_for_both_revisions(store: Store) -> None:
    write(store, predictions(*(event(f"r{i}") for i in range(400))))
    some = store.unanswered(DEPLOYMENT, "bbbb", answered_by="aaaa", since=NOON, rate=0.25)
    more = store.unanswered(DEPLOYMENT, "bbbb", answered_by="aaaa", since=NOON, rate=0.5)
    assert 60 < len(some) < 140
    assert {row.id for row in some} < {row.id for row in more}


def test_sampling_keeps_a_share_and_says_so_of_the_labels(make_store: MakeStore) -> None:
    store = make_store(sample_rate=0.3)
    done = write(store, predictions(*(event(f"r{i}") for i in range(300))), labels({f"r{i}": 1 for i in range(300)}))
    kept = done.counts[PredictionOutcome.STORED]
    assert 60 < kept < 120
    assert done.counts[LabelOutcome.JOINED] == kept
    assert done.counts[LabelOutcome.NOT_SAMPLED] == 300 - kept


def test_times_that_are_not_kept_are_refused_one_by_one(store: Store) -> None:
    done = write(
        store,
        predictions(
            event("old", at=NOON - timedelta(days=120)), event("ahead", at=NOON + timedelta(days=1)), event("a")
        ),
    )
    assert counts(done) == {"invalid": 2, "stored": 1}
    assert ["older than what is kept" in done.problems[0].sentence, "in the future" in done.problems[1].sentence] == [
        True,
        True,
    ]
