"""How soon, and how rightly, rollouts are judged: simulated rollouts through the tests of serinus.core.analysis.

Run: python tests/benchmarks/sequential.py [--runs 2000] [--seed 1] [--signals errors,quality,drift,query]. Prints tables in
Markdown; those of quality, drift and query are in sequential_signals.py.

Canary 100 and stable 900 requests a minute, one look a minute for an hour, one test alone at alpha 0.05. Beside ours:
the z-test for two proportions at each look, which is what most tools do, and the likelihood ratio that knows the true
rates beforehand, which nobody can have and nobody can much improve on.
"""

import argparse
import math
import multiprocessing
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.pool import Pool

import numpy as np

from serinus.core.analysis import difference
from serinus.core.analysis.bets import REQUESTS
from serinus.core.analysis.counts import Counts, Pair
from serinus.core.analysis.difference import log_factor
from serinus.core.analysis.wealth import rejects
from tests.benchmarks import sequential_signals

ALPHA = 0.05
Z_ONE_SIDED = 1.6449
CANDIDATE, STABLE, MINUTES = 100, 900, 60
BURST_MINUTE = 3
NEVER = math.inf


@dataclass(frozen=True)
class Scenario:
    """One row. Rates by minute are `candidate` before `breaks_at` and `later` from then on, both scaled by `season`."""

    name: str
    margin: float
    question: str  # Fail or Pass: which verdict is timed
    candidate: float
    stable: float = 0.01
    target: str = ""
    later: float | None = None
    breaks_at: int = MINUTES
    burst: tuple[int, int] = (0, 0)  # bad requests more, for candidate and stable, in BURST_MINUTE
    season: float = 0.0

    def rates(self, minute: int) -> tuple[float, float]:
        """The true rates of candidate and stable."""
        scale = 1 + self.season * math.sin(2 * math.pi * minute / MINUTES)
        changed = self.later is not None and minute >= self.breaks_at
        return scale * (self.later if changed and self.later else self.candidate), scale * self.stable


SCENARIOS = (
    Scenario("healthy, margin 0", 0, "Fail", 0.01, target="<= 1.5 %"),
    Scenario("1.5 % errors, margin 0", 0, "Fail", 0.015),
    Scenario("2 % errors, margin 0", 0, "Fail", 0.02, target="<= 13 min"),
    Scenario("5 % errors, margin 0", 0, "Fail", 0.05, target="<= 3 min"),
    Scenario("50 % errors, margin 0", 0, "Fail", 0.5),
    Scenario("healthy, margin 1 point", 0.01, "Fail", 0.01),
    Scenario("healthy, margin 1 point", 0.01, "Pass", 0.01, target="<= 900 requests"),
    Scenario("5 % errors, margin 1 point", 0.01, "Fail", 0.05, target="<= 330 requests"),
    Scenario("2 % errors (the margin), margin 1 point", 0.01, "Fail", 0.02, target="<= 5 %"),
    Scenario("2 % errors (the margin), margin 1 point", 0.01, "Pass", 0.02, target="<= 5 %"),
    Scenario(
        "healthy, 500 retries within a minute reach the candidate only, margin 0", 0, "Fail", 0.01, burst=(500, 0)
    ),
    Scenario("healthy, 10 retries within a minute reach the candidate only, margin 0", 0, "Fail", 0.01, burst=(10, 0)),
    Scenario("healthy, 500 retries split by the weights, margin 0", 0, "Fail", 0.01, burst=(50, 450)),
    Scenario("2 % errors, 500 retries split by the weights, margin 0", 0, "Fail", 0.02, burst=(50, 450)),
    Scenario("healthy, base rate swings by 80 % within the hour, margin 0", 0, "Fail", 0.01, season=0.8),
    Scenario("2 % errors, base rate swings by 80 % within the hour, margin 0", 0, "Fail", 0.02, season=0.8),
    Scenario("healthy for 30 min, then 5 % errors, margin 0", 0, "Fail", 0.01, later=0.05, breaks_at=30),
)


