"""The promises that verdicts rest on, computed exactly where that can be done."""

import math
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serinus.core.analysis import ceiling, difference
from serinus.core.analysis.bets import INTERVALS, REQUESTS, Bets, times_odds
from serinus.core.analysis.counts import Counts, Pair
from serinus.core.analysis.difference import log_factor, project
from serinus.core.analysis.wealth import Wealth, bounded, grow, log_sum, rejects, stake, strength

ALPHA = 0.05
PENCE = 1e-9

rates = st.floats(0.001, 0.999)
margins = st.sampled_from([0.0, 0.001, 0.01, 0.1, 0.5])
few = st.integers(1, 7)
log_factors = st.lists(st.lists(st.floats(-30, 60), min_size=2, max_size=2), min_size=1, max_size=12)


def chance(bad: int, total: int, rate: float) -> float:
    return math.comb(total, bad) * rate**bad * (1 - rate) ** (total - bad)


def outcomes(n_c: int, n_s: int, p_c: float, p_s: float) -> list[tuple[float, Pair]]:
    """Every outcome of an interval with its probability."""
    return [
        (
            chance(x_c, n_c, p_c) * chance(x_s, n_s, p_s),
            Pair(candidate=Counts(bad=x_c, total=n_c), stable=Counts(bad=x_s, total=n_s)),
        )
        for x_c, x_s in product(range(n_c + 1), range(n_s + 1))
    ]


@settings(max_examples=300)
@given(q_s=rates, odds=st.sampled_from(REQUESTS.odds), margin=margins, n_c=few, n_s=few, p_c=rates, p_s=rates)
def test_a_bet_on_harm_never_gains_on_average_while_the_candidate_is_acceptable(
    *, q_s: float, odds: float, margin: float, n_c: int, n_s: int, p_c: float, p_s: float
) -> None:
    if q_s + margin >= 0.999:
        return
    p_c = min(p_c, p_s + margin)
    q_c = times_odds(q_s + margin, odds)
    mean = sum(p * math.exp(log_factor(pair, q_c, q_s, margin)) for p, pair in outcomes(n_c, n_s, p_c, p_s))
    assert mean <= 1 + PENCE


@settings(max_examples=300)
@given(
    q_s=rates, nearness=st.sampled_from([-0.5, 0.0, 0.5, 0.9]), margin=margins, n_c=few, n_s=few, p_c=rates, p_s=rates
)
def test_a_bet_on_safety_never_gains_on_average_while_the_candidate_is_worse_by_the_margin(
    *, q_s: float, nearness: float, margin: float, n_c: int, n_s: int, p_c: float, p_s: float
) -> None:
    q_c = q_s + nearness * margin
    if p_s + margin > 1 or not 0.0005 < q_c < 0.9995 or q_s + margin >= 0.999:
        return
    p_c = max(p_c, p_s + margin)
    mean = sum(p * math.exp(log_factor(pair, q_c, q_s, margin)) for p, pair in outcomes(n_c, n_s, p_c, p_s))
    assert mean <= 1 + PENCE


@settings(max_examples=200)
@given(limit=st.floats(0.01, 0.99), p=rates, n=st.integers(1, 12))
def test_the_evidence_against_a_limit_never_gains_on_average_below_it(limit: float, p: float, n: int) -> None:
    p = min(p, limit)
    mean = sum(
        chance(x, n, p) * math.exp(log_sum(ceiling.update(ceiling.START, Counts(bad=x, total=n), limit).full))
        for x in range(n + 1)
    )
    assert mean <= 1 + PENCE


@settings(max_examples=60)
@given(p=rates, first=st.integers(-1, 3), n_c=few, n_s=few, bets=st.sampled_from([REQUESTS, INTERVALS]))
def test_wealth_never_gains_on_average_whatever_was_learned_before(
    p: float, first: int, n_c: int, n_s: int, bets: Bets
) -> None:
    before = difference.begin(0.0, bets)
    if first >= 0:
        pair = Pair(candidate=Counts(bad=first, total=3), stable=Counts(bad=1, total=40))
        before = difference.update(before, pair, 60.0, ALPHA, bets)
    mean = sum(
        chance_of * math.exp(log_sum(difference.update(before, seen, 60.0, ALPHA, bets).harm.full))
        for chance_of, seen in outcomes(n_c, n_s, p, p)
    )
    assert mean <= math.exp(log_sum(before.harm.full)) * (1 + PENCE)


