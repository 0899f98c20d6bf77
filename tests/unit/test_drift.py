"""Drift of counted bins: the arithmetic against numpy and scipy, and when it alarms."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from serinus.core.analysis.verdict import Verdict
from serinus.core.chi_squared import tail, upper_quantile
from serinus.core.divergence import SMOOTHING, expected_psi, psi, psi_bound, tvd
from serinus.core.drift import DriftLimits, DriftVerdict, judge_drift

LIMITS = DriftLimits()
counts = st.lists(st.integers(0, 100_000), min_size=2, max_size=12)
pairs = counts.flatmap(
    lambda one: st.tuples(st.just(one), st.lists(st.integers(0, 100_000), min_size=len(one), max_size=len(one)))
)


def judge(reference: list[int], window: list[int], limits: DriftLimits = LIMITS, comparisons: int = 1) -> DriftVerdict:
    named = ({str(i): count for i, count in enumerate(side)} for side in (reference, window))
    return judge_drift("wind", *named, limits, comparisons=comparisons)


@given(pairs)
def test_psi_is_that_of_the_textbook(pair: tuple[list[int], list[int]]) -> None:
    q, p = (np.array(side) + SMOOTHING for side in pair)
    q, p = q / q.sum(), p / p.sum()
    assert psi(*pair) == pytest.approx(((p - q) * np.log(p / q)).sum(), abs=1e-9)


@given(pairs.filter(lambda pair: sum(pair[0]) and sum(pair[1])))
def test_tvd_is_half_the_sum_of_the_differences(pair: tuple[list[int], list[int]]) -> None:
    reference, window = (np.array(side) / sum(side) for side in pair)
    assert tvd(*pair) == pytest.approx(np.abs(reference - window).sum() / 2, abs=1e-9)


@pytest.mark.parametrize("degrees", range(1, 13))
@pytest.mark.parametrize("alpha", [0.5, 0.05, 0.001, 1e-6])
def test_the_chi_squared_quantile_is_that_of_scipy(degrees: int, alpha: float) -> None:
    assert upper_quantile(alpha, degrees) == pytest.approx(chi2.isf(alpha, degrees), rel=1e-9)


@given(st.floats(0, 500), st.integers(1, 30))
def test_the_chi_squared_tail_is_that_of_scipy(value: float, degrees: int) -> None:
    assert tail(value, degrees) == pytest.approx(chi2.sf(value, degrees), rel=1e-9, abs=1e-300)


@given(counts, st.integers(0, 499))
def test_silence_and_few_rows_never_alarm(reference: list[int], rows: int) -> None:
    window = [rows] + [0] * (len(reference) - 1)
    assert judge(reference, window).verdict is Verdict.INCONCLUSIVE


def test_no_row_at_all_has_no_psi() -> None:
    silence = judge([100] * 10, [0] * 10)
    assert (silence.reason, dict(silence.numbers)) == ("NotEnoughData", {"rows": 0, "referenceRows": 1000})
    assert psi([100] * 10, [0] * 10) < 1e-9, "smoothing alone would call silence healthy"
    assert judge([100] * 10, [0] * 10, DriftLimits(min_samples=0)).reason == "NotEnoughData"


def test_an_empty_reference_is_told() -> None:
    empty = judge([0, 0], [500, 500])
    assert (empty.verdict, empty.reason) == (Verdict.INCONCLUSIVE, "EmptyReference")
    assert empty.message == "wind: the reference counted no row; compare with another reference"


def test_one_empty_decile_is_large_by_psi_and_a_tenth_by_tvd() -> None:
    drifted = judge([1000] * 10, [0] + [600] * 9)
    assert (drifted.verdict, drifted.reason) == (Verdict.FAIL, "Drifted")
    assert drifted.numbers["psi"] == pytest.approx(0.70, abs=0.05)
    assert drifted.numbers["tvd"] == pytest.approx(0.10)
    assert "10.0 % of 5,400 rows in other bins" in drifted.message


def test_a_small_shift_of_many_rows_is_more_than_chance_and_no_alarm() -> None:
    small = judge([10_000] * 10, [11_000] * 5 + [9_000] * 5)
    assert (small.verdict, small.reason) == (Verdict.PASS, "SmallDrift")
    assert small.numbers["bound"] < small.numbers["psi"] < LIMITS.psi


def test_a_large_psi_of_small_samples_is_not_known_yet() -> None:
    unsure = judge([3, 1, 3, 2, 3, 1, 4, 3, 2, 1], [80, 20, 60, 40, 70, 30, 20, 90, 50, 40])
    assert unsure.numbers["psi"] > LIMITS.psi
    assert (unsure.verdict, unsure.reason) == (Verdict.INCONCLUSIVE, "NotEnoughData")


def test_a_constant_reference_can_show_missing_values_and_nothing_else() -> None:
    def judged(window: dict[str, int]) -> tuple[Verdict, str]:
        verdict = judge_drift("wind", {"0": 900, "missing": 0}, window, LIMITS, comparisons=1)
        return verdict.verdict, verdict.reason

    assert judged({"0": 900, "missing": 0}) == (Verdict.INCONCLUSIVE, "ConstantInReference")
    assert judged({"0": 500, "missing": 400}) == (Verdict.FAIL, "Drifted")


def test_bins_that_one_side_lacks_are_empty_there() -> None:
    verdict = judge_drift("wind", {"a": 500, "b": 500}, {"a": 500, "c": 500}, LIMITS, comparisons=1)
    assert verdict.numbers["tvd"] == pytest.approx(0.5)


def test_more_comparisons_ask_for_more() -> None:
    bounds = [judge([1000] * 10, [100] * 10, comparisons=n).numbers["bound"] for n in (1, 15, 100)]
    assert bounds == sorted(bounds)
    assert bounds[0] == pytest.approx(chi2.isf(0.05, 9) * (1 / 1000 + 1 / 10_000))


@pytest.mark.parametrize(("rows", "reference_rows"), [(500, 500), (500, 20_000), (20_000, 20_000)])
def test_without_drift_chance_exceeds_the_bound_about_as_often_as_it_says(rows: int, reference_rows: int) -> None:
    random, shares = np.random.default_rng(5), np.r_[np.full(9, 0.11), 0.01]
    windows, references = random.multinomial(rows, shares, 2000), random.multinomial(reference_rows, shares, 2000)
    seen = [psi(was, now) for was, now in zip(references.tolist(), windows.tolist(), strict=True)]
    bound = psi_bound(10, rows, reference_rows, 0.05)
    assert np.mean(seen) == pytest.approx(expected_psi(10, rows, reference_rows), rel=0.1)
    assert 0.03 < np.mean(np.array(seen) > bound) < 0.065
    assert max(seen) < LIMITS.psi


def test_every_number_of_a_verdict_is_finite() -> None:
    assert all(map(math.isfinite, judge([1000, 0], [0, 1000]).numbers.values()))
