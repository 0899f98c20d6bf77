"""Quality: which rows are judged, when, and what the verdict says of them."""

from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serinus.core.analysis import Evidence, Look, SignalVerdict, Verdict, begin, look, reasons
from serinus.core.analysis.judge_quality import finding, numbers
from serinus.core.analysis.quality import REMEMBERED, Quality, cohort_length
from serinus.core.observation import Problem
from serinus.core.quality import GRID, ComparedCohort, Comparison
from serinus.core.spec.signals import QualitySignal
from tests.unit.analysis.world import CANDIDATE, STABLE, START, Gateway, snapshot, verdict

HORIZON, COHORT = timedelta(hours=6), timedelta(minutes=30)
SIGNAL = QualitySignal(name="quality", type="Quality", label_horizon=HORIZON, max_increase=0.01)
ALIKE, WORSE = {0: 300, 2: 50, -2: 50}, {0: 100, 8: 200, 16: 100}
Answer = Comparison | Problem


def cohort(number: int, differences: dict[int, int], *, rows: int | None = None) -> ComparedCohort:
    labelled = sum(differences.values())
    gap = sum(at * count for at, count in differences.items()) / GRID
    return ComparedCohort(
        start=START + number * COHORT,
        end=START + (number + 1) * COHORT,
        rows=labelled if rows is None else rows,
        labelled=labelled,
        stable_loss=0.2 * labelled,
        candidate_loss=0.2 * labelled + gap,
        differences=differences,
    )


def answer(*cohorts: ComparedCohort, hours: float = 100, **told: Any) -> Comparison:
    return Comparison(at=START + timedelta(hours=hours), cohorts=cohorts, **({"paired": True} | told))


def started(signal: QualitySignal = SIGNAL) -> Evidence:
    return begin((signal,), alpha=0.05, attempt=1, candidate=CANDIDATE, stable=STABLE, since=START)


def after(evidence: Evidence, *answers: Answer) -> Evidence:
    """The evidence after a look with each answer."""
    for number, one in enumerate(answers, start=evidence.intervals + 1):
        seen = Look(snapshot(60 * number, Gateway()), None, None, None, quality={"quality": one})
        evidence = look(evidence, seen)
    return evidence


def state(evidence: Evidence) -> Quality:
    (found,) = (one for one in evidence.signals if isinstance(one, Quality))
    return found


def judged(*answers: Answer, signal: QualitySignal = SIGNAL) -> SignalVerdict:
    return verdict(after(started(signal), *answers), "quality")


def several(count: int, differences: dict[int, int]) -> tuple[ComparedCohort, ...]:
    return tuple(cohort(number, differences) for number in range(count))


def test_a_candidate_whose_losses_are_like_stables_passes() -> None:
    found = judged(answer(*several(6, ALIKE)))
    assert (found.verdict, found.reason) == (Verdict.PASS, reasons.QUALITY_NOT_DECREASED)
    assert found.message.startswith("Brier score 0.2 on 2,400 labelled rows, stable's 0.2 (difference between -0.")
    assert found.numbers["safetyEvidence"] >= found.numbers["safetyNeeded"] == 20
    assert found.numbers["lower"] < 0 < found.numbers["upper"] < 0.01


def test_a_candidate_that_is_worse_than_the_margin_fails_and_the_message_has_the_numbers() -> None:
    found = judged(answer(*several(2, WORSE)))
    assert (found.verdict, found.reason) == (Verdict.FAIL, reasons.QUALITY_DECREASED)
    assert "Brier score 0.325 on 800 labelled rows, stable's 0.2" in found.message
    assert "worse by more than 0.01: evidence" in found.message
    assert found.numbers["lower"] > 0.01
    assert found.numbers["candidateLoss"] - found.numbers["stableLoss"] == pytest.approx(0.125)


def test_one_cohort_decides_nothing_however_bad_it_is() -> None:
    assert judged(answer(cohort(0, {GRID: 100_000}))).verdict is Verdict.INCONCLUSIVE
    assert judged(answer(*several(2, {GRID: 100_000}))).verdict is Verdict.FAIL