@pytest.mark.parametrize("margin", [0.0, 0.01, 0.2])
@pytest.mark.parametrize(("n_c", "n_s"), [(1, 1), (100, 900), (900, 100), (3, 40_000), (40_000, 3)])
@pytest.mark.parametrize(("q_c", "q_s"), [(0.5, 0.01), (0.26, 0.01), (0.01, 0.01), (0.001, 0.3), (0.9999, 1e-6)])
def test_the_projection_is_the_nearest_point_of_the_margin(
    q_c: float, q_s: float, n_c: int, n_s: int, margin: float
) -> None:
    def kl(q: float, r: float) -> float:
        return q * math.log(q / r) + (1 - q) * math.log((1 - q) / (1 - r))

    def distance(r: float) -> float:
        return n_c * kl(q_c, r + margin) + n_s * kl(q_s, r)

    r = project(q_c, q_s, n_c, n_s, margin)
    others = [(1 - margin) * step / 5000 for step in range(1, 5000)] + [r * 0.999, r * 1.001]
    assert all(distance(r) <= distance(other) * (1 + 1e-9) + 1e-12 for other in others if 0 < other < 1 - margin)


@given(log_factors)
def test_trimmed_wealth_is_at_most_the_wealth_without_any_one_interval(factors: list[list[float]]) -> None:
    start = stake((1.0, 2.0), 0.2)

    def after(several: list[list[float]]) -> Wealth:
        wealth = start
        for interval in several:
            wealth = grow(wealth, interval, start.full)
        return wealth

    whole = after(factors)
    for left_out in range(len(factors)):
        rest = after([f if i != left_out else [0.0, 0.0] for i, f in enumerate(factors)])
        assert log_sum(whole.trimmed) <= log_sum(rest.full) + 1e-6


@given(log_factors, st.floats(0.0001, 0.2))
def test_evidence_is_at_most_the_wealth_so_that_its_level_holds(factors: list[list[float]], alpha: float) -> None:
    start = stake((1.0, 2.0), 0.2)
    wealth = start
    for interval in factors:
        wealth = grow(wealth, interval, start.full)
        assert strength(wealth, alpha) <= log_sum(wealth.full)


@given(st.integers(1, 100_000), st.integers(1, 100_000), st.floats(0.0001, 0.2))
def test_a_single_interval_decides_nothing_however_bad_it_is(n_c: int, n_s: int, alpha: float) -> None:
    state = difference.begin(0.0, REQUESTS)
    pair = Pair(candidate=Counts(bad=n_c, total=n_c), stable=Counts(bad=0, total=n_s))
    assert not rejects(difference.update(state, pair, 60.0, alpha, REQUESTS).harm, alpha)


@given(log_factors, st.floats(0, 5))
def test_bounded_wealth_only_ever_gives_away(factors: list[list[float]], most: float) -> None:
    wealth = grow(stake((1.0, 2.0), 0.2), factors[0], stake((1.0, 2.0), 0.2).full)
    less = bounded(wealth, most)
    assert log_sum(less.full) <= most + 1e-9
    assert log_sum(less.full) <= log_sum(wealth.full) + 1e-9
    assert log_sum(less.trimmed) <= log_sum(wealth.trimmed) + 1e-9


def test_an_hour_of_health_does_not_have_to_be_outweighed_before_later_harm_is_seen() -> None:
    healthy = Pair(candidate=Counts(bad=10, total=1000), stable=Counts(bad=90, total=9000))
    broken = Pair(candidate=Counts(bad=100, total=1000), stable=Counts(bad=90, total=9000))
    state = difference.begin(0.0, REQUESTS)
    for _ in range(600):
        state = difference.update(state, healthy, 60.0, ALPHA, REQUESTS)
    for _ in range(2):
        state = difference.update(state, broken, 60.0, ALPHA, REQUESTS)
    assert rejects(state.harm, ALPHA)
    assert not rejects(state.safety, ALPHA)


def test_a_burst_that_hits_both_moves_the_base_rate_only_a_little() -> None:
    usual = Pair(candidate=Counts(bad=1, total=100), stable=Counts(bad=9, total=900))
    burst = Pair(candidate=Counts(bad=51, total=150), stable=Counts(bad=459, total=1350))
    state = difference.begin(0.0, REQUESTS)
    for pair in (usual, usual, usual, burst):
        state = difference.update(state, pair, 60.0, ALPHA, REQUESTS)
    assert 0.01 < state.base.rate < 0.02
