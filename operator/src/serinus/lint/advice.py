"""Warnings: what is valid and will surprise."""

from datetime import timedelta
from math import inf

from serinus.core.spec import (
    DriftSignal,
    ErrorsSignal,
    LatencySignal,
    ModelDeployment,
    PauseStep,
    QualitySignal,
    RolloutPolicy,
    Strategy,
    WeightStep,
    format_duration,
)
from serinus.lint.forecast import Forecast, forecast
from serinus.lint.labels import label_advice
from serinus.lint.problem import Finding, Level, Location
from serinus.lint.rates import ASSUMED, Rate, Seen

ROLLOUT: Location = ("spec", "rollout")


def advice(
    deployment: ModelDeployment, requests_per_minute: float | None = None, seen: Seen = ASSUMED
) -> list[Finding]:
    """What a person should know before this rollout starts."""
    policy = deployment.spec.rollout
    if policy.strategy is Strategy.IMMEDIATE:
        return _ignored_by_immediate(policy)
    return [
        *_nothing_required(policy),
        *_margins_of_zero(policy),
        *_holds_beyond_the_deadline(policy),
        *_ignored_by_copies(policy),
        *_chosen_requests(policy),
        *label_advice(deployment.spec, seen, requests_per_minute),
        *_traffic(policy, requests_per_minute, seen),
    ]


def _warning(message: str, *loc: str | int) -> Finding:
    return Finding((*ROLLOUT, *loc), message, Level.WARNING)


def _ignored_by_immediate(policy: RolloutPolicy) -> list[Finding]:
    return [
        _warning(f"strategy Immediate judges nothing, so {name} has no effect; remove it, or use Canary", name)
        for name in ("steps", "signals")
        if name in policy.model_fields_set
    ]


def _ignored_by_copies(policy: RolloutPolicy) -> list[Finding]:
    found = []
    if policy.strategy.mirrors and policy.sticky:
        reason = "stable answers every client until the promotion"
        found.append(
            _warning(f"strategy {policy.strategy} copies requests and {reason}, so sticky has no effect", "sticky")
        )
    if policy.strategy is Strategy.SHADOW and "approval" in policy.model_fields_set:
        found.append(_warning("strategy Shadow always waits for a person, so approval has no effect", "approval"))
    return found


def _nothing_required(policy: RolloutPolicy) -> list[Finding]:
    if any(signal.required for signal in policy.signals):
        return []
    return [_warning("no signal is required, so a candidate is promoted without a verdict; require one", "signals")]


def _margins_of_zero(policy: RolloutPolicy) -> list[Finding]:
    return [
        _warning(
            "a candidate as good as stable can never be shown to be no worse at all, so the rollout waits until its "
            "deadline; allow a small margin, as in 0.01, or set required: false",
            "signals",
            index,
            "maxIncrease",
        )
        for index, signal in enumerate(policy.signals)
        if isinstance(signal, ErrorsSignal | LatencySignal | QualitySignal)
        and signal.required
        and not signal.max_increase
    ]


def _holds_beyond_the_deadline(policy: RolloutPolicy) -> list[Finding]:
    waits = [step.hold if isinstance(step, WeightStep) else step.pause.duration or timedelta() for step in policy.steps]
    total = sum(waits, timedelta())
    if total < policy.deadline:
        return []
    message = (
        f"the steps take {format_duration(total)}, and deadline {format_duration(policy.deadline)} ends them before"
    )
    return [_warning(f"{message}; shorten the steps or raise it", "deadline")]


def _chosen_requests(policy: RolloutPolicy) -> list[Finding]:
    if policy.match is None:
        return []
    message = (
        "requests that match reach the candidate and never stable, so answers may differ although the models do not; "
        "remove the signal, or match few requests"
    )
    return [
        _warning(message, "signals", index)
        for index, signal in enumerate(policy.signals)
        if isinstance(signal, DriftSignal)
    ]


def _traffic(policy: RolloutPolicy, requests_per_minute: float | None, seen: Seen) -> list[Finding]:
    expected = forecast(policy, requests_per_minute, seen)
    if expected is None or expected.requests == inf:
        return []
    if requests_per_minute is None or expected.duration is None:
        return _evidence_beyond_the_steps(policy, expected, seen)
    said = _verdict_sentence(policy, expected, seen)
    traffic = Rate(requests_per_minute, seen.traffic)
    return [_warning(_time_sentence(policy, said, expected.duration, traffic), "steps")]


def _verdict_sentence(policy: RolloutPolicy, expected: Forecast, seen: Seen) -> str:
    message = f"a verdict on signal {expected.slowest} takes about {expected.requests:,.0f} candidate requests"
    if any(isinstance(one, DriftSignal) and one.name == expected.slowest for one in policy.signals):
        return f"{message} at the last share"
    bad = seen.bad_of(expected.slowest)
    return f"{message} if {100 * bad.value:.3g}% of stable's are bad ({bad.source})"


def _evidence_beyond_the_steps(policy: RolloutPolicy, expected: Forecast, seen: Seen) -> list[Finding]:
    mirrors = policy.strategy.mirrors
    judged = [step for step in policy.steps if isinstance(step, WeightStep) and (step.weight < 100 or mirrors)]
    asked = sum(step.min_requests for step in judged)
    if asked >= expected.requests:
        return []
    message = (
        f"{_verdict_sentence(policy, expected, seen)}, and the steps ask for {asked:,}: the last step"
        f"{'' if mirrors else ' below 100 %'} waits for the rest"
    )
    return [_warning(f"{message}; raise maxIncrease if your traffic is small", "steps")]


def _time_sentence(policy: RolloutPolicy, said: str, duration: timedelta, traffic: Rate) -> str:
    person = any(isinstance(step, PauseStep) and step.pause.duration is None for step in policy.steps)
    message = f"{said}: at {traffic.per_minute} the rollout takes about {_readable(duration)}" + (
        ", and the time that a person takes at the pause" if person else ""
    )
    if duration <= policy.deadline:
        return message
    return (
        f"{message}, and deadline {format_duration(policy.deadline)} passes before; raise maxIncrease or the deadline"
    )


def _readable(duration: timedelta) -> str:
    """Whole minutes, or days where it is long."""
    if duration >= timedelta(days=3):
        return f"{duration / timedelta(days=1):,.0f} days"
    return format_duration(timedelta(minutes=max(1, round(duration / timedelta(minutes=1)))))
