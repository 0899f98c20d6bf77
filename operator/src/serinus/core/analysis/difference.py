"""Sequential tests of candidate rate minus stable rate against a margin.

For one interval with x_c bad of n_c and x_s bad of n_s, an alternative (q_c, q_s) and a hypothesis H0 that is convex in
(p_c, p_s), the e-variable is the likelihood ratio of the alternative and its projection onto H0,

    (r_c, r_s) = argmin over H0 of  n_c KL(q_c || r_c) + n_s KL(q_s || r_s).

Its expectation under (p_c, p_s) is A(p_c)^n_c B(p_s)^n_s with A and B affine, so its logarithm is concave in (p_c,
p_s); the projection's first-order conditions make its maximum over H0 lie at the projection, where it is 1. So base
rates, traffic and weights may change from interval to interval. (Turner, Ly & Gruenwald, Generic E-variables for exact
sequential k-sample tests that allow for optional stopping, 2024; Turner & Gruenwald, Exact anytime-valid confidence
intervals for contingency tables and beyond, 2023.)

q_s is the base rate learned from past intervals; q_c ranges over a few effects, whose bets are mixed (wealth.py).
"""

import math
from collections.abc import Iterator

from serinus.core.analysis import wealth
from serinus.core.analysis.base_rate import CERTAIN, BaseRate, learn
from serinus.core.analysis.bets import Bets, times_odds
from serinus.core.analysis.counts import Pair
from serinus.core.analysis.wealth import Wealth
from serinus.core.model import Frozen

# Alternatives to "worse by the margin or more": the candidate's rate as a factor on stable's odds, and (the last one)
# halfway from stable's rate to the margin.
SAFETY_ODDS = (0.85, 1.0)
SAFETY_NEAREST = 0.5
SAFETY_START = wealth.stake((5.0, 5.0, 1.0), idle=0.03)

ITERATIONS = 100
PRECISION = 1e-12


class Difference(Frozen):
    """Evidence about candidate rate - stable rate: of harm (above the margin) and of safety (below the margin)."""

    margin: float
    base: BaseRate = BaseRate()
    harm: Wealth
    safety: Wealth


def begin(margin: float, bets: Bets) -> Difference:
    """No evidence yet."""
    return Difference(margin=margin, harm=bets.start, safety=SAFETY_START)


def update(difference: Difference, pair: Pair, seconds: float, alpha: float, bets: Bets) -> Difference:
    """The evidence after one interval of `seconds`.

    `alpha` is the level of passing: evidence of safety is kept at most 1/alpha^2, so that it can be lost again. An
    interval in which one of the two had no request says nothing about the difference.
    """
    base = learn(difference.base, pair.stable, seconds)
    margin = difference.margin
    guesses = [(rate, share) for rate, share in difference.base.guesses if rate + margin < 1 - CERTAIN]
    if not (pair.candidate.total and pair.stable.total and guesses):
        return difference.model_copy(update={"base": base})
    harm = _mixed(pair, margin, [(rate, share, _harmful(rate + margin, bets)) for rate, share in guesses])
    safety = _mixed(pair, margin, [(rate, share, _safe(rate, margin)) for rate, share in guesses])
    return Difference(
        margin=margin,
        base=base,
        harm=wealth.grow(difference.harm, harm, bets.start.full),
        safety=wealth.bounded(wealth.grow(difference.safety, safety, SAFETY_START.full), most=-2 * math.log(alpha)),
    )


def _mixed(pair: Pair, margin: float, guesses: list[tuple[float, float, Iterator[float]]]) -> tuple[float, ...]:
    """Log factor of each bet, mixed over the guesses at stable's rate (rate, share, the bets' rates for the candidate)."""
    by_guess = (
        [math.log(share) + log_factor(pair, q_c, rate, margin) for q_c in alternatives]
        for rate, share, alternatives in guesses
    )
    return tuple(wealth.log_sum(factors) for factors in zip(*by_guess, strict=True))


def log_factor(pair: Pair, q_c: float, q_s: float, margin: float) -> float:
    """Log of an interval's e-variable for the alternative (q_c, q_s) against the side of the margin it is not on."""
    candidate, stable = pair.candidate, pair.stable
    r_s = project(q_c, q_s, candidate.total, stable.total, margin)
    r_c = r_s + margin
    return (
        candidate.bad * math.log(q_c / r_c)
        + (candidate.total - candidate.bad) * math.log((1 - q_c) / (1 - r_c))
        + stable.bad * math.log(q_s / r_s)
        + (stable.total - stable.bad) * math.log((1 - q_s) / (1 - r_s))
    )


def project(q_c: float, q_s: float, n_c: int, n_s: int, margin: float) -> float:
    """Stable's rate r at the point of p_c = p_s + margin that is nearest to (q_c, q_s).

    That is where n_c KL(q_c || r + margin) + n_s KL(q_s || r) is least. The objective is convex and its minimum lies
    between q_s and q_c - margin: Newton's method, halving where it leaves the bracket. Needs 0 < q < 1 and 0 <= margin
    < 1.
    """
    if not margin:
        return (n_c * q_c + n_s * q_s) / (n_c + n_s)
    low, high = sorted((q_s, q_c - margin))
    low = max(low, 0.0)
    r = (low + high) / 2
    for _ in range(ITERATIONS):
        v_c, v_s = (r + margin) * (1 - r - margin), r * (1 - r)
        slope = n_c * (r + margin - q_c) / v_c + n_s * (r - q_s) / v_s
        low, high = (r, high) if slope < 0 else (low, r)
        bend_c = n_c * ((r + margin) ** 2 - 2 * q_c * (r + margin) + q_c) / v_c**2
        bend_s = n_s * (r * r - 2 * q_s * r + q_s) / v_s**2
        guess = r - slope / (bend_c + bend_s)
        step, r = r, guess if low < guess < high else (low + high) / 2
        if abs(step - r) <= PRECISION * r:
            break
    return r


def _harmful(acceptable: float, bets: Bets) -> Iterator[float]:
    return (times_odds(acceptable, odds) for odds in bets.odds)


def _safe(rate: float, margin: float) -> Iterator[float]:
    yield from (times_odds(rate, odds) for odds in SAFETY_ODDS)
    yield rate + SAFETY_NEAREST * margin
