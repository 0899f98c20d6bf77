"""What lint says of a Quality signal: how many labels a verdict takes, and what will surprise."""

from datetime import timedelta
from math import inf

import pytest
from lint_texts import with_rollout, with_spec

from serinus.core.spec import QualitySignal, RolloutPolicy
from serinus.lint import Level, Problem, Rate, Seen, lint_text, rows_until_verdict
from serinus.lint.labels import forecast_labels

SIGNAL = QualitySignal(name="quality", type="Quality", label_horizon=timedelta(hours=6))
POLICY = RolloutPolicy(signals=(SIGNAL,))


def warnings(signals: str, rpm: float | None = None, seen: Seen | None = None, more: str = "") -> list[Problem]:
    text = with_rollout("\n    ".join(filter(None, (f"signals: [{signals}]", more))))
    return [one for one in lint_text(text, "file.yaml", rpm, seen or Seen()) if one.level is Level.WARNING]


def said_of(field: str, found: list[Problem]) -> list[str]:
    return [one.message for one in found if one.path.endswith(field)]


# Medians of tests/benchmarks/sequential.py at a margin of 0.01 and alpha .05, and the spread of the losses there.
@pytest.mark.parametrize(("spread", "simulated"), [(0.045, 450), (0.3, 5600)])
def test_a_verdict_is_forecast_near_the_simulated_median(spread: float, simulated: int) -> None:
    assert simulated * 3 / 4 <= rows_until_verdict(0.01, 0.05, spread) <= simulated * 4 / 3


def test_a_smaller_margin_or_a_larger_spread_takes_more_labels() -> None:
    usual = rows_until_verdict(0.01, 0.05, 0.1)
    assert rows_until_verdict(0.005, 0.05, 0.1) > usual < rows_until_verdict(0.01, 0.05, 0.2)
    assert rows_until_verdict(0.01, 0.01, 0.1) > usual
    assert rows_until_verdict(0, 0.05, 0.1) == inf


def test_the_time_has_the_horizon_in_it_and_two_cohorts_at_least() -> None:
    busy = forecast_labels(SIGNAL, POLICY, Seen(), requests_per_minute=100_000)
    assert busy.duration == timedelta(hours=6, minutes=90)
    quiet = forecast_labels(SIGNAL, POLICY, Seen(), requests_per_minute=1)
    assert quiet.duration == timedelta(hours=6, minutes=45 + quiet.rows)


def test_the_sentence_has_the_labels_and_the_time() -> None:
    found = warnings("{name: quality, type: Quality, labelHorizon: 6h}", 60)
    (message,) = said_of("labelHorizon", found)
    assert message.startswith("a verdict on signal quality takes about 7")
    assert "labelled rows that both answered, if their losses differ by 0.1 (standard deviation, assumed)" in message
    assert message.endswith("at 60 requests a minute (given) about 7h30m, labelHorizon included")


def test_what_was_seen_of_a_running_model_takes_the_place_of_what_is_assumed() -> None:
    signals = "{name: errors, type: Errors}, {name: quality, type: Quality, labelHorizon: 6h}"
    found = warnings(signals, None, Seen(Rate(0.002), Rate(0.3)))
    assert "if 0.2% of stable's are bad (given)" in said_of("steps", found)[0]
    assert (
        "losses differ by 0.3 (standard deviation, given), and then labelHorizon (6h)"
        in said_of("labelHorizon", found)[0]
    )


def test_a_verdict_that_comes_after_the_deadline_is_told() -> None:
    (message,) = said_of("labelHorizon", warnings("{name: quality, type: Quality, labelHorizon: 6h}", 0.1))
    assert "and deadline 24h passes before; raise maxIncrease, sampleRate or the deadline" in message


def test_a_horizon_beyond_the_deadline_can_never_pass() -> None:
    (message,) = said_of("labelHorizon", warnings("{name: quality, type: Quality, labelHorizon: 48h}"))
    assert message.startswith("no verdict is possible within the deadline of 24h: the first comes after 72h")


@pytest.mark.parametrize(
    ("signal", "field", "words"),
    [
        ("bound: 2", "bound", "a Brier score is at most 1"),
        ("metric: logLoss", "metric", "every logLoss above 1 counts as 1"),
        ("minLabelled: 0.3", "minLabelled", "may rest on the 30% of labels that come first"),
        ("minLabelled: 1", "minLabelled", "one label that never comes"),
        ("maxIncrease: 0", "maxIncrease", "can never be shown to be no worse at all"),
    ],
)
def test_what_surprises_is_told_at_its_field(signal: str, field: str, words: str) -> None:
    found = said_of(field, warnings(f"{{name: quality, type: Quality, labelHorizon: 6h, {signal}}}"))
    assert any(words in message for message in found)


def test_a_signal_that_nobody_waits_for_has_no_forecast() -> None:
    signals = "{name: errors, type: Errors}, {name: quality, type: Quality, labelHorizon: 48h, required: false}"
    assert not said_of("labelHorizon", warnings(signals))


def test_drift_counts_its_samples_and_dislikes_chosen_requests() -> None:
    found = warnings("{name: drift, type: Drift}", more="match: {header: {name: X-Tester, value: ann}}")
    assert "takes about 500 candidate requests at the last share" in said_of("steps", found)[0]
    assert any("requests that match reach the candidate and never stable" in one.message for one in found)


QUALITY = "rollout: {signals: [{name: quality, type: Quality, labelHorizon: 6h%s}]}"


def said_with(*more: str, of: str = "type", signal: str = "", rpm: float | None = None) -> list[str]:
    text = with_spec(QUALITY % signal, *more)
    return said_of(of, [one for one in lint_text(text, "file.yaml", rpm) if one.level is Level.WARNING])


def test_a_signal_whose_rows_cannot_be_paired_is_told_of_the_labels_that_it_takes() -> None:
    assert "no inputs are sent" in said_with()[0]
    assert not said_with("monitoring: {log: {}}")
    assert "about ten times as many labels" in said_with("monitoring: {log: {hash: [seat]}}")[0]


def test_a_runtime_that_tells_nothing_is_warned_of() -> None:
    other = "serving: {runtime: kserve-sklearnserver, format: sklearn}"
    assert "runtime kserve-sklearnserver tells the collector nothing" in said_with(other)[0]
    assert not said_with(other, "monitoring: {log: {}}")


def test_requests_that_are_not_logged_are_not_counted_on() -> None:
    (message,) = said_with("monitoring: {log: {sampleRate: 0.1}}", of="labelHorizon", rpm=600)
    assert "at 60 requests a minute (given) about 7h30m" in message


def test_a_loss_of_a_regression_has_to_be_given_to_the_collector_of_a_cluster() -> None:
    found = said_with(of="metric", signal=", metric: absoluteError, bound: 4")
    assert any("collector.settings.losses" in message for message in found)
    assert not said_with(of="metric")
