"""Drift of a candidate's answers: an alarm is large, more than chance explains, and comes of enough answers."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serinus.core.analysis import Evidence, Look, SignalVerdict, Verdict, begin, look, reasons
from serinus.core.analysis.answers import Answers, Windows
from serinus.core.observation import BinWindow, Problem
from serinus.core.spec.signals import DriftSignal
from tests.unit.analysis.world import CANDIDATE, STABLE, START, Gateway, snapshot, verdict

SIGNAL = DriftSignal(name="drift", type="Drift")
EVEN, MOVED = [100.0] * 10, [10.0] * 5 + [190.0] * 5


def window(revision: str, counts: list[float], *, seconds: float = 0) -> BinWindow:
    since = START + timedelta(seconds=seconds)
    answers = {str(number): count for number, count in enumerate(counts)}
    return BinWindow(revision, since, since + timedelta(hours=1), answers=answers)


def windows(candidate: list[float], stable: list[float], *, seconds: float = 0) -> Windows:
    return window(CANDIDATE, candidate, seconds=seconds), window(STABLE, stable, seconds=seconds)


def after(*seen: Windows | Problem | None, signal: DriftSignal = SIGNAL) -> Evidence:
    evidence = begin((signal,), alpha=0.05, attempt=1, candidate=CANDIDATE, stable=STABLE, since=START)
    for number, one in enumerate(seen, start=1):
        evidence = look(evidence, Look(snapshot(60 * number, Gateway()), None, None, None, answers=one))
    return evidence


def judged(*seen: Windows | Problem | None, signal: DriftSignal = SIGNAL) -> SignalVerdict:
    return verdict(after(*seen, signal=signal), "drift")


def state(evidence: Evidence) -> Answers:
    (found,) = (one for one in evidence.signals if isinstance(one, Answers))
    return found


def times(factor: float, counts: list[float]) -> list[float]:
    return [factor * count for count in counts]


def test_answers_like_stables_pass() -> None:
    found = judged(windows(EVEN, times(9, EVEN)))
    assert (found.verdict, found.reason) == (Verdict.PASS, reasons.NO_DRIFT)
    assert (found.numbers["candidateRows"], found.numbers["stableRows"]) == (1000, 9000)


def test_answers_that_are_others_fail_and_only_pause() -> None:
    found = judged(windows(MOVED, times(9, EVEN)))
    assert (found.verdict, found.reason, found.only_pauses) == (Verdict.FAIL, reasons.CANDIDATE_DRIFTED, True)
    assert found.message.startswith("the candidate answers otherwise than stable on the same traffic: PSI 1.3")
    assert "45.0 % of 1,000 answers in other bins than stable's; chance explains 0.0" in found.message
    assert found.numbers["psi"] > found.numbers["alarm"] == 0.2


def test_a_difference_that_is_certain_and_small_passes() -> None:
    little = [90.0, 110.0] * 5
    found = judged(windows(times(100, little), times(100, EVEN)))
    assert (found.verdict, found.reason) == (Verdict.PASS, reasons.SMALL_DRIFT)


@pytest.mark.parametrize(("candidate", "stable"), [(0.4, 9.0), (9.0, 0.4)])
def test_it_takes_enough_answers_of_both(candidate: float, stable: float) -> None:
    found = judged(windows(times(candidate, MOVED), times(stable, EVEN)))
    assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, reasons.NOT_ENOUGH_DATA)
    assert "500 of each are needed to judge" in found.message


def test_what_chance_explains_in_few_answers_is_no_alarm() -> None:
    signal = SIGNAL.model_copy(update={"min_samples": 20})
    few = [4.0, 0.0, 3.0, 1.0, 2.0, 4.0, 0.0, 2.0, 3.0, 1.0]
    found = judged(windows(few, times(0.02, EVEN)), signal=signal)
    assert found.numbers["psi"] > 0.2
    assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, reasons.NOT_ENOUGH_DATA)
    assert "it takes more requests" in found.message


def test_no_answer_yet_is_inconclusive_whatever_the_fewest_samples() -> None:
    signal = SIGNAL.model_copy(update={"min_samples": 0})
    found = judged(windows([], EVEN), signal=signal)
    assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, reasons.NO_REQUESTS)
    assert judged(None).verdict is Verdict.INCONCLUSIVE


def test_counters_that_cannot_be_read_are_an_error() -> None:
    found = judged(windows(EVEN, EVEN), Problem("MetricsUnavailable", "nobody answers"))
    assert (found.verdict, found.reason, found.message) == (Verdict.ERROR, "MetricsUnavailable", "nobody answers")


def test_a_look_spends_its_share_of_alpha_only_when_there_are_noticeably_more_answers() -> None:
    same = [windows(times(1 + number / 1000, EVEN), EVEN) for number in range(50)]
    assert state(after(*same)).looks == 1
    growing = [windows(times(2**number, EVEN), times(2**number, EVEN)) for number in range(5)]
    seen = state(after(*growing))
    assert seen.looks == 5
    assert seen.seen is not None
    assert state(after(growing[-1])).seen is not None
    first = state(after(growing[-1])).seen
    assert first is not None
    assert first.bound < seen.seen.bound, "the fifth look has less alpha than the first"


def test_another_split_of_the_requests_is_judged_by_its_own_answers() -> None:
    evidence = after(windows(MOVED, EVEN), windows(times(0.1, EVEN), times(0.1, EVEN), seconds=600))
    assert verdict(evidence, "drift").verdict is Verdict.INCONCLUSIVE
    assert state(evidence).looks == 1


@given(st.lists(st.lists(st.floats(0, 1e5), min_size=10, max_size=10), min_size=2, max_size=6))
def test_the_evidence_survives_json_and_a_repeat_changes_no_verdict(counts: list[list[float]]) -> None:
    seen = [windows(one, other) for one, other in pairwise(counts)]
    evidence = after(*seen)
    assert Evidence.model_validate_json(evidence.model_dump_json(by_alias=True)) == evidence
    assert verdict(after(*seen, seen[-1]), "drift").verdict is verdict(evidence, "drift").verdict
