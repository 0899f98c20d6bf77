"""The promises of the bets on a mean: exactly for one row, and by simulation for whole rollouts."""

import math
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from serinus.core.analysis import mean_bets, wealth
from serinus.core.analysis.answers import measured
from serinus.core.quality import GRID

ALPHA = 0.05
PENCE = 1e-9

points = st.dictionaries(st.integers(-GRID, GRID), st.floats(0.01, 1), min_size=1, max_size=8)
margins = st.floats(0, 0.9)
histograms = st.dictionaries(st.integers(-GRID, GRID), st.integers(1, 300), min_size=1, max_size=8)


def average(chances: dict[int, float], factors: list[float]) -> float:
    total = sum(chances.values())
    return sum(chance * math.exp(factor) for chance, factor in zip(chances.values(), factors, strict=True)) / total


def mean_of(chances: dict[int, float]) -> float:
    return sum(at * chance for at, chance in chances.items()) / (GRID * sum(chances.values()))


@settings(max_examples=200)
@given(chances=points, margin=margins, bet=st.integers(0, 3))
def test_a_bet_on_harm_never_gains_on_average_while_the_mean_is_acceptable(
    chances: dict[int, float], margin: float, bet: int
) -> None:
    assume(mean_of(chances) <= margin)
    factors = [mean_bets.harm_factors({at: 1}, margin)[bet] for at in chances]
    assert average(chances, factors) <= 1 + PENCE


@settings(max_examples=200)
@given(chances=points, margin=margins, bet=st.integers(0, 3))
def test_a_bet_on_safety_never_gains_on_average_while_the_mean_is_beyond_the_margin(
    chances: dict[int, float], margin: float, bet: int
) -> None:
    assume(mean_of(chances) >= margin)
    factors = [mean_bets.safety_factors({at: 1}, margin)[bet] for at in chances]
    assert average(chances, factors) <= 1 + PENCE


@settings(max_examples=100)
@given(one=histograms, other=histograms, margin=margins)
def test_the_factor_of_two_cohorts_is_the_product_of_theirs(
    one: dict[int, int], other: dict[int, int], margin: float
) -> None:
    both = mean_bets.harm_factors(mean_bets.added(one, other), margin)
    apart = zip(mean_bets.harm_factors(one, margin), mean_bets.harm_factors(other, margin), strict=True)
    assert both == pytest.approx([sum(pair) for pair in apart], abs=1e-6)


@settings(max_examples=60)
@given(rows=histograms, alpha=st.floats(0.001, 0.3))
def test_the_interval_holds_the_mean_of_what_was_seen_and_narrows_with_more_of_it(
    rows: dict[int, int], alpha: float
) -> None:
    lower, upper = mean_bets.interval(rows, alpha)
    assert -1 <= lower <= mean_bets.mean(rows) + PENCE
    assert mean_bets.mean(rows) - PENCE <= upper <= 1
    more = mean_bets.interval({at: 9 * count for at, count in rows.items()}, alpha)
    assert more[0] >= lower - 1e-6
    assert more[1] <= upper + 1e-6


@given(histograms)
def test_the_interval_of_the_opposite_is_the_opposite_interval(rows: dict[int, int]) -> None:
    lower, upper = mean_bets.interval(rows, ALPHA)
    assert mean_bets.interval(mean_bets.mirrored(rows), ALPHA) == pytest.approx((-upper, -lower))


# ---- whole rollouts, looked at after every cohort

RUNS, COHORTS, ROWS = 300, 40, 25
SURPRISE = 4.0  # standard deviations of the Monte-Carlo error: once in some 30,000 runs of a test


def most_rejections(alpha: float, runs: int = RUNS) -> float:
    """What so many runs reject at most where each does with probability `alpha`, but for bad luck."""
    return alpha * runs + SURPRISE * math.sqrt(alpha * (1 - alpha) * runs)


def drawn(random: Random, values: tuple[int, ...], weights: tuple[float, ...], rows: int = ROWS) -> dict[int, int]:
    seen: dict[int, int] = {}
    for at in random.choices(values, weights, k=rows):
        seen[at] = seen.get(at, 0) + 1
    return seen


AT_THE_MARGIN = {
    "two points": ((-GRID // 2, GRID // 2), (0.49, 0.51)),  # mean 0.01 of the bound
    "mostly nothing": ((0, GRID), (0.99, 0.01)),
    "far apart": ((-GRID, 0, GRID), (0.2, 0.59, 0.21)),
}
MARGIN = 0.01


@pytest.mark.parametrize("name", AT_THE_MARGIN)
@pytest.mark.parametrize("side", ["harm", "safety"])
def test_at_the_margin_a_verdict_is_wrong_with_probability_alpha_at_most_at_all_looks_together(
    name: str, side: str
) -> None:
    factors = mean_bets.harm_factors if side == "harm" else mean_bets.safety_factors
    wrong = 0
    for run in range(RUNS):
        random, evidence = Random(f"{name} {side} {run}"), mean_bets.START
        for _ in range(COHORTS):
            rows = drawn(random, *AT_THE_MARGIN[name])
            evidence = wealth.grow(evidence, factors(rows, MARGIN), mean_bets.START.full)
            if wealth.log_sum(evidence.full) >= -math.log(ALPHA):
                wrong += 1
                break
    assert wrong <= most_rejections(ALPHA)


def test_the_interval_misses_the_mean_with_probability_alpha_at_most_at_all_looks_together() -> None:
    values, weights = AT_THE_MARGIN["far apart"]
    missed = 0
    for run in range(RUNS):
        random, rows = Random(run), dict[int, int]()
        for _ in range(COHORTS // 4):
            rows = mean_bets.added(rows, drawn(random, values, weights, 4 * ROWS))
            lower, upper = mean_bets.interval(rows, ALPHA)
            if not lower <= MARGIN <= upper:
                missed += 1
                break
    assert missed <= most_rejections(ALPHA)


def test_answers_that_are_alike_exceed_what_chance_explains_with_about_the_probability_of_a_look() -> None:
    bins, alpha = tuple(range(10)), 0.01
    exceeded = 0
    for run in range(4 * RUNS):
        random = Random(run)
        one, other = (drawn(random, bins, (1.0,) * 10, rows) for rows in (500, 2000))
        seen = measured({str(at): n for at, n in other.items()}, {str(at): n for at, n in one.items()}, alpha)
        exceeded += seen.psi > seen.bound
    assert exceeded <= most_rejections(1.5 * alpha, 4 * RUNS), "the bound is that of many rows in each bin"
