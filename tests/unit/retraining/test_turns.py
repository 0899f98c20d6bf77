"""A storm of triggers: a cap on runs at once, and who has waited longest comes first."""

from datetime import UTC, datetime, timedelta

from serinus.core.retraining.state import TrainingRun
from serinus.ports import Key
from serinus.turns import FORGOTTEN_AFTER, Turns

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def key(number: int) -> Key:
    return Key("ml", f"model-{number:03}")


def run(number: int, *, begun: bool = False) -> TrainingRun:
    asked = NOW + timedelta(seconds=(number * 37) % 100)  # not in the order of their names
    return TrainingRun(key=f"{number}", causes=(), asked_at=asked, started_at=NOW if begun else None)


def test_of_a_hundred_at_once_no_more_than_the_cap_are_under_way_and_the_oldest_come_first() -> None:
    turns, runs = Turns(at_once=4), {number: run(number) for number in range(100)}
    order, under_way, most = [], set[int](), 0
    for _ in range(100):
        for number, one in runs.items():
            turns.note(key(number), one, NOW)
        for number, one in runs.items():
            if one.started_at is None and turns.is_next(key(number), NOW):
                runs[number] = one.model_copy(update={"started_at": NOW})
                turns.note(key(number), runs[number], NOW)
                order.append(number)
                under_way.add(number)
                most = max(most, len(under_way))
        over = min(under_way)
        under_way.discard(over)
        turns.note(key(over), None, NOW)
        del runs[over]
        if not runs:
            break
    assert most == 4
    assert sorted(order) == list(range(100))
    later = [run(number).asked_at for number in order]
    assert all(later[index] <= later[index + 4] for index in range(len(later) - 4))


def test_runs_under_way_before_a_restart_count_and_nobody_gets_a_turn_before_all_were_seen() -> None:
    turns = Turns(at_once=1, settling=timedelta(seconds=60))
    turns.note(key(1), run(1), NOW)
    assert not turns.is_next(key(1), NOW + timedelta(seconds=59))
    turns.note(key(2), run(2, begun=True), NOW + timedelta(seconds=5))
    assert not turns.is_next(key(1), NOW + timedelta(seconds=61))
    turns.note(key(2), None, NOW + timedelta(seconds=90))
    assert turns.is_next(key(1), NOW + timedelta(seconds=91))


def test_one_that_nobody_looks_at_any_more_does_not_hold_up_the_others() -> None:
    turns, later = Turns(at_once=1), NOW + FORGOTTEN_AFTER + timedelta(seconds=1)
    turns.note(key(1), run(1).model_copy(update={"asked_at": NOW - timedelta(days=1)}), NOW)
    turns.note(key(2), run(2), later)
    assert turns.is_next(key(2), later)


def test_a_deployment_that_is_gone_frees_its_turn() -> None:
    turns = Turns(at_once=1)
    turns.note(key(1), run(1, begun=True), NOW)
    turns.note(key(2), run(2), NOW)
    assert not turns.is_next(key(2), NOW)
    turns.forget(key(1))
    assert turns.is_next(key(2), NOW)
