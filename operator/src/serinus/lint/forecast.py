"""How much traffic and time a rollout takes before a verdict is possible.

A test that is valid at every look gathers evidence against "the candidate is worse by the margin" at the rate of the
Kullback-Leibler divergence between what is true and that claim, and decides when it has gathered log(1/alpha): about
log(1/alpha) / KL(base || base + margin) requests. Sources: Wald, Sequential Tests of Statistical Hypotheses (1945),
section 4; Ramdas et al., Game-theoretic statistics and safe anytime-valid inference (2023), section 3. With the
rate of stable known this is some 15 % above the median that simulated rollouts take (840 at a base rate of 1 %
and a margin of one point); with a small stable share it takes longer.
"""

from dataclasses import dataclass
from datetime import timedelta
from math import ceil, inf, log

from serinus.core.spec import DriftSignal, ErrorsSignal, LatencySignal, PauseStep, RolloutPolicy, Signal, Strategy
from serinus.lint.rates import ASSUMED, Seen


@dataclass(frozen=True)
class Forecast:
    """`requests`: candidate requests until every required signal can pass (infinite when one never can).

    `slowest` names the signal that takes the most. `duration`: from the first step to the verdict at the given traffic,
    without pauses that wait for a person; None when no traffic was given or it is infinite.
    """

    requests: float
    slowest: str
    duration: timedelta | None = None


def requests_until_verdict(margin: float, alpha: float, base: float = ASSUMED.error_rate.value) -> float:
    """Candidate requests until a candidate as good as stable is shown to be worse by less than `margin` (a rate)."""
    divergence = _bernoulli_divergence(base, base + margin)
    return ceil(log(1 / alpha) / divergence) if divergence > 0 else inf


def forecast(policy: RolloutPolicy, requests_per_minute: float | None = None, seen: Seen = ASSUMED) -> Forecast | None:
    """What the policy takes; None when it asks for no verdict on requests. Raises ValueError for no traffic."""
    if requests_per_minute is not None and not 0 < requests_per_minute < inf:
        raise ValueError(f"{requests_per_minute} requests per minute is not a rate; give a number greater than 0")
    asked = {item.name: _requests(item, policy, seen) for item in policy.signals if item.required}
    needs = {name: requests for name, requests in asked.items() if requests is not None}
    if policy.strategy is Strategy.IMMEDIATE or not needs:
        return None
    slowest = max(needs, key=lambda name: needs[name])
    return Forecast(needs[slowest], slowest, _duration(policy, needs[slowest], requests_per_minute))


def _requests(signal: Signal, policy: RolloutPolicy, seen: Seen) -> float | None:
    """Candidate requests that a verdict on the signal takes; None where it does not depend on them."""
    if isinstance(signal, ErrorsSignal | LatencySignal):
        return requests_until_verdict(signal.max_increase, policy.alpha, seen.bad_of(signal.name).value)
    return signal.min_samples if isinstance(signal, DriftSignal) else None


def _bernoulli_divergence(rate: float, other: float) -> float:
    """KL(Bernoulli(rate) || Bernoulli(other)) in nats, for 0 < rate <= other; infinite from other = 1."""
    if other >= 1:
        return inf
    return rate * log(rate / other) + (1 - rate) * log((1 - rate) / (1 - other))


def _duration(policy: RolloutPolicy, requests: float, requests_per_minute: float | None) -> timedelta | None:
    """Each step takes its hold or its requests, whichever is longer; the last below 100 %, what is still missing as well."""
    if requests_per_minute is None or requests == inf:
        return None
    minutes, seen, judged_at = 0.0, 0.0, 0.0
    for step in policy.steps:
        if isinstance(step, PauseStep):
            spent, per_minute = (step.pause.duration or timedelta()) / timedelta(minutes=1), judged_at
        else:
            per_minute = requests_per_minute * step.weight / 100
            spent = max(step.hold / timedelta(minutes=1), step.min_requests / per_minute)
        # At 100 % there is nothing to compare with, unless it is a copy.
        if per_minute < requests_per_minute or policy.strategy.mirrors:
            judged_at, seen = per_minute, seen + spent * per_minute
        minutes += spent
    minutes += max(0.0, requests - seen) / (judged_at or requests_per_minute)
    return timedelta(minutes=min(minutes, 1e9))
