"""From a trigger to what came of the run: one at a time, at its time, once."""

from datetime import timedelta

import pytest

from serinus.core import reasons
from serinus.core.errors import PipelinesRefused, PipelinesUnavailable, SpecInvalid
from serinus.core.observation import Verb
from serinus.core.pipeline_run import RunPhase
from serinus.core.retraining.state import RunEnd, TrainingRun
from serinus.core.state import Phase
from serinus.ports import Key
from tests.fakes.faults import Crash, Fault
from tests.fakes.retraining import (
    DAY,
    NEW_VERSION,
    NOT_BETTER,
    TRAINING,
    come_out,
    memory_of,
    retrained,
    retraining_world,
    run_under_way,
    runs_of,
    started_keys,
)
from tests.fakes.world import World

HOURLY = {"type": "Schedule", "cron": "0 * * * *"}
OLD = {"type": "MaxAge", "age": "1h"}
EVENT = {"type": "Event", "eventType": "com.example.refreshed"}


def due(*triggers: dict[str, str], **fields: object) -> World:
    """A world in which a run has just been started by the schedule."""
    world = retraining_world(*(triggers or (HOURLY,)), **fields)
    world.flow(3600)
    for _ in range(3):
        world.tick()
    return world


def test_a_schedule_starts_one_run_that_bears_its_cause() -> None:
    world = due()
    assert len(started_keys(world)) == 1
    run = run_under_way(world)
    assert run.id == started_keys(world)[0]
    assert [cause.trigger for cause in run.causes] == ["Schedule"]
    assert "0 * * * *" in memory_of(world).message


def test_several_triggers_at_once_are_one_run_that_names_them_all() -> None:
    world = due(HOURLY, OLD)
    assert len(started_keys(world)) == 1
    assert {cause.trigger for cause in run_under_way(world).causes} == {"Schedule", "MaxAge"}


def test_moments_that_nobody_was_there_for_are_one_run() -> None:
    world = retraining_world(HOURLY)
    world.flow(10 * 3600)
    for _ in range(5):
        world.tick()
    come_out(world, NEW_VERSION)
    for _ in range(5):
        world.tick()
    assert len(started_keys(world)) == 1


def test_a_changed_schedule_begins_anew_and_makes_up_for_nothing() -> None:
    world = retraining_world({"type": "Schedule", "cron": "0 0 1 1 *"})
    world.flow(5 * 3600)
    world.ask_for(retrained(HOURLY))
    for _ in range(3):
        world.tick()
    assert not started_keys(world)


def test_a_new_version_is_an_outcome_with_its_version() -> None:
    world = due()
    come_out(world, NEW_VERSION)
    last = memory_of(world).last
    assert last is not None
    assert (last.outcome, last.version, last.causes) == (RunEnd.NEW_VERSION, "2", ("Schedule",))
    assert memory_of(world).without_better == 0


def test_not_better_is_an_outcome_with_the_gates_reason_and_a_pause_and_no_failure() -> None:
    world = due(cooldown="2h")
    come_out(world, NOT_BETTER)
    last = memory_of(world).last
    assert last is not None
    assert (last.outcome, last.reason) == (RunEnd.NOT_BETTER, reasons.NOT_BETTER)
    assert "the champion is as good" in last.message
    world.flow(3600)
    for _ in range(3):
        world.tick()
    hold = memory_of(world).hold
    assert hold is not None
    assert (hold.reason, hold.until) == (reasons.BACK_OFF, last.ended_at + timedelta(hours=2))
    assert len(started_keys(world)) == 1


def test_a_cooldown_holds_the_next_run_and_says_until_when() -> None:
    world = due(cooldown="5h")
    come_out(world, NEW_VERSION)
    world.flow(3600)
    for _ in range(3):
        world.tick()
    memory = memory_of(world)
    assert memory.hold is not None
    assert memory.last is not None
    assert memory.hold.message == f"cooldown until {memory.last.ended_at + timedelta(hours=5):%Y-%m-%d %H:%M:%S} UTC"
    world.flow(5 * 3600)
    for _ in range(3):
        world.tick()
    assert len(started_keys(world)) == 2


