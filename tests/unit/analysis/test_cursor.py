"""Counters are folded once each, whatever happens to the processes that count."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serinus.core.analysis.counts import Counts, is_failure
from serinus.core.analysis.cursor import FORGET_AFTER, Cursor, Increment, fold
from serinus.core.observation import CounterSample, InstanceUp, MetricsSnapshot
from tests.unit.analysis.world import CANDIDATE, LONG_AGO, STABLE, START, Gateway, snapshot

EMPTY = Cursor(candidate=CANDIDATE, stable=STABLE, since=START, thresholds_seconds=(0.1,))


def folded(cursor: Cursor, *snapshots: MetricsSnapshot) -> tuple[Cursor, Increment]:
    total = Increment(slow=tuple(Increment().requests for _ in cursor.thresholds_seconds))
    for seen in snapshots:
        cursor, increment = fold(cursor, seen)
        total += increment if increment.slow else Increment(slow=(Increment().requests,))
    return cursor, total


@pytest.mark.parametrize("code", [0, 400, 404, 422, 499, 500, 502, 503, 504, 599])
def test_these_codes_count_against_a_revision(code: int) -> None:
    assert is_failure(code)


@pytest.mark.parametrize("code", [101, 200, 204, 301, 399, 401, 403, 429])
def test_these_codes_do_not_count_against_a_revision(code: int) -> None:
    assert not is_failure(code)


def test_what_an_old_gateway_had_counted_before_the_rollout_does_not_count() -> None:
    gateway = Gateway()
    gateway.serve(STABLE, 5000, 50)
    _, increment = folded(EMPTY, snapshot(0, gateway))
    assert increment.requests.stable == Counts()


def test_a_revision_that_appears_on_a_known_gateway_counts_from_zero() -> None:
    gateway = Gateway()
    cursor, _ = folded(EMPTY, snapshot(0, gateway))
    gateway.serve(CANDIDATE, 7, 3, slow=2)
    _, increment = folded(cursor, snapshot(60, gateway))
    assert increment.requests.candidate == Counts(bad=3, total=10)
    assert increment.slow[0].candidate == Counts(bad=2, total=10)


def test_a_gateway_that_was_started_after_the_rollout_began_counts_from_zero() -> None:
    gateway = Gateway("second", started_at=START + timedelta(seconds=5))
    gateway.serve(CANDIDATE, 4, 1)
    _, increment = folded(EMPTY, snapshot(60, gateway))
    assert increment.requests.candidate == Counts(bad=1, total=5)


def test_a_restarted_gateway_counts_in_full_even_when_it_has_overtaken_itself() -> None:
    gateway = Gateway()
    gateway.serve(STABLE, 10)
    cursor, _ = folded(EMPTY, snapshot(0, gateway))
    gateway.restart(START + timedelta(seconds=30))
    gateway.serve(STABLE, 25, 5)
    _, increment = folded(cursor, snapshot(60, gateway))
    assert increment.requests.stable == Counts(bad=5, total=30)


def test_another_gateway_that_answers_at_the_same_address_is_no_restart() -> None:
    older, newer = Gateway("one"), Gateway("one", started_at=START - timedelta(hours=1))
    for gateway in (older, newer):
        gateway.serve(STABLE, 5000, 400)
    cursor, _ = folded(EMPTY, snapshot(0, older))
    cursor, increment = folded(cursor, snapshot(60, newer))
    assert increment.requests.stable == Counts()
    newer.serve(STABLE, 9, 1)
    _, increment = folded(cursor, snapshot(120, newer))
    assert increment.requests.stable == Counts(bad=1, total=10), "what it counts from then on"


def test_a_restart_on_a_node_whose_clock_is_behind_counts_in_full() -> None:
    gateway = Gateway()
    cursor, _ = folded(EMPTY, snapshot(0, gateway), snapshot(60, gateway))
    gateway.restart(START + timedelta(seconds=55))
    gateway.serve(CANDIDATE, 5, 20)
    _, increment = folded(cursor, snapshot(65, gateway))
    assert increment.requests.candidate == Counts(bad=20, total=25)


def test_a_counter_that_fell_was_reset() -> None:
    before = CounterSample(STABLE, "pod", LONG_AGO, {200: 90, 500: 10}, {0.1: 100, float("inf"): 100})
    after = CounterSample(STABLE, "pod", LONG_AGO, {200: 20, 500: 2}, {0.1: 21, float("inf"): 22})
    cursor, _ = folded(EMPTY, MetricsSnapshot(START, samples=(before,)))
    _, increment = folded(cursor, MetricsSnapshot(START + timedelta(seconds=60), samples=(after,)))
    assert increment.requests.stable == Counts(bad=2, total=22)
    assert increment.slow[0].stable == Counts(bad=1, total=22)


def test_other_revisions_do_not_count_and_are_not_kept() -> None:
    gateway = Gateway()
    cursor, _ = folded(EMPTY, snapshot(0, gateway))
    gateway.serve("warm-9", 1000, 1000)
    cursor, increment = folded(cursor, snapshot(60, gateway))
    assert increment.requests == Increment().requests
    assert "warm-9" not in cursor.model_dump_json()


def test_an_instance_that_could_not_be_read_for_a_while_counts_once_when_it_is_back() -> None:
    gateway, other = Gateway("a", started_at=START + timedelta(seconds=1)), Gateway("b")
    gateway.serve(CANDIDATE, 10)
    cursor, first = folded(EMPTY, snapshot(60, gateway, other), snapshot(120, other))
    gateway.serve(CANDIDATE, 5)
    _, then = folded(cursor, snapshot(180, gateway, other))
    assert (first.requests.candidate.total, then.requests.candidate.total) == (10, 5)


def test_an_instance_that_was_forgotten_never_counts_twice() -> None:
    gateway, other = Gateway("a", started_at=START + timedelta(seconds=1)), Gateway("b")
    gateway.serve(CANDIDATE, 10)
    later = 120 + FORGET_AFTER.total_seconds()
    cursor, _ = folded(EMPTY, snapshot(60, gateway, other), snapshot(later, other))
    assert [known.instance for known in cursor.instances] == ["b"]
    _, back = folded(cursor, snapshot(later + 60, gateway, other))
    assert back.requests.candidate.total == 0


def test_the_cursor_does_not_grow_with_every_pod_there_ever_was() -> None:
    cursor = EMPTY
    for minute in range(500):
        pod = Gateway(f"pod-{minute}", started_at=START + timedelta(minutes=minute, seconds=1))
        pod.serve(CANDIDATE, 1)
        cursor, increment = fold(cursor, snapshot(60 * minute + 30, pod))
        assert increment.requests.candidate.total == 1
    assert len(cursor.instances) <= FORGET_AFTER / timedelta(minutes=1) + 1


def test_without_the_edge_latency_is_unknown_and_requests_still_count() -> None:
    gateway = Gateway(edges=(0.05, 0.25))
    cursor, _ = folded(EMPTY, snapshot(0, gateway))
    gateway.serve(CANDIDATE, 9, 1)
    _, increment = folded(cursor, snapshot(60, gateway))
    assert increment.requests.candidate == Counts(bad=1, total=10)
    assert increment.slow[0].candidate == Counts()


def test_an_edge_is_found_although_its_float_is_not_quite_the_threshold() -> None:
    gateway = Gateway(edges=(0.1 + 1e-9,))
    cursor, _ = folded(EMPTY, snapshot(0, gateway))
    gateway.serve(CANDIDATE, 10, slow=4)
    _, increment = folded(cursor, snapshot(60, gateway))
    assert increment.slow[0].candidate == Counts(bad=4, total=10)


events = st.lists(
    st.tuples(
        st.sampled_from(["serve", "serve", "serve", "restart"]),
        st.sampled_from([0, 1]),
        st.sampled_from([CANDIDATE, STABLE]),
        st.integers(0, 50),
        st.integers(0, 5),
        st.booleans(),
    ),
    max_size=30,
)


@given(events)
def test_increments_add_up_to_all_that_was_served_under_restarts_and_any_batching(
    happened: list[tuple[str, int, str, int, int, bool]],
) -> None:
    """A look happens only where the last field says so; before a restart it does, or its last counts would be lost."""
    gateways = (Gateway("a"), Gateway("b"))
    cursor, total = folded(EMPTY, snapshot(0, *gateways))
    served = {CANDIDATE: Counts(), STABLE: Counts()}
    for second, (event, which, revision, good, bad, observed) in enumerate(happened, start=1):
        if event == "serve":
            gateways[which].serve(revision, good, bad)
            served[revision] += Counts(bad=bad, total=good + bad)
        if observed or event == "restart":
            cursor, increment = fold(cursor, snapshot(second, *gateways))
            total += increment
            cursor = Cursor.model_validate_json(cursor.model_dump_json(by_alias=True))
        if event == "restart":
            gateways[which].restart(START + timedelta(seconds=second))
    _, increment = fold(cursor, snapshot(1000, *gateways))
    total += increment
    assert (total.requests.candidate, total.requests.stable) == (served[CANDIDATE], served[STABLE])


@given(events)
def test_folding_a_snapshot_again_or_an_older_one_adds_nothing(
    happened: list[tuple[str, int, str, int, int, bool]],
) -> None:
    gateway = Gateway()
    cursor, _ = fold(EMPTY, snapshot(0, gateway))
    old = snapshot(0, gateway)
    for second, (_, _, revision, good, bad, _) in enumerate(happened, start=1):
        gateway.serve(revision, good, bad)
        seen = snapshot(second, gateway)
        cursor, _ = fold(cursor, seen)
        for again in (seen, old):
            assert fold(cursor, again) == (cursor, Increment())
        old = seen


def test_an_instance_is_known_from_its_being_up_before_it_has_counted_anything() -> None:
    quiet = MetricsSnapshot(START, instances=(InstanceUp("gateway", LONG_AGO),))
    cursor, _ = fold(EMPTY, quiet)
    gateway = Gateway()
    gateway.serve(CANDIDATE, 3)
    _, increment = fold(cursor, snapshot(60, gateway))
    assert increment.requests.candidate.total == 3
