"""Whether the loss of what serves has grown: told from noise, at every look."""

import math
import random
from datetime import UTC, datetime, timedelta

import pytest

from serinus.core import reasons
from serinus.core.errors import QualityUnavailable
from serinus.core.quality import Watched, WatchedCohort
from serinus.core.retraining import quality
from serinus.core.retraining.state import QualityWatch
from serinus.core.spec import QualityTrigger
from tests.fakes.retraining import memory_of, retraining_world, started_keys

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
TRIGGER = QualityTrigger(type="Quality", label_horizon=timedelta(hours=4), max_increase=0.02)
HOUR = timedelta(hours=1)
RUNS = 400


def cohorts(losses: list[float], rows: int, labelled: float = 1.0) -> tuple[WatchedCohort, ...]:
    """An hour for each mean loss, from NOW on."""
    known = round(rows * labelled)
    return tuple(
        WatchedCohort(
            start=NOW + index * HOUR, end=NOW + (index + 1) * HOUR, rows=rows, labelled=known, loss=loss * known
        )
        for index, loss in enumerate(losses)
    )


def begun() -> QualityWatch:
    return QualityWatch(revision="r", about="", folded_until=NOW, wealth=quality.START)


def looked(losses: list[float], rows: int = 500, labelled: float = 1.0, hours: float = 1000) -> QualityWatch:
    answer = Watched(at=NOW + timedelta(hours=hours), cohorts=cohorts(losses, rows, labelled))
    return quality.folded(begun(), answer, TRIGGER)


def test_a_loss_that_grows_by_more_than_is_allowed_is_found() -> None:
    watch = looked([0.16] * 2 + [0.30] * 6)
    assert quality.has_grown(watch)
    assert "of the first 1,000 it was 0.1600" in quality.sentence(watch, TRIGGER)


def test_a_loss_that_stays_is_no_reason() -> None:
    assert not quality.has_grown(looked([0.16] * 200))


def test_one_bad_cohort_alone_is_no_reason() -> None:
    assert not quality.has_grown(looked([0.16] * 2 + [0.9]))


def test_cohorts_that_are_too_young_wait() -> None:
    watch = looked([0.16] * 2 + [0.9] * 6, hours=6)
    assert watch.folded_until == NOW + 2 * HOUR


def test_a_cohort_with_too_few_labels_waits_and_is_given_up_in_the_end() -> None:
    assert looked([0.16] * 3, labelled=0.5, hours=8).folded_until == NOW
    late = looked([0.16] * 3, labelled=0.5, hours=100)
    assert late.folded_until == NOW + 3 * HOUR
    assert late.baseline_rows == 0


def test_looking_twice_at_the_same_cohorts_changes_nothing() -> None:
    watch = looked([0.16] * 2 + [0.2] * 6)
    again = Watched(at=NOW + timedelta(hours=1000), cohorts=cohorts([0.16] * 2 + [0.2] * 6, 500))
    assert quality.folded(watch, again, TRIGGER) == watch


def test_the_upper_limit_is_where_the_rows_just_speak_against_it() -> None:
    limit = quality.upper_limit(200.0, 1000, 0.025)
    speaks = 1000 * (0.2 * math.log(0.2 / limit) + 0.8 * math.log(0.8 / (1 - limit)))
    assert speaks == pytest.approx(math.log(1 / 0.025), rel=1e-9)
    assert quality.upper_limit(0.0, 100, 0.05) == pytest.approx(1 - 0.05 ** (1 / 100))
    assert quality.upper_limit(100.0, 100, 0.05) == 1.0


def test_a_model_that_has_not_become_worse_is_trained_anew_no_oftener_than_alpha_says() -> None:
    """Coins, the hardest losses; the mean lies as high as is allowed, and is looked at after each of 60 cohorts."""
    chance = random.Random(7)
    false = sum(quality.has_grown(at_the_margin(chance, 0.2, 0.2 + TRIGGER.max_increase)) for _ in range(RUNS))
    error = 3 * math.sqrt(quality.ALPHA * (1 - quality.ALPHA) / RUNS)
    assert false / RUNS <= quality.ALPHA + error


