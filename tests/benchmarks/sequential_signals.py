"""Power tables of the signals Quality, Drift and Query, for sequential.py.

Quality: binary outcomes with probabilities of usual spread; stable's scores are off by a little noise, the candidate's by a
shift or by more noise; Brier score, margin 0.01, alpha 0.05 (for harm a quarter of it, as with Errors and Availability beside
it). 20 requests a minute for 48 hours, a canary of 10 %, cohorts of 15 minutes, labelHorizon 6 h. Paired: both score every
request. Not paired: rows of the canary's 10 % against as many of stable's. Beside ours, a t-test of all labelled rows at each
cohort, and the oracle: the best single bet for the true distribution, the most that any bet on a bounded mean can gain.

Drift: answers in 10 equally frequent bins, a canary of 10 %, 120 looks, one a minute at 100 requests a minute. Beside ours,
the chi-squared test at 5 % at each look, PSI alone against 0.2 from 50 answers on, and the oracle: the likelihood ratio of the
true shares.

Query: a value that lies beyond its limit by chance at some looks, and from look 10 on at more of them. A look a minute for an hour,
100 requests of the candidate a minute. Beside ours, one look outside, and the oracle: the likelihood ratio of the true chances,
from the moment of the change on, at 5 %.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing.pool import Pool

import numpy as np
from numpy.typing import NDArray

from serinus.core.analysis import mean_bets, query, wealth
from serinus.core.analysis.answers import Answers, begin, update
from serinus.core.analysis.judge_answers import finding as judged_answers
from serinus.core.analysis.judge_query import finding as judged_query
from serinus.core.analysis.verdict import Verdict
from serinus.core.chi_squared import upper_quantile
from serinus.core.divergence import psi
from serinus.core.observation import BinWindow
from serinus.core.quality import GRID
from serinus.core.spec.signals import DriftSignal, QuerySignal

Floats = NDArray[np.float64]
NEVER = math.inf
ALPHA = 0.05
HARM_LEVEL = ALPHA / 4  # of one of the four tests that can fail a candidate: errors, availability (two), quality
T_ONE_SIDED = 1.6449
MARGIN = 0.01
REQUESTS, CANARY, COHORT_MINUTES, HORIZON_MINUTES = 20, 0.1, 15, 360
POPULATION = 200_000
BETS = np.linspace(0.005, 0.995, 100)


@dataclass(frozen=True)
class QualityRow:
    """A candidate whose log odds are off by `shift` and by `noise`; stable's by noise of 0.2."""

    name: str
    question: str  # Fail or Pass
    paired: bool
    shift: float = 0.0
    noise: float = 0.2
    hours: int = 48

    @property
    def rows(self) -> int:
        """Rows in a cohort."""
        share = 1.0 if self.paired else CANARY
        return round(REQUESTS * COHORT_MINUTES * share)


QUALITY = tuple(
    QualityRow(name, question, paired, shift, noise)
    for name, question, shift, noise in (
        ("as good as stable", "Pass", 0.0, 0.2),
        ("as good as stable", "Fail", 0.0, 0.2),
        ("Brier 0.009 worse (about the margin)", "Fail", 0.5, 0.2),
        ("Brier 0.026 worse (noisier)", "Fail", 0.0, 1.0),
        ("Brier 0.037 worse (shifted)", "Fail", 1.0, 0.2),
        ("Brier 0.083 worse (shifted)", "Fail", 1.5, 0.2),
    )
    for paired in (True, False)
)


def losses(rng: np.random.Generator, rows: int, shift: float, noise: float) -> tuple[Floats, Floats]:
    """Brier scores of candidate and stable on the same rows, shape (rows,) each."""
    log_odds = rng.normal(-1.2, 1.2, rows)
    happened = rng.random(rows) < 1 / (1 + np.exp(-log_odds))
    common = rng.normal(0, 0.3, rows)
    candidate = 1 / (1 + np.exp(-(log_odds + common + shift + rng.normal(0, noise, rows))))
    stable = 1 / (1 + np.exp(-(log_odds + common + rng.normal(0, 0.2, rows))))
    return (candidate - happened) ** 2, (stable - happened) ** 2


def differences(rng: np.random.Generator, row: QualityRow, rows: int) -> NDArray[np.int64]:
    """Candidate's loss minus stable's as points of the grid, rounded at random; shape (rows,)."""
    candidate, stable = losses(rng, rows, row.shift, row.noise)
    if not row.paired:
        stable = losses(rng, rows, row.shift, row.noise)[1]
    exact = (candidate - stable) * GRID
    below = np.floor(exact)
    return (below + (rng.random(rows) < exact - below)).astype(np.int64)


def best_bet(row: QualityRow) -> float:
    """The share of the most that can be bet with the largest mean gain."""
    points = differences(np.random.default_rng(0), row, POPULATION) / GRID
    gained = _toward(row, points)
    most = 1 / (1 + MARGIN if row.question == "Fail" else 1 - MARGIN)
    return float(BETS[int(np.argmax([np.log1p(bet * most * gained).mean() for bet in BETS]))])


