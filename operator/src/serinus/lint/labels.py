"""How many labels, and how much time, a verdict on quality takes; and what is valid in a Quality signal and will surprise.

A bet l on a difference of variance v whose mean is off by the margin m gains about l m - l^2 (v + m^2) / 2 with each row,
and l is limited by the bound (see serinus.core.analysis.mean_bets). Rows of different requests are not paired: then v is that
of two losses apart, often ten times as much.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from math import ceil, inf, log

from serinus.core.analysis.mean_bets import NEARLY_ALL
from serinus.core.analysis.quality import cohort_length
from serinus.core.spec import ModelDeploymentSpec, QualitySignal, RolloutPolicy, format_duration
from serinus.lint.pairing import logged_share, pairing_surprises
from serinus.lint.problem import Finding, Level
from serinus.lint.rates import Rate, Seen

MIXING = 0.5  # in nats: what it costs not to know the variance beforehand; from tests/benchmarks/sequential.py
FEW_LABELS = 0.5
EVERY_ROW = Rate(1.0, "assumed")


@dataclass(frozen=True)
class LabelForecast:
    """`rows` with labels until the signal can pass (infinite if never); `duration` until then, None where it is unknown."""

    rows: float
    duration: timedelta | None = None


def rows_until_verdict(margin: float, alpha: float, spread: float) -> float:
    """Labelled rows until a candidate as good as stable is shown to be worse by less than `margin`.

    `spread`: standard deviation of the difference of two losses. Both in units of the bound, `margin` below 1.
    """
    second = spread**2 + margin**2
    bet = min(margin / second, NEARLY_ALL / (1 - margin))
    gain = bet * margin - bet**2 * second / 2
    return ceil((log(1 / alpha) + MIXING) / gain) if gain > 0 else inf


def forecast_labels(
    signal: QualitySignal, policy: RolloutPolicy, seen: Seen, requests_per_minute: float | None = None
) -> LabelForecast:
    """What a verdict on the signal takes where both answer the same rows."""
    spread = seen.spread_of(signal.name).value / signal.bound
    rows = rows_until_verdict(signal.max_increase / signal.bound, policy.alpha, spread)
    if requests_per_minute is None or rows == inf or not _labelled(signal, seen).value:
        return LabelForecast(rows)
    cohort = cohort_length(signal, policy.deadline, policy.interval)
    share = signal.sample_rate * _labelled(signal, seen).value
    collected = timedelta(minutes=min(rows / (requests_per_minute * share), 1e9))
    # One cohort decides nothing, so it takes two at least.
    return LabelForecast(rows, signal.label_horizon + max(collected + cohort, 2 * cohort))


def _labelled(signal: QualitySignal, seen: Seen) -> Rate:
    """Share of the rows that get their label in time."""
    return seen.labelled.get(signal.name, EVERY_ROW)


def label_advice(spec: ModelDeploymentSpec, seen: Seen, requests_per_minute: float | None) -> list[Finding]:
    """A finding per surprise, at the field to change."""
    policy = spec.rollout
    told = requests_per_minute and requests_per_minute * logged_share(spec)
    return [
        Finding(("spec", "rollout", "signals", index, field), message, Level.WARNING)
        for index, signal in enumerate(policy.signals)
        if isinstance(signal, QualitySignal)
        for field, message in (
            *_surprises(signal),
            *pairing_surprises(signal, spec),
            *_time(signal, policy, seen, told or None),
        )
    ]


def _surprises(signal: QualitySignal) -> Iterator[tuple[str, str]]:
    if signal.metric == "brier" and signal.bound > 1:
        yield "bound", f"a Brier score is at most 1, so bound {signal.bound:g} only makes evidence slower; remove it"
    if signal.metric != "brier" and "bound" not in signal.model_fields_set:
        yield (
            "metric",
            f"bound is 1, so every {signal.metric} above 1 counts as 1; set bound to the largest loss that matters, as in 4",
        )
    if signal.min_labelled < FEW_LABELS:
        few = f"a verdict may rest on the {signal.min_labelled:.0%} of labels that come first"
        yield "minLabelled", f"{few}, which are not like the others; wait for more of them, as in 0.8"
    if signal.min_labelled == 1:
        yield "minLabelled", "one label that never comes keeps all rows of its time from being judged; use 0.9, say"


def _time(
    signal: QualitySignal, policy: RolloutPolicy, seen: Seen, requests_per_minute: float | None
) -> Iterator[tuple[str, str]]:
    """Nothing is said of the time of a signal that nobody waits for."""
    cohort = cohort_length(signal, policy.deadline, policy.interval)
    if not signal.required:
        return
    if signal.label_horizon + 2 * cohort > policy.deadline:
        first = format_duration(signal.label_horizon + 2 * cohort)
        message = (
            f"no verdict is possible within the deadline of {format_duration(policy.deadline)}: the first comes after"
        )
        why = f"{first} (labelHorizon, and two stretches of time to compare)"
        yield "labelHorizon", f"{message} {why}; raise the deadline"
        return
    have = _labelled(signal, seen)
    if have.value < signal.min_labelled:
        found = f"{have.value:.0%} of the rows had their label after labelHorizon ({have.source})"
        asked = (
            f"minLabelled asks for {signal.min_labelled:.0%} of each stretch of time, so most of them are never judged"
        )
        yield "minLabelled", f"{found}, and {asked}; raise labelHorizon, or lower minLabelled"
        return
    expected = forecast_labels(signal, policy, seen, requests_per_minute)
    if expected.rows != inf:
        yield "labelHorizon", _sentence(signal, policy, seen, expected, requests_per_minute)


def _sentence(
    signal: QualitySignal,
    policy: RolloutPolicy,
    seen: Seen,
    expected: LabelForecast,
    requests_per_minute: float | None,
) -> str:
    spread = seen.spread_of(signal.name)
    message = (
        f"a verdict on signal {signal.name} takes about {expected.rows:,.0f} labelled rows that both answered, if their losses "
        f"differ by {spread.value:.3g} (standard deviation, {spread.source})"
    )
    if expected.duration is None:
        return f"{message}, and then labelHorizon ({format_duration(signal.label_horizon)}) for the last of them"
    minutes = timedelta(minutes=max(1, round(expected.duration / timedelta(minutes=1))))
    message += (
        f": at {Rate(requests_per_minute or 0.0, seen.traffic).per_minute}{_without_labels(signal, seen)} about "
        f"{format_duration(minutes)}, labelHorizon included"
    )
    if expected.duration <= policy.deadline:
        return message
    late = f"deadline {format_duration(policy.deadline)} passes before"
    return f"{message}, and {late}; raise maxIncrease, sampleRate or the deadline"


def _without_labels(signal: QualitySignal, seen: Seen) -> str:
    """What is said of rows without a label where that was seen."""
    have = seen.labelled.get(signal.name)
    return f", {have.value:.0%} of whose rows get their label ({have.source})," if have else ""