def test_rows_younger_than_the_horizon_are_not_judged() -> None:
    found = judged(answer(*several(6, WORSE), hours=6.4))
    assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, reasons.NOT_ENOUGH_DATA)
    assert "2,400 rows were answered, none before 6h ago (labelHorizon)" in found.message
    assert judged(answer(*several(6, WORSE), hours=7)).verdict is Verdict.FAIL, "those of the first two cohorts are"


def test_no_labels_is_inconclusive_and_says_how_many_are_missing() -> None:
    found = judged(answer(cohort(0, {0: 412}, rows=5000)))
    assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, reasons.LABELS_MISSING)
    assert found.message == (
        "412 of 5,000 rows older than 6h have labels (8 %), 80 % are needed of each stretch of time"
    )
    assert (found.numbers["rows"], found.numbers["labelled"], found.numbers["judged"]) == (5000, 412, 0)


@pytest.mark.parametrize(
    ("rows", "reason", "message"),
    [
        (400, reasons.LABELS_MISSING, "0 of 400 rows older than 6h have labels (0 %)"),
        (0, reasons.NO_REQUESTS, "the collector has no row"),
    ],
)
def test_without_any_label_there_is_no_verdict_even_where_none_is_needed(rows: int, reason: str, message: str) -> None:
    signal = SIGNAL.model_copy(update={"min_labelled": 0.0})
    evidence = after(started(signal), answer(cohort(0, {}, rows=rows), cohort(1, {}, rows=0)))
    found = finding(state(evidence), 0.01, 0.05)
    assert found[:2] == (Verdict.INCONCLUSIVE, reason)
    assert found[2].startswith(message)
    assert numbers(state(evidence), 0.01, 0.05).keys().isdisjoint({"candidateLoss", "stableLoss", "spread"})


def test_rows_that_come_to_be_paired_take_no_evidence_away_and_are_judged_once() -> None:
    worse = several(3, WORSE)
    before = after(started(), answer(*worse[:2], paired=False, problem="the candidate does not answer yet"))
    assert verdict(before, "quality").verdict is Verdict.FAIL
    paired = after(before, answer(cohort(0, ALIKE), cohort(1, ALIKE), worse[2]))
    once = after(started(), answer(*worse))
    assert state(paired).differences == state(once).differences
    assert state(paired).not_paired == ""
    assert verdict(paired, "quality").verdict is Verdict.FAIL


def test_a_cohort_is_judged_when_its_labels_have_come_after_all() -> None:
    few, most = cohort(0, {8: 100}, rows=1000), cohort(0, {8: 900}, rows=1000)
    evidence = after(started(), answer(few), answer(most), answer(cohort(0, {8: 1000}, rows=1000)))
    assert sum(state(evidence).differences.values()) == 900


def test_nothing_to_compare_is_inconclusive() -> None:
    found = judged(answer())
    assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, reasons.NO_REQUESTS)
    assert verdict(started(), "quality").verdict is Verdict.INCONCLUSIVE


def test_rows_that_are_not_paired_count_and_the_message_says_why_they_are_not() -> None:
    why = "the candidate cannot be reached at http://10.0.0.7:8080"
    found = judged(answer(*several(6, ALIKE), paired=False, problem=why))
    assert found.verdict is Verdict.PASS
    assert found.message.endswith(f"; rows are not paired, which takes more of them: {why}")


def test_a_collector_that_cannot_be_asked_is_an_error_and_no_evidence() -> None:
    down = Problem("QualityUnavailable", "the collector at http://collector is away")
    evidence = after(started(), answer(*several(6, ALIKE)), down)
    found = verdict(evidence, "quality")
    assert (found.verdict, found.reason, found.message) == (Verdict.ERROR, down.reason, down.message)
    assert verdict(after(evidence, answer(*several(6, ALIKE))), "quality").verdict is Verdict.PASS


def test_harm_that_was_shown_stands_while_the_collector_is_away() -> None:
    down = Problem("QualityUnavailable", "away")
    assert judged(answer(*several(3, WORSE)), down).verdict is Verdict.FAIL