def test_the_pause_doubles_with_each_run_without_a_better_model_and_is_forgotten_after_a_better_one() -> None:
    world = due(OLD, cooldown="1h", giveUpAfter=10)
    for hours in (1, 2, 4):
        come_out(world, NOT_BETTER)
        last = memory_of(world).last
        assert last is not None
        world.tick()
        hold = memory_of(world).hold
        assert hold is not None
        assert hold.until == last.ended_at + timedelta(hours=hours)
        world.flow(hours * 3600)
        for _ in range(3):
            world.tick()
    come_out(world, NEW_VERSION)
    world.tick()
    hold = memory_of(world).hold
    assert hold is not None
    assert hold.reason == reasons.COOLDOWN


def test_a_budget_that_is_used_up_holds_until_its_oldest_run_is_out_of_it() -> None:
    world = due(OLD, maxRuns="2 per 1d")
    come_out(world, NEW_VERSION)
    for _ in range(3):
        world.tick()
    come_out(world, NEW_VERSION)
    for _ in range(3):
        world.tick()
    memory = memory_of(world)
    assert memory.hold is not None
    assert memory.hold.reason == reasons.BUDGET_USED_UP
    assert memory.hold.until == memory.starts[0] + timedelta(days=1)
    assert "budget of 2 per 1d is used up until" in memory.message
    world.flow(DAY)
    for _ in range(3):
        world.tick()
    assert len(started_keys(world)) == 3


def test_a_person_passes_the_cooldown_but_not_the_budget() -> None:
    world = due(cooldown="5h", maxRuns="2 per 1d")
    come_out(world, NEW_VERSION)
    world.request(Verb.RETRAIN, reason="the upstream was mended")
    world.tick()
    assert world.state.action_message == f"run {started_keys(world)[1]} was asked for"
    assert "the upstream was mended" in memory_of(world).message
    come_out(world, NEW_VERSION)
    world.request(Verb.RETRAIN)
    world.tick()
    assert world.state.action_refused
    assert "budget of 2 per 1d is used up" in world.state.action_message


def test_a_person_who_asks_while_a_run_is_under_way_is_refused_with_its_name() -> None:
    world = due()
    world.request(Verb.RETRAIN)
    world.tick()
    assert world.state.action_refused
    assert run_under_way(world).key in world.state.action_message
    assert len(started_keys(world)) == 1


def test_a_person_is_told_that_there_is_no_retraining_section() -> None:
    world = retraining_world()
    world.ask_version("1")
    content = world.asked.model_dump(mode="json", by_alias=True, exclude_none=True)
    del content["spec"]["retraining"]
    world.ask_for(type(world.asked).model_validate(content))
    world.request(Verb.RETRAIN)
    world.tick()
    assert "no retraining section" in world.state.action_message


def test_after_so_many_runs_in_a_row_a_person_is_needed_and_a_manual_run_or_a_promotion_clears_it() -> None:
    world = due(OLD, giveUpAfter=2)
    come_out(world, NOT_BETTER)
    world.flow(DAY)
    for _ in range(3):
        world.tick()
    come_out(world, phase=RunPhase.FAILED, why="step ingest failed: no such table")
    world.flow(DAY)
    for _ in range(3):
        world.tick()
    blocked = next(one for one in world.state.conditions if one.type == "RetrainingBlocked")
    assert (blocked.status, blocked.reason) == ("True", reasons.NEEDS_PERSON)
    assert "no such table" in blocked.message
    assert len(started_keys(world)) == 2
    world.request(Verb.RETRAIN)
    world.tick()
    come_out(world, NEW_VERSION)
    assert not memory_of(world).without_better
    assert next(one for one in world.state.conditions if one.type == "RetrainingBlocked").status == "False"


def test_a_promotion_clears_what_had_failed_before() -> None:
    world = due(giveUpAfter=1)
    come_out(world, NOT_BETTER)
    assert memory_of(world).without_better == 1
    world.ask_for(retrained(HOURLY, version="2", giveUpAfter=1))
    world.tick()
    world.until(
        lambda state: state.phase is Phase.STABLE and state.stable is not None and state.stable.artifact.version == "2"
    )
    world.tick()
    assert memory_of(world).without_better == 0