def minutes_of(scenario: Scenario, rng: np.random.Generator) -> Iterator[Pair]:
    """The counts of one simulated rollout, minute by minute."""
    for minute in range(MINUTES):
        p_c, p_s = scenario.rates(minute)
        more_c, more_s = scenario.burst if minute == BURST_MINUTE else (0, 0)
        yield Pair(
            candidate=Counts(bad=int(rng.binomial(CANDIDATE, p_c)) + more_c, total=CANDIDATE + more_c),
            stable=Counts(bad=int(rng.binomial(STABLE, p_s)) + more_s, total=STABLE + more_s),
        )


def ours(scenario: Scenario, pairs: Sequence[Pair]) -> float:
    """Minutes until the verdict in question by the tests of the product."""
    state = difference.begin(scenario.margin, REQUESTS)
    for minute, pair in enumerate(pairs, start=1):
        state = difference.update(state, pair, 60.0, ALPHA, REQUESTS)
        if rejects(state.harm if scenario.question == "Fail" else state.safety, ALPHA):
            return minute
    return NEVER


def naive(scenario: Scenario, pairs: Sequence[Pair]) -> float:
    """Minutes until the z-test on all counts so far is significant at 5 %, one-sided, at some look."""
    total = Pair()
    for minute, pair in enumerate(pairs, start=1):
        total += pair
        c, s = total.candidate, total.stable
        variance = _variance(total, pooled=not scenario.margin)
        z = (c.rate - s.rate - scenario.margin) / math.sqrt(variance) if variance else 0.0
        if (z if scenario.question == "Fail" else -z) > Z_ONE_SIDED:
            return minute
    return NEVER


def _variance(total: Pair, *, pooled: bool) -> float:
    c, s = total.candidate, total.stable
    rate_c, rate_s = ((c + s).rate,) * 2 if pooled else (c.rate, s.rate)
    return rate_c * (1 - rate_c) / c.total + rate_s * (1 - rate_s) / s.total


def oracle(scenario: Scenario, pairs: Sequence[Pair]) -> float:
    """Minutes until the likelihood ratio of the true rates and their projection is 1/alpha; no caution about bursts."""
    evidence = 0.0
    for minute, pair in enumerate(pairs):
        p_c, p_s = scenario.rates(minute)
        if (p_c - p_s > scenario.margin) == (scenario.question == "Fail"):
            evidence += log_factor(pair, p_c, p_s, scenario.margin)
        if evidence >= -math.log(ALPHA):
            return minute + 1
    return NEVER


def simulate(scenario: Scenario, seed: Sequence[int]) -> tuple[float, float, float]:
    """One rollout judged by the three tests."""
    pairs = list(minutes_of(scenario, np.random.default_rng(seed)))
    return ours(scenario, pairs), naive(scenario, pairs), oracle(scenario, pairs)


def cell(times: Sequence[float]) -> str:
    """`98.2 %, 11 min`: how many reached the verdict, and the median time over all runs."""
    share = sum(math.isfinite(t) for t in times) / len(times)
    median = statistics.median(times)
    return f"{100 * share:.1f} %, " + (f"{median:.0f} min" if math.isfinite(median) else "-")


def print_errors(pool: Pool, runs: int, seed: int) -> None:
    """The table of errors, which is that of latency too."""
    print(f"{runs} rollouts a row: share with the verdict within the hour, median time to it.")
    print("A minute is 100 requests of the candidate.\n")
    print("| rollout | verdict | Serinus | target | z-test each minute | oracle |\n|---|---|---|---|---|---|")
    for row, scenario in enumerate(SCENARIOS):
        seeds = [(seed, row, run) for run in range(runs)]
        results = pool.map(partial(simulate, scenario), seeds, chunksize=50)
        own, z, best = (cell(times) for times in zip(*results, strict=True))
        print(f"| {scenario.name} | {scenario.question} | {own} | {scenario.target} | {z} | {best} |", flush=True)


TABLES = {"errors": print_errors, **sequential_signals.TABLES}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--signals", default=",".join(TABLES))
    arguments = parser.parse_args()
    started = time.monotonic()
    with multiprocessing.Pool(2) as pool:
        for name in arguments.signals.split(","):
            TABLES[name](pool, arguments.runs, arguments.seed)
    print(f"\n{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
