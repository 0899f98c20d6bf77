"""`serinus retrain`, and how retraining is told by get and explain."""

import json
from pathlib import Path

from typer.testing import CliRunner

from serinus.cli.app import app
from serinus.cli.explain import lines
from serinus.cli.explaining.explanation import explain
from serinus.cli.explaining.retraining import retraining_lines
from serinus.cli.homes import Found
from serinus.core.observation import Verb
from serinus.local.folder import StateFolder
from serinus.local.mailbox import leave_request, pick_up_request
from tests.cli.homes import ScriptedHome
from tests.fakes.retraining import NOT_BETTER, come_out, retraining_world, started_keys
from tests.fakes.world import KEY, World, stable_world


def found(world: World) -> Found:
    return Found(KEY, {}, world.state, world.asked.spec)


def retrained_once() -> World:
    """A run that was not better, and the schedule's next one, which waits."""
    world = retraining_world({"type": "MaxAge", "age": "1h"}, cooldown="5h")
    world.flow(3700)
    for _ in range(3):
        world.tick()
    come_out(world, NOT_BETTER)
    world.tick()
    return world


def test_explain_says_what_waits_and_until_when_and_how_the_last_run_ended() -> None:
    world = retrained_once()
    now = world.clock.now()
    text = "\n".join(lines(explain(found(world), ScriptedHome([]), now), now))
    assert "Retraining" in text
    assert "BackOff: MaxAge asks for a run: the last run brought no better model" in text
    assert "NotBetter: run" in text
    assert "serinus retrain flights" in text


def test_a_run_under_way_is_told_with_its_cause_and_its_log_and_no_second_one_is_offered() -> None:
    world = retraining_world({"type": "MaxAge", "age": "1h"})
    world.flow(3700)
    for _ in range(4):
        world.tick()
    (key,) = started_keys(world)
    told = retraining_lines(world.state)
    assert f"run {key} is under way: MaxAge: the model that serves is of" in told[0]
    assert told[1] == f"its log: fake://{key}"
    offered = explain(found(world), ScriptedHome([]), world.clock.now()).commands
    assert not any("retrain" in one.command for one in offered)


def test_a_deployment_that_is_not_retrained_says_nothing_of_it() -> None:
    assert retraining_lines(stable_world().state) == ()


def test_a_request_keeps_its_reason(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    left = leave_request(folder, KEY, Verb.RETRAIN, reason="the upstream was mended")
    assert pick_up_request(folder, KEY) == left
    assert json.loads(folder.action(KEY).read_text())["reason"] == "the upstream was mended"


def test_a_deployment_that_is_not_there_is_said(tmp_path: Path) -> None:
    shown = CliRunner().invoke(app, ["retrain", "nobody", "--state-dir", str(tmp_path)])
    assert shown.exit_code == 1