def test_no_run_starts_while_a_rollout_is_under_way_and_it_starts_afterwards() -> None:
    world = retraining_world(HOURLY)
    world.ask_for(retrained(HOURLY, version="2"))
    world.tick()
    world.until_phase(Phase.PROGRESSING)
    world.clock.advance(3600)
    world.tick()
    hold = memory_of(world).hold
    assert hold is None or hold.reason == reasons.ROLLOUT_UNDER_WAY
    assert not started_keys(world)
    world.until_phase(Phase.STABLE, Phase.ROLLED_BACK)
    for _ in range(3):
        world.tick()
    assert len(started_keys(world)) == 1


def test_a_run_that_waits_for_its_turn_waits_for_a_rollout_too_and_holds_up_nobody() -> None:
    world = retraining_world(HOURLY)
    turns = world.reconciler.turns
    turns.at_once = 0
    world.flow(3600)
    for _ in range(3):
        world.tick()
    assert memory_of(world).reason == reasons.RETRAINING_QUEUED
    world.ask_for(retrained(HOURLY, version="2"))
    world.until_phase(Phase.PROGRESSING)
    turns.at_once = 1
    other = Key("ml", "other")
    turns.note(other, TrainingRun(key="o", causes=(), asked_at=world.clock.now()), world.clock.now())
    world.tick()
    assert not started_keys(world)
    assert "a rollout of this deployment is under way" in memory_of(world).message
    assert turns.is_next(other, world.clock.now())
    turns.forget(other)
    world.until_phase(Phase.STABLE)
    world.tick()
    assert len(started_keys(world)) == 1


def test_a_message_as_long_as_a_log_is_cut_off() -> None:
    world = due()
    come_out(world, phase=RunPhase.FAILED, why="x" * 100_000)
    last = memory_of(world).last
    assert last is not None
    assert len(last.message) == 1000


def test_a_run_that_hangs_is_cancelled_and_is_an_outcome() -> None:
    world = due(timeout="2h")
    key = run_under_way(world).key
    world.flow(2 * 3600 + 10)
    for _ in range(3):
        world.tick()
    assert runs_of(world).runs[key].phase is RunPhase.CANCELLED
    last = memory_of(world).last
    assert last is not None
    assert (last.outcome, last.reason) == (RunEnd.FAILED, reasons.RUN_TIMED_OUT)
    assert "longer than timeout 2h" in last.message


def test_a_run_that_somebody_cancelled_is_told_as_that() -> None:
    world = due()
    come_out(world, phase=RunPhase.CANCELLED)
    last = memory_of(world).last
    assert last is not None
    assert last.outcome is RunEnd.CANCELLED


def test_a_run_that_was_deleted_is_an_outcome() -> None:
    world = due()
    runs_of(world).runs.clear()
    world.tick()
    last = memory_of(world).last
    assert last is not None
    assert last.reason == reasons.RUN_NOT_FOUND


def test_a_success_whose_version_nobody_knows_yet_is_waited_for() -> None:
    world = due(timeout="1h")
    come_out(world, None)
    assert memory_of(world).run is not None
    come_out(world, NEW_VERSION)
    assert memory_of(world).run is None


def test_a_training_file_that_is_not_there_is_told_and_tried_again_and_costs_nothing() -> None:
    world = retraining_world(HOURLY)
    assert world.trainings is not None
    world.trainings.error = SpecInvalid("there is no ConfigMap ml/flights; create it")
    world.flow(3600)
    for _ in range(3):
        world.tick()
    memory = memory_of(world)
    assert memory.hold is not None
    assert (memory.hold.reason, memory.starts, memory.without_better) == (reasons.TRAINING_INVALID, (), 0)
    assert "create it" in memory.message
    world.trainings.error = None
    for _ in range(3):
        world.tick()
    assert len(started_keys(world)) == 1


def test_a_training_file_of_another_model_is_refused() -> None:
    world = retraining_world(HOURLY)
    assert world.trainings is not None
    world.trainings.training = type(TRAINING)(**{**TRAINING.__dict__, "model": "taxis"})
    world.flow(3600)
    for _ in range(3):
        world.tick()
    assert "trains taxis, and the deployment serves flights" in memory_of(world).message


def test_without_a_runner_the_condition_says_so() -> None:
    world = retraining_world(HOURLY)
    world.runner = None
    world.restart()
    world.flow(3600)
    for _ in range(3):
        world.tick()
    hold = memory_of(world).hold
    assert hold is not None
    assert hold.reason == reasons.RETRAINING_UNAVAILABLE