def test_a_candidate_as_good_as_stable_never_passes_a_margin_of_zero_and_a_better_one_does() -> None:
    signal = SIGNAL.model_copy(update={"max_increase": 0.0})
    assert judged(answer(*several(20, ALIKE)), signal=signal).verdict is Verdict.INCONCLUSIVE
    better = {-at: count for at, count in WORSE.items()}
    found = judged(answer(*several(4, better)), signal=signal)
    assert found.verdict is Verdict.PASS
    assert "; better: evidence" in found.message


def test_the_bound_is_the_unit_of_losses() -> None:
    signal = SIGNAL.model_copy(update={"metric": "absoluteError", "bound": 50.0, "max_increase": 1.0})
    found = judged(answer(*several(6, ALIKE)), signal=signal)
    assert found.verdict is Verdict.PASS
    assert -2 < found.numbers["lower"] < 0 < found.numbers["upper"] < 1
    assert found.message.startswith("absolute error ")


histograms = st.dictionaries(st.integers(-GRID, GRID), st.integers(1, 400), min_size=1, max_size=6)


@settings(max_examples=40)
@given(st.lists(histograms, min_size=1, max_size=8), st.integers(0, 2**32))
def test_however_answers_are_cut_and_repeated_a_cohort_is_judged_once(
    contents: list[dict[int, int]], seed: int
) -> None:
    random = Random(seed)
    cohorts = [cohort(number, one) for number, one in enumerate(contents)]
    parts = [tuple(random.sample(cohorts, random.randint(0, len(cohorts)))) for _ in range(6)]
    evidence = after(started(), *(answer(*part) for part in (*parts, cohorts)))
    once = after(started(), answer(*cohorts))
    assert state(evidence).differences == state(once).differences
    assert sorted(state(evidence).judged) == sorted(state(once).judged)
    assert (state(evidence).lower, state(evidence).upper) == pytest.approx((state(once).lower, state(once).upper))
    assert after(evidence, answer(*cohorts)).signals == evidence.signals


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 79)), min_size=1, max_size=12))
def test_without_enough_labels_there_is_never_a_verdict(shares: list[tuple[int, int]]) -> None:
    cohorts = [
        cohort(number, {0: rows * percent // 100} if rows * percent // 100 else {}, rows=rows)
        for number, (rows, percent) in enumerate(shares)
    ]
    assert judged(answer(*cohorts)).verdict is Verdict.INCONCLUSIVE


@settings(max_examples=20)
@given(st.lists(histograms, min_size=1, max_size=5))
def test_the_evidence_survives_json(contents: list[dict[int, int]]) -> None:
    evidence = after(started(), answer(*(cohort(number, one) for number, one in enumerate(contents))))
    assert Evidence.model_validate_json(evidence.model_dump_json(by_alias=True)) == evidence


def test_only_so_many_cohorts_are_remembered_and_none_of_those_before_is_judged_again() -> None:
    cohorts = several(REMEMBERED + 20, ALIKE)
    evidence = after(started(), *(answer(*cohorts[: number + 1]) for number in range(len(cohorts))))
    assert len(state(evidence).judged) == REMEMBERED
    assert after(evidence, answer(*cohorts)).signals == evidence.signals
    assert len(evidence.model_dump_json(by_alias=True)) < 8 * 1024


@pytest.mark.parametrize(
    ("horizon", "deadline", "interval", "length"),
    [
        ("6h", timedelta(hours=24), timedelta(seconds=30), timedelta(minutes=45)),
        ("10s", timedelta(seconds=60), timedelta(seconds=1), timedelta(seconds=3)),
        ("1m", timedelta(hours=24), timedelta(seconds=30), timedelta(seconds=30)),
        ("48h", timedelta(hours=24), timedelta(seconds=30), timedelta(hours=12)),
    ],
)
def test_a_cohort_is_short_beside_the_time_there_is(
    horizon: str, deadline: timedelta, interval: timedelta, length: timedelta
) -> None:
    signal = QualitySignal.model_validate({"name": "q", "type": "Quality", "labelHorizon": horizon})
    assert cohort_length(signal, deadline, interval) == length


def test_cohorts_begin_where_those_that_are_forgotten_ended_so_that_they_stay_the_same() -> None:
    evidence = after(started(), answer(*several(REMEMBERED + 5, ALIKE)))
    since: datetime = state(evidence).since
    assert (since - START) % COHORT == timedelta()
