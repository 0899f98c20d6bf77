from datetime import timedelta
from math import inf
from pathlib import Path

import pytest
from lint_texts import with_rollout, with_spec

from serinus.core.spec import ErrorsSignal, LatencySignal, PauseStep, RolloutPolicy, Strategy, WeightStep
from serinus.core.spec.steps import Pause
from serinus.lint import Level, forecast, lint_text, requests_until_verdict

EXAMPLE = Path(__file__).parents[3] / "examples" / "flights" / "modeldeployment.yaml"


def warnings(text: str, requests_per_minute: float | None = None) -> list[str]:
    problems = lint_text(text, "file.yaml", requests_per_minute)
    return [problem.message for problem in problems if problem.level is Level.WARNING]


def policy(margin: float, *weights: int, min_requests: int = 0) -> RolloutPolicy:
    return RolloutPolicy(
        steps=tuple(WeightStep(weight=weight, hold=timedelta(), min_requests=min_requests) for weight in weights),
        signals=(ErrorsSignal(name="errors", type="Errors", max_increase=margin),),
    )


# The medians of simulated rollouts at base 1 % and alpha .05; the formula may be above them, and not by a third.
@pytest.mark.parametrize(("margin", "simulated"), [(0.01, 840), (0.02, 280), (0.05, 70)])
def test_a_verdict_is_forecast_a_little_above_the_simulated_median(margin: float, simulated: int) -> None:
    assert simulated <= requests_until_verdict(margin, 0.05) <= simulated * 4 / 3


def test_a_smaller_alpha_or_margin_takes_more_requests() -> None:
    assert requests_until_verdict(0.01, 0.01) > requests_until_verdict(0.01, 0.05) > requests_until_verdict(0.02, 0.05)
    assert requests_until_verdict(0, 0.05) == inf
    assert requests_until_verdict(1, 0.05) == 0


def test_the_time_is_the_steps_and_what_is_then_still_missing() -> None:
    found = forecast(policy(0.01, 10, 50, min_requests=100), requests_per_minute=100)
    needed = requests_until_verdict(0.01, 0.05)
    assert found is not None
    assert found.duration == timedelta(minutes=100 / 10 + 100 / 50 + (needed - 200) / 50)


def test_evidence_is_complete_before_the_step_that_gives_everything() -> None:
    found = forecast(policy(0.01, 50, 100, min_requests=100), requests_per_minute=100)
    needed = requests_until_verdict(0.01, 0.05)
    assert found is not None
    assert found.duration == timedelta(minutes=100 / 50 + 100 / 100 + (needed - 100) / 50)


@pytest.mark.parametrize("strategy", [Strategy.BLUE_GREEN, Strategy.SHADOW])
def test_a_step_that_copies_everything_gathers_evidence_too(strategy: Strategy) -> None:
    copied = policy(0.01, 50, 100, min_requests=100).model_copy(update={"strategy": strategy})
    found = forecast(copied, requests_per_minute=100)
    needed = requests_until_verdict(0.01, 0.05)
    assert found is not None
    assert found.duration == timedelta(minutes=100 / 50 + 100 / 100 + (needed - 200) / 100)


def test_what_a_strategy_that_copies_does_not_heed_is_said() -> None:
    shadow = "\n    ".join(["strategy: Shadow", "sticky: true", "approval: Automatic"])
    said = warnings(with_rollout(shadow))
    assert "strategy Shadow always waits for a person, so approval has no effect" in said
    assert any("so sticky has no effect" in message for message in said)
    assert not any("no effect" in message for message in warnings(with_rollout("strategy: BlueGreen")))


def test_the_example_is_forecast_as_it_is_judged() -> None:
    text = EXAMPLE.read_text(encoding="utf-8").replace("deadline: 90s", "deadline: 1h")
    (message,) = (one for one in warnings(text, requests_per_minute=10) if "a verdict on signal" in one)
    assert message.endswith("at 10 requests a minute (given) the rollout takes about 52m")


def test_a_pause_counts_its_duration_and_the_requests_that_arrive_in_it() -> None:
    paused = RolloutPolicy(
        steps=(WeightStep(weight=50, hold=timedelta()), PauseStep(pause=Pause(duration=timedelta(hours=10)))),
    )
    found = forecast(paused, requests_per_minute=100)
    assert found is not None
    assert found.duration == timedelta(hours=10)


def test_the_signal_that_takes_longest_is_named() -> None:
    slow = LatencySignal(name="slow", type="Latency", threshold=timedelta(seconds=1), max_increase=0.005)
    found = forecast(RolloutPolicy(signals=(ErrorsSignal(name="errors", type="Errors"), slow)))
    assert found is not None
    assert found.slowest == "slow"


def test_an_immediate_rollout_has_no_forecast() -> None:
    assert forecast(RolloutPolicy(strategy=Strategy.IMMEDIATE), requests_per_minute=1) is None


@pytest.mark.parametrize("traffic", [0, -1, inf, float("nan")])
def test_traffic_that_is_none_is_refused(traffic: float) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        forecast(RolloutPolicy(), traffic)


def test_lint_says_what_a_verdict_takes_when_the_steps_ask_for_less() -> None:
    (message,) = warnings(with_spec())
    assert "takes about 961 candidate requests" in message
    assert "the steps ask for 200" in message


def test_lint_says_nothing_when_the_steps_ask_for_enough() -> None:
    assert warnings(with_rollout("steps: [{weight: 50, minRequests: 1000}]")) == []


def test_lint_says_how_long_a_rollout_takes_at_a_given_traffic() -> None:
    (message,) = warnings(with_rollout("steps: [{weight: 10}]"), requests_per_minute=100)
    assert "at 100 requests a minute (given) the rollout takes about 1h36m" in message
    assert "deadline" not in message


def test_lint_says_that_the_deadline_passes_before_a_verdict() -> None:
    (message,) = warnings(with_rollout("steps: [{weight: 10}]"), requests_per_minute=1)
    assert "about 7 days, and deadline 24h passes before" in message


def test_a_required_margin_of_zero_is_warned_of() -> None:
    text = with_rollout("signals: [{name: errors, type: Errors, maxIncrease: 0}]")
    (message,) = warnings(text)
    assert "can never be shown to be no worse at all" in message


def test_no_required_signal_is_warned_of() -> None:
    (message,) = warnings(with_rollout("signals: [{name: errors, type: Errors, required: false}]"))
    assert "promoted without a verdict" in message


def test_steps_that_outlast_the_deadline_are_warned_of() -> None:
    text = with_rollout("deadline: 1h", "steps: [{weight: 10, hold: 2h, minRequests: 5000}]")
    (message,) = warnings(text)
    assert "the steps take 2h, and deadline 1h ends them before" in message


def test_steps_of_an_immediate_rollout_are_said_to_have_no_effect() -> None:
    (message,) = warnings(with_rollout("strategy: Immediate", "steps: [{weight: 10}]"))
    assert "steps has no effect" in message