def _toward(row: QualityRow, points: Floats) -> Floats:
    return points - MARGIN if row.question == "Fail" else MARGIN - points


def quality_run(row: QualityRow, bet: float, seed: Sequence[int]) -> tuple[float, float, float]:
    """Cohorts until the verdict by ours, by the t-test and by the oracle."""
    rng, cohorts = np.random.default_rng(seed), row.hours * 60 // COHORT_MINUTES
    level = HARM_LEVEL if row.question == "Fail" else ALPHA
    factors = mean_bets.harm_factors if row.question == "Fail" else mean_bets.safety_factors
    most = bet / (1 + MARGIN if row.question == "Fail" else 1 - MARGIN)
    own, t, oracle = NEVER, NEVER, NEVER
    evidence, gained, seen = mean_bets.START, 0.0, np.zeros(0)
    for cohort in range(1, cohorts + 1):
        points = differences(rng, row, row.rows)
        at, counts = np.unique(points, return_counts=True)
        rows = dict(zip(at.tolist(), counts.tolist(), strict=True))
        evidence = wealth.grow(evidence, factors(rows, MARGIN), mean_bets.START.full)
        toward = _toward(row, points / GRID)
        gained, seen = gained + float(np.log1p(most * toward).sum()), np.concatenate([seen, toward])
        own = min(own, cohort if wealth.rejects(evidence, level) else NEVER)
        t = min(t, cohort if _t(seen) > T_ONE_SIDED else NEVER)
        oracle = min(oracle, cohort if gained >= -math.log(level) else NEVER)
        if math.isfinite(max(own, t, oracle)):
            break
    return own, t, oracle


def _t(values: Floats) -> float:
    deviation = float(values.std())
    return float(values.mean()) / deviation * math.sqrt(len(values)) if deviation else 0.0


def print_quality(pool: Pool, runs: int, seed: int) -> None:
    """The table of quality."""
    print("\n| candidate | rows | verdict | Serinus | labels | requests it served until then | t-test | oracle |")
    print("|---|---|---|---|---|---|---|---|")
    for number, row in enumerate(QUALITY):
        seeds = [(seed, 100 + number, run) for run in range(runs)]
        results = pool.map(partial(quality_run, row, best_bet(row)), seeds, chunksize=10)
        own, t, oracle = zip(*results, strict=True)
        kind = "paired" if row.paired else "not paired"
        labels, served = _labels(row, own)
        cells = f"{share(own)} | {labels} | {served} | {told(row, t)} | {told(row, oracle)}"
        print(f"| {row.name} | {kind} | {row.question} | {cells} |", flush=True)


def _labels(row: QualityRow, cohorts: Sequence[float]) -> tuple[str, str]:
    """Labelled rows, and requests that the candidate answered until the verdict, medians over all runs."""
    median = float(np.median(cohorts))
    if not math.isfinite(median):
        return "-", "-"
    minutes = median * COHORT_MINUTES + HORIZON_MINUTES
    return f"{median * row.rows:,.0f}", f"{minutes * REQUESTS * CANARY:,.0f}"


def share(times: Sequence[float]) -> str:
    """`98.2 %`."""
    return f"{100 * sum(map(math.isfinite, times)) / len(times):.1f} %"


def told(row: QualityRow, cohorts: Sequence[float]) -> str:
    """`98.2 %, 1,500`: how many reached the verdict, and the labelled rows that the median run took."""
    labels, _ = _labels(row, cohorts)
    return f"{share(cohorts)}, {labels}"


# ---- Drift

BINS, LOOKS, DRIFT_REQUESTS = 10, 120, 100
FEWEST_NAIVE = 50
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
DRIFTS: dict[str, float] = {
    "no drift": 0.0,
    "PSI 0.05": 0.225,
    "PSI 0.2 (the threshold)": 0.45,
    "PSI 0.37": 0.63,
    "PSI 0.8": 0.97,
}


def tilted(strength: float) -> Floats:
    """Shares of the bins that lie ever higher: even ones times exp(strength * place), places with a variance of 1."""
    places = np.linspace(-1, 1, BINS)
    shares = np.exp(strength * places / places.std())
    return np.asarray(shares / shares.sum())


def drift_run(strength: float, fewest: int, seed: Sequence[int]) -> tuple[float, ...]:
    """Candidate answers until the alarm by ours, by the chi-squared test at each look, by PSI alone, and by the oracle."""
    rng, shares, even = np.random.default_rng(seed), tilted(strength), tilted(0.0)
    state: Answers = begin(DriftSignal(name="drift", type="Drift", min_samples=fewest))
    candidate, stable = np.zeros(BINS), np.zeros(BINS)
    found = [NEVER] * 4
    for look in range(1, LOOKS + 1):
        candidate += rng.multinomial(round(DRIFT_REQUESTS * CANARY), shares)
        stable += rng.multinomial(round(DRIFT_REQUESTS * (1 - CANARY)), even)
        state = update(state, (_window(candidate, look), _window(stable, look)), HARM_LEVEL)
        distance = psi(stable.tolist(), candidate.tolist())
        chance = upper_quantile(ALPHA, BINS - 1) * (1 / candidate.sum() + 1 / stable.sum())
        alarms = (
            judged_answers(state)[0] is Verdict.FAIL,
            distance > chance,
            distance >= state.signal.psi and candidate.sum() >= FEWEST_NAIVE,
            float(candidate @ np.log(shares / even)) >= -math.log(HARM_LEVEL),
        )
        found = [min(old, float(candidate.sum()) if alarm else NEVER) for old, alarm in zip(found, alarms, strict=True)]
        if math.isfinite(max(found)):
            break
    return tuple(found)