def test_a_model_that_has_become_much_worse_is_nearly_always_found() -> None:
    chance = random.Random(8)
    found = sum(quality.has_grown(at_the_margin(chance, 0.2, 0.32)) for _ in range(40))
    assert found >= 36


def at_the_margin(chance: random.Random, first: float, then: float) -> QualityWatch:
    """The test at the first look that rejects, or after the last."""
    watch = begun()
    means = [first] * 5 + [then] * 60
    for index, mean in enumerate(means):
        rows = 200
        bad = sum(chance.random() < mean for _ in range(rows))
        start = NOW + index * HOUR
        cohort = WatchedCohort(start=start, end=start + HOUR, rows=rows, labelled=rows, loss=float(bad))
        watch = quality.folded(watch, Watched(at=start + timedelta(hours=10), cohorts=(cohort,)), TRIGGER)
        if quality.has_grown(watch):
            break
    return watch


def test_the_trigger_asks_about_what_serves_every_few_minutes_and_starts_a_run() -> None:
    world = retraining_world({"type": "Quality", "labelHorizon": "4h"})
    assert world.quality is not None
    since = memory_of(world).serving_since
    assert since is not None
    serving = memory_of(world).serving
    means = [0.16, 0.16, *[0.4] * 6]
    rows = tuple(
        WatchedCohort(start=since + n * HOUR, end=since + (n + 1) * HOUR, rows=600, labelled=600, loss=600 * mean)
        for n, mean in enumerate(means)
    )
    world.quality.error = QualityUnavailable("the collector does not answer; look at it")
    world.flow(301)
    world.tick()
    assert not started_keys(world)
    watch = memory_of(world).quality
    assert watch is not None
    assert "does not answer" in watch.problem
    asked = len(world.quality.asked)
    world.tick()
    assert len(world.quality.asked) == asked
    world.quality.error = None
    world.quality.answers[serving] = Watched(at=since + timedelta(days=3), cohorts=rows)
    world.flow(301)
    for _ in range(3):
        world.tick()
    assert len(started_keys(world)) == 1
    question = world.quality.asked[-1]
    assert (question.revision, question.cohort_seconds, question.loss) == (serving, 3600, "brier")


def test_new_labelled_rows_start_a_run_and_count_anew_from_its_start() -> None:
    world = retraining_world({"type": "NewData", "minRows": 1000})
    assert world.quality is not None
    cohort = WatchedCohort(start=NOW, end=NOW + HOUR, rows=2000, labelled=999)
    world.quality.answers[""] = Watched(at=NOW, cohorts=(cohort,))
    world.flow(301)
    for _ in range(3):
        world.tick()
    assert not started_keys(world)
    world.quality.answers[""] = Watched(at=NOW, cohorts=(cohort, cohort.model_copy(update={"labelled": 1})))
    world.flow(301)
    for _ in range(3):
        world.tick()
    assert len(started_keys(world)) == 1
    world.tick()
    assert world.quality.asked[-1].since == memory_of(world).starts[-1]


@pytest.mark.parametrize(
    ("triggers", "loss"), [((), "squaredError"), (({"type": "Quality", "metric": "logLoss", "bound": 4},), "logLoss")]
)
def test_rows_are_counted_by_a_loss_that_their_labels_have(triggers: tuple[dict[str, object], ...], loss: str) -> None:
    world = retraining_world({"type": "NewData"}, *triggers)
    assert world.quality is not None
    world.flow(301)
    world.tick()
    assert [one.loss for one in world.quality.asked if not one.revision][-1] == loss


def test_without_a_collector_the_memory_says_why_nothing_is_known() -> None:
    world = retraining_world({"type": "NewData"})
    world.quality = None
    world.restart()
    world.flow(301)
    world.tick()
    labelled = memory_of(world).labelled
    assert labelled is not None
    assert "no collector was set up" in labelled.problem
    assert memory_of(world).reason == reasons.RETRAINING_IDLE
