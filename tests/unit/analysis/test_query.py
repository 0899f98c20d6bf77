"""Query: a value outside its limits must be so at several looks in a row, and inside as well."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serinus.core.analysis import Evidence, Look, SignalVerdict, Verdict, begin, look, reasons
from serinus.core.observation import Problem
from serinus.core.spec.signals import QuerySignal
from tests.unit.analysis.world import CANDIDATE, STABLE, START, Gateway, snapshot, verdict

SIGNAL = QuerySignal(name="revenue", type="Query", promql="ratio", min=0.98)
DOWN = Problem("MetricsUnavailable", "Prometheus at http://prometheus answers no number; look at the expression")


def after(*values: float | Problem, signal: QuerySignal = SIGNAL) -> Evidence:
    evidence = begin((signal,), alpha=0.05, attempt=1, candidate=CANDIDATE, stable=STABLE, since=START)
    for number, value in enumerate(values, start=1):
        seen = Look(snapshot(60 * number, Gateway()), None, None, None, queries={"revenue": value})
        evidence = look(evidence, seen)
    return evidence


def judged(*values: float | Problem, signal: QuerySignal = SIGNAL) -> SignalVerdict:
    return verdict(after(*values, signal=signal), "revenue")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], Verdict.INCONCLUSIVE),
        ([0.9], Verdict.INCONCLUSIVE),
        ([0.9, 0.9], Verdict.FAIL),
        ([0.9, 1.0, 0.9], Verdict.INCONCLUSIVE),
        ([1.0, 1.0], Verdict.INCONCLUSIVE),
        ([1.0, 1.0, 1.0], Verdict.PASS),
        ([1.0, 1.0, 1.0, 0.9], Verdict.INCONCLUSIVE),
        ([0.9, 0.9, 1.0], Verdict.INCONCLUSIVE),
        ([0.98, 0.98, 0.98], Verdict.PASS),
        ([DOWN], Verdict.ERROR),
        ([1.0, 1.0, 1.0, DOWN], Verdict.ERROR),
        ([0.9, DOWN, 0.9], Verdict.FAIL),
        ([0.9, 0.9, DOWN], Verdict.FAIL),
        ([1.0, 1.0, DOWN, 1.0], Verdict.PASS),
    ],
)
def test_the_verdict_follows_the_latest_answers(values: list[float | Problem], expected: Verdict) -> None:
    assert judged(*values).verdict is expected


def test_messages_say_the_value_and_what_it_has_to_be() -> None:
    failed = judged(0.9, 0.91)
    assert failed.reason == reasons.QUERY_OUT_OF_RANGE
    assert failed.message == "the value is 0.91 at 2 looks in a row, and it has to be at least 0.98"
    both = SIGNAL.model_copy(update={"max": 1.5})
    assert judged(1, 1, 1, signal=both).message == "the value is 1 and was between 0.98 and 1.5 at the latest 3 looks"
    assert judged(2, signal=both).message == (
        "the value is 2, outside at 1 of 2 looks in a row; it has to be between 0.98 and 1.5"
    )
    assert judged(DOWN).message == DOWN.message
    assert dict(judged(2, signal=both).numbers) == {
        "value": 2, "min": 0.98, "max": 1.5, "looksOutside": 1, "looksInside": 0
    }  # fmt: skip


def test_a_query_spends_no_alpha() -> None:
    alone = begin((), alpha=0.05, attempt=1, candidate=CANDIDATE, stable=STABLE, since=START)
    assert after().alpha_of_one_test == alone.alpha_of_one_test


@given(st.lists(st.floats(-10, 10), max_size=12))
def test_the_evidence_survives_json(values: list[float]) -> None:
    evidence = after(*values)
    assert Evidence.model_validate_json(evidence.model_dump_json(by_alias=True)) == evidence
