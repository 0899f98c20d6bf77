"""What people read of Quality, Drift and Query: `serinus explain`, `history` and the numbers in one line."""

from serinus.cli.explain import lines, signal_lines
from serinus.cli.explaining import Explanation, explain
from serinus.cli.history import lines as history_lines
from serinus.cli.plain import numbers
from serinus.core import reasons
from serinus.core.errors import QualityUnavailable
from serinus.core.state import Phase, RolloutState
from tests.cli.homes import ScriptedHome, found_in
from tests.fakes.signal_worlds import DRIFT, QUALITY, QUERY, answers, drifting, labels, world_of
from tests.fakes.world import World


def explained(world: World) -> Explanation:
    return explain(found_in(world), ScriptedHome([]), world.clock.now())


def text(world: World) -> str:
    return " ".join("\n".join(lines(explained(world), world.clock.now())).split())


def on_its_last_step(state: RolloutState) -> bool:
    return state.reason == reasons.WAITING_FOR_EVIDENCE


def test_missing_labels_are_what_it_waits_for() -> None:
    world = world_of(QUALITY)
    labels(world).labelled = 0.08
    world.until(lambda state: "have labels" in state.message)
    assert any("signal quality to pass:" in one and "have labels (8 %)" in one for one in explained(world).waits)


def test_the_labels_that_are_still_missing_are_estimated_from_the_spread_so_far() -> None:
    world = world_of(QUALITY | {"maxIncrease": 0.004}, deadline="10m")
    labels(world).differences = {0: 0.8, 4: 0.1, -4: 0.1}
    world.until(lambda state: on_its_last_step(state) and "difference between" in state.message)
    (waits,) = (one for one in explained(world).waits if "signal quality to pass" in one)
    assert "more labelled rows)" in waits


def test_a_collector_that_is_away_is_what_it_waits_for() -> None:
    world = world_of(QUALITY)
    labels(world).error = QualityUnavailable("the collector at http://collector is away")
    world.until(lambda state: state.reason == reasons.QUALITY_UNAVAILABLE)
    waits = explained(world).waits
    assert waits[0] == "an answer, without which nothing moves: the collector at http://collector is away"


def test_answers_that_may_pause_it_are_told_before_and_after() -> None:
    world = world_of(DRIFT)
    world.until_phase(Phase.PROGRESSING)
    world.tick(4)
    world.tick(2)
    assert "at any time: paused, if its answers drift from stable's" in text(world)
    world = drifting()
    world.until_phase(Phase.PAUSED)
    assert "CandidateDrifted: the candidate answers otherwise than stable" in text(world)
    assert "paused, if its answers drift" not in text(world)
    assert any("serinus resume" in one.command or "resume" in one.command for one in explained(world).commands)


def test_a_finished_rollout_keeps_every_signal_with_its_numbers() -> None:
    world = world_of(QUALITY, DRIFT, QUERY)
    world.until_phase(Phase.STABLE)
    told = " ".join(" ".join(history_lines(world.records()[-1])).split())
    assert "quality: Pass (QualityNotDecreased): Brier score 0.2 on" in told
    assert "rows old enough" in told
    assert "drift: Pass (NoDrift): PSI 0," in told
    assert "answers of the candidate" in told
    assert "revenue: Pass (QueryInRange): the value is 1 and was at least 0.98" in told
    assert answers(world).asked
    assert all(signal_lines(signal) for signal in world.records()[-1].signals)


def test_numbers_that_are_not_known_are_left_out() -> None:
    assert numbers({"rows": 10, "labelled": 5}) == ""
    assert numbers({"looksOutside": 1, "looksInside": 0, "value": 2}) == "outside at 1 looks in a row, inside at 0"
