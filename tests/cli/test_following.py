"""Waiting for answers and outcomes: nothing is waited for in vain, and a cluster that is away for a while is asked again."""

import time

import pytest

from serinus.cli.following import Overtaken, line, rollout_asked_about, wait_for_answer, wait_for_end
from serinus.cli.homes.home import HomeRefused, HomeUnavailable
from serinus.core.state import Phase, RolloutRecord
from tests.argocd.phases import WORLDS
from tests.cli.homes import ScriptedHome, found, found_in
from tests.fakes.world import KEY, rolling_out
from tests.unit.core.builders import state

UNANSWERED = found(state(Phase.PAUSED), asked="mine")
ANSWERED = found(state(Phase.PAUSED, handled_nonce="mine"), asked="mine")
AWAY = HomeUnavailable("the API server does not answer")


def record() -> RolloutRecord:
    return WORLDS[Phase.ROLLED_BACK]().state.history[0]


def test_the_answer_is_waited_for_also_while_the_cluster_is_away() -> None:
    home = ScriptedHome([UNANSWERED, AWAY, AWAY, ANSWERED])
    assert wait_for_answer(home, KEY, "mine", 5) is ANSWERED
    assert home.reads == 4


def test_nobody_answers() -> None:
    home = ScriptedHome([UNANSWERED], poll_seconds=0.01)
    begun = time.monotonic()
    assert wait_for_answer(home, KEY, "mine", 0.1) is None
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("handled", ["", "theirs"])
def test_another_request_has_come_in_between(handled: str) -> None:
    theirs = found(state(Phase.PAUSED, handled_nonce=handled), asked="theirs")
    assert wait_for_answer(ScriptedHome([UNANSWERED, theirs]), KEY, "mine", 5) == Overtaken()


def test_a_refusal_of_the_cluster_ends_the_wait_and_so_does_the_timeout() -> None:
    refused = HomeRefused("you have no right to this")
    with pytest.raises(HomeRefused):
        wait_for_answer(ScriptedHome([UNANSWERED, refused]), KEY, "mine", 5)
    with pytest.raises(HomeUnavailable):
        wait_for_end(ScriptedHome([AWAY], poll_seconds=0.01), KEY, "x", 0.1, lambda _: None)


def test_the_end_is_that_of_the_rollout_that_was_asked_about() -> None:
    under_way, ended = found_in(WORLDS[Phase.PROGRESSING]()), found_in(WORLDS[Phase.ROLLED_BACK]())
    told: list[str] = []
    end = wait_for_end(ScriptedHome([under_way, under_way, AWAY, ended]), KEY, record().id, 5, told.append)
    assert end is not None
    assert end.record == record()
    assert told == ["Progressing 0 %  CandidateReady", "RolledBack  ErrorsIncreased"]


def test_the_end_of_another_rollout_is_not_waited_for_in_vain_but_until_the_timeout() -> None:
    ended = found_in(WORLDS[Phase.ROLLED_BACK]())
    assert wait_for_end(ScriptedHome([ended], poll_seconds=0.01), KEY, "another", 0.1, lambda _: None) is None


def test_what_starts_over_has_ended_when_it_is_no_longer_pending() -> None:
    pending, stable = found(state(Phase.PENDING)), found(state(Phase.STABLE))
    end = wait_for_end(ScriptedHome([pending, stable]), KEY, "", 5, lambda _: None)
    assert end is not None
    assert (end.record, end.found) == (None, stable)


def test_the_rollout_in_question_is_the_one_under_way_or_the_one_that_was_started() -> None:
    progressing, stable = state(Phase.PROGRESSING), state(Phase.STABLE)
    assert progressing.rollout is not None
    over = stable.model_copy(update={"history": (record(),)})
    assert rollout_asked_about(progressing, over) == progressing.rollout.id
    assert rollout_asked_about(stable, progressing) == progressing.rollout.id
    assert rollout_asked_about(stable, over) == record().id
    assert rollout_asked_about(over, over) == ""


def test_the_line_of_a_candidate_that_gets_copies_says_so() -> None:
    world = rolling_out(strategy="Shadow")
    world.until(lambda state: bool(state.rollout and state.rollout.mirror))
    assert line(found_in(world)).startswith("Progressing 0 % (mirrors 10 %)  ")
