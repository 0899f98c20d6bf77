"""Base rates out of what a deployment's rollouts have kept: which, where they are from, and when there are none."""

from datetime import timedelta

import pytest
from lint_texts import with_rollout

from serinus.core.quality import GRID
from serinus.core.state import Outcome, Phase, RolloutRecord, SignalResult, WeightChange
from serinus.lint import Level, Rate, Seen, lint_text, rates_seen
from tests.fakes.signal_worlds import QUALITY, labels, world_of
from tests.fakes.world import rolling_out
from tests.unit.core.builders import NOW

THIRD = "seen in the rollout of version 3"


def result(name: str, kind: str, **numbers: float) -> SignalResult:
    return SignalResult(name=name, type=kind, verdict="Pass", reason="R", message="m", numbers=numbers)


def errors(bad: float, total: float) -> SignalResult:
    return result("errors", "Errors", stableBad=bad, stableTotal=total)


def quality(**numbers: float) -> SignalResult:
    return result("quality", "Quality", **numbers)


def record(version: str, *signals: SignalResult, requests: int = 0, mirror: int = 0) -> RolloutRecord:
    """A rollout of which ten minutes were judged; stable answered all requests but a tenth."""
    begun = NOW + timedelta(minutes=5)
    changes = (WeightChange(at=NOW, weight=0), WeightChange(at=begun, weight=0 if mirror else 10, mirror=mirror))
    return RolloutRecord(
        id=version, attempt=1, model="flights", from_version="1", to_version=version, revision="abc",
        outcome=Outcome.PROMOTED, reason="R", message="m", started_at=NOW, ended_at=begun + timedelta(minutes=10),
        weights=changes, signals=signals, candidate_requests=requests // 10, candidate_failed=0,
        stable_requests=requests - requests // 10, stable_failed=0,
    )  # fmt: skip


def test_each_rate_is_from_the_latest_rollout_that_saw_enough_for_it() -> None:
    second = record("2", errors(20, 1000), quality(judged=400, spread=0.25, rows=500, labelled=450), requests=2000)
    third = record("3", errors(4, 999), quality(judged=3, spread=0.9, rows=6, labelled=3), requests=6000)
    fourth = record("4", errors(9, 20), requests=22)
    seen = rates_seen([second, third, fourth])
    assert seen.bad == {"errors": Rate(0.0045, THIRD)}
    assert seen.spreads == {"quality": Rate(0.25, "seen in the rollout of version 2")}
    assert seen.labelled == {"quality": Rate(0.9, "seen in the rollout of version 2")}
    assert seen.requests_per_minute == Rate(600, THIRD)


def test_copies_are_no_requests_of_clients() -> None:
    assert rates_seen([record("3", requests=6000, mirror=50)]).requests_per_minute == Rate(540, THIRD)


def test_errors_that_were_never_seen_are_rare_and_not_impossible() -> None:
    assert rates_seen([record("3", errors(0, 499))]).bad == {"errors": Rate(0.001, THIRD)}


def test_other_signals_say_nothing_of_base_rates() -> None:
    available = result("availability", "Availability", stableBad=300, stableTotal=900)
    assert rates_seen([record("3", available, result("drift", "Drift", psi=0.4))]).nothing
    assert rates_seen([]).nothing


@pytest.mark.parametrize("strategy", ["Canary", "BlueGreen"])
def test_the_traffic_of_a_simulated_rollout_is_found_again(strategy: str) -> None:
    world = rolling_out("2", strategy=strategy)
    assert rates_seen(world.state.history, world.state.rollout).nothing
    world.until_phase(Phase.STABLE)
    found = rates_seen(world.state.history).requests_per_minute
    assert found is not None
    assert found.value == pytest.approx(60 * world.rate, rel=0.2)


def test_what_labels_were_like_in_a_simulated_rollout_is_found_again() -> None:
    world = world_of(QUALITY)
    labels(world).differences, labels(world).labelled = {1: 0.5, -1: 0.5}, 0.9
    world.until_phase(Phase.STABLE)
    seen = rates_seen(world.records())
    assert seen.spreads["quality"].value == pytest.approx(1 / GRID)
    assert seen.labelled["quality"].value == pytest.approx(0.9, abs=0.01)
    assert {one.source for one in (seen.spreads["quality"], seen.labelled["quality"])} == {
        "seen in the rollout of version 2"
    }


def test_a_rollout_under_way_has_seen_something_too() -> None:
    world = rolling_out()
    for _ in range(6):
        world.tick()
    assert world.state.phase is Phase.PROGRESSING
    found = rates_seen((), world.state.rollout)
    assert found.bad["errors"].source == "seen so far in the rollout of version 2"
    assert 0 < found.bad["errors"].value < 0.01


SIGNALS = "signals: [{name: errors, type: Errors}, {name: quality, type: Quality, labelHorizon: 6h}]"


def said(seen: Seen, rpm: float | None = None) -> str:
    problems = lint_text(with_rollout(SIGNALS), "file.yaml", rpm, seen)
    return "\n".join(one.message for one in problems if one.level is Level.WARNING)


def test_every_rate_that_a_forecast_rests_on_is_named_with_its_source() -> None:
    bad, spread, labelled = Rate(0.002, THIRD), Rate(0.25, THIRD), Rate(0.9, THIRD)
    seen = Seen(bad={"errors": bad}, spreads={"quality": spread}, labelled={"quality": labelled}, traffic=THIRD)
    text = said(seen, 1234.5)
    assert f"if 0.2% of stable's are bad ({THIRD}): at 1,234 requests a minute ({THIRD}) the rollout" in text
    assert f"differ by 0.25 (standard deviation, {THIRD})" in text
    assert f"at 1,234 requests a minute ({THIRD}), 90% of whose rows get their label ({THIRD}), about" in text
    assert "assumed" not in text


def test_what_was_seen_of_one_signal_says_nothing_of_another() -> None:
    text = said(Seen(bad={"latency": Rate(0.3, THIRD)}, spreads={"other": Rate(0.9, THIRD)}))
    assert "if 1% of stable's are bad (assumed)" in text
    assert "differ by 0.1 (standard deviation, assumed)" in text


def test_labels_that_do_not_come_make_the_verdict_later_or_impossible() -> None:
    few = said(Seen(labelled={"quality": Rate(0.6, THIRD)}), 1.0)
    assert f"60% of the rows had their label after labelHorizon ({THIRD}), and minLabelled asks for 80%" in few
    assert "labelled rows that both answered" not in few
    assert "raise labelHorizon" in said(Seen(labelled={"quality": Rate(0.0, THIRD)}), 1.0)
    all_come, most_come = said(Seen(), 1.0), said(Seen(labelled={"quality": Rate(0.8, THIRD)}), 1.0)
    assert "about 18h32m" in all_come
    assert "about 21h29m" in most_come