def test_a_runner_that_is_away_is_asked_again_ever_later_and_then_given_up() -> None:
    world = retraining_world(HOURLY)
    asked = []

    async def away(request: object) -> str:
        asked.append(request)
        raise PipelinesUnavailable("it does not answer; look at it")

    runs_of(world).start = away  # type: ignore[method-assign,assignment]
    world.flow(3600)
    for _ in range(60):
        world.tick()
    assert 2 <= len(asked) <= 4
    assert "does not answer" in memory_of(world).message
    world.flow(3600)
    for _ in range(3):
        world.tick()
    last = memory_of(world).last
    assert last is not None
    assert last.reason == reasons.RUN_NOT_STARTED


def test_a_runner_that_refuses_is_an_outcome_at_once() -> None:
    world = retraining_world(HOURLY)

    async def no(request: object) -> str:
        raise PipelinesRefused("it is not allowed; give a token")

    runs_of(world).start = no  # type: ignore[method-assign,assignment]
    world.flow(3600)
    for _ in range(3):
        world.tick()
    last = memory_of(world).last
    assert last is not None
    assert (last.outcome, last.reason) == (RunEnd.FAILED, reasons.RUN_NOT_STARTED)


def test_changed_code_is_trained_once() -> None:
    world = retraining_world({"type": "Code"})
    for _ in range(3):
        world.tick()
    assert not started_keys(world)
    assert world.trainings is not None
    world.trainings.training = type(TRAINING)(**{**TRAINING.__dict__, "code": "code-2"})
    for _ in range(3):
        world.tick()
    assert len(started_keys(world)) == 1
    come_out(world, NOT_BETTER)
    world.flow(DAY)
    for _ in range(3):
        world.tick()
    assert len(started_keys(world)) == 1


def test_a_retraining_section_that_is_removed_ends_what_waits_and_follows_what_runs() -> None:
    world = due()
    content = world.asked.model_dump(mode="json", by_alias=True, exclude_none=True)
    del content["spec"]["retraining"]
    world.ask_for(type(world.asked).model_validate(content))
    come_out(world, NEW_VERSION)
    last = memory_of(world).last
    assert last is not None
    assert last.version == "2"


def test_what_happens_is_noted_in_the_journal_in_its_order() -> None:
    world = due()
    come_out(world, NEW_VERSION)
    told = [note.reason for _, _, note in world.journal.notes]
    assert told == [reasons.RETRAINING_ASKED, reasons.RETRAINING_STARTED, reasons.RETRAINING_SUCCEEDED]


def story(world: World) -> None:
    """A manual run, its end, and the next by schedule."""
    world.request(Verb.RETRAIN)
    survive(world, 4)
    for run in [name for name, one in runs_of(world).runs.items() if not one.phase.ended]:
        runs_of(world).runs[run] = type(runs_of(world).runs[run])(run, RunPhase.SUCCEEDED, outcome=NOT_BETTER)
    survive(world, 3)
    world.flow(3600)
    survive(world, 5)


def survive(world: World, ticks: int) -> None:
    for _ in range(ticks):
        try:
            world.tick()
        except Crash:
            world.restart()


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_any_call_of_any_port_starts_no_second_run(after: bool) -> None:
    whole = retraining_world(HOURLY)
    count = Fault(call=-1, after=False, error=Crash())
    whole.break_at(count)
    story(whole)
    assert len(started_keys(whole)) == 2
    broken = set()
    for call in range(count.calls):
        world = retraining_world(HOURLY)
        world.break_at(Fault(call, after, Crash()))
        story(world)
        assert world.fault is not None
        broken.add(world.fault.raised)
        assert len(started_keys(world)) == 2, world.fault.raised
        assert [one.outcome for one in memory_of(world).runs] == [RunEnd.NOT_BETTER], world.fault.raised
        assert len(memory_of(world).starts) == 2, world.fault.raised
    when = "after" if after else "before"
    assert {
        f"{when} FakeRuns.start",
        f"{when} FakeRuns.look",
        f"{when} FakeTrainings.read",
        f"{when} FakeStore.save",
    } <= broken


def test_a_deployment_that_was_deleted_and_made_anew_gets_another_run() -> None:
    first, second = due(), retraining_world(HOURLY)
    second.runner = first.runner
    second.clock.advance(60)
    second.restart()
    second.flow(3600)
    for _ in range(3):
        second.tick()
    assert len(started_keys(first)) == 2