def _window(counts: Floats, look: int) -> BinWindow:
    answers = {str(number): float(count) for number, count in enumerate(counts)}
    return BinWindow("any", SINCE, SINCE + timedelta(minutes=look), answers=answers)


def print_drift(pool: Pool, runs: int, seed: int) -> None:
    """The table of drift."""
    print(
        "\n| answers | minSamples | Serinus | chi-squared 5 % each look | PSI 0.2 alone | oracle |\n|---|---|---|---|---|---|"
    )
    for number, (name, strength) in enumerate(DRIFTS.items()):
        for fewest in (500, 50):
            seeds = [(seed, 200 + number, run) for run in range(runs)]
            results = pool.map(partial(drift_run, strength, fewest), seeds, chunksize=20)
            cells = " | ".join(_answers(answers) for answers in zip(*results, strict=True))
            print(f"| {name} | {fewest} | {cells} |", flush=True)


def _answers(answers: Sequence[float]) -> str:
    median = float(np.median(answers))
    return f"{share(answers)}, " + (f"{median:,.0f}" if math.isfinite(median) else "-")


# ---- Query

NOISE = (0.001, 0.01, 0.05)
HOUR = 60
BREAKS_AT = 10
BROKEN = ((0.001, 1.0), (0.001, 0.7), (0.01, 1.0), (0.01, 0.3), (0.05, 0.7), (0.05, 0.3))
CANDIDATE = 100  # requests of the candidate from look to look


def query_run(chance: float, broken: float, seed: Sequence[int]) -> tuple[float, float, float]:
    """Looks until ours fails, until one look is outside, and until the oracle fails.

    Each look is outside with probability `chance`, from BREAKS_AT on with `broken`.
    """
    rng = np.random.default_rng(seed)
    state = query.begin(QuerySignal(name="q", type="Query", promql="up", min=1))
    own, once, oracle, evidence = NEVER, NEVER, NEVER, 0.0
    for look in range(1, HOUR + 1):
        outside = rng.random() < (broken if look >= BREAKS_AT else chance)
        state = query.update(state, 0.0 if outside else 1.0)
        evidence += _query_factor(chance, broken, outside=outside) if look >= BREAKS_AT else 0.0
        own = min(own, look if judged_query(state)[0] is Verdict.FAIL else NEVER)
        once = min(once, look if outside else NEVER)
        oracle = min(oracle, look if evidence > -math.log(ALPHA) else NEVER)
    return own, once, oracle


def _query_factor(chance: float, broken: float, *, outside: bool) -> float:
    """The logarithm of the likelihood ratio of one look; without an end where only a sound version can be inside."""
    true, sound = (broken, chance) if outside else (1 - broken, 1 - chance)
    return math.log(true / sound) if true else -math.inf


def print_query(pool: Pool, runs: int, seed: int) -> None:
    """The table of queries."""
    print("\n| a look is outside with probability | Serinus | requests it served broken | one look outside | oracle |")
    print("|---|---|---|---|---|")
    for number, (chance, broken) in enumerate([*((one, one) for one in NOISE), *BROKEN]):
        seeds = [(seed, 300 + number, run) for run in range(runs)]
        results = pool.map(partial(query_run, chance, broken), seeds, chunksize=50)
        own, once, oracle = zip(*results, strict=True)
        breaks = chance != broken
        then = f", from look {BREAKS_AT} on {broken:g}" if breaks else ""
        served, best = (_served(own), _looks(oracle)) if breaks else ("", "")
        print(f"| {chance:g}{then} | {_looks(own)} | {served} | {_looks(once)} | {best} |", flush=True)


def _looks(looks: Sequence[float]) -> str:
    """`98.2 %, look 11`: how many rollouts failed, and the median look of all."""
    median = float(np.median(looks))
    return f"{share(looks)}, " + (f"look {median:.0f}" if math.isfinite(median) else "-")


def _served(looks: Sequence[float]) -> str:
    """Requests that the candidate answered from the change until the verdict, the median of the runs."""
    median = float(np.median(looks))
    return f"{max(0.0, median - BREAKS_AT + 1) * CANDIDATE:,.0f}" if math.isfinite(median) else "-"


TABLES: dict[str, Callable[[Pool, int, int], None]] = {
    "quality": print_quality,
    "drift": print_drift,
    "query": print_query,
}
