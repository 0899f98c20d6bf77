"""The loop closes: the seasons change, drift starts a retraining, and labels judge what comes of it.

Nobody trains anything here by hand. The story only lets time go by: other flights arrive, and the warehouse that the
training file reads from has them too.
"""

import asyncio
from datetime import UTC, datetime, timedelta

from serinus.core.retraining.state import PastRun, RunEnd
from serinus.core.state import Outcome, RolloutState
from serinus.core.watching.drifted import is_drifted
from serinus.core.watching.looks import watched
from serinus.demo.replay import flights_between
from serinus.demo.stage import DemoFailed, Stage, ended, until
from serinus.local.files import atomic_write_text
from serinus.training.load import load_config

MONTH = timedelta(days=30)
END_OF_SPRING = datetime(2013, 6, 1, tzinfo=UTC)  # the latest 30 days make a model that is 9 % better
BEGIN_OF_WINTER = datetime(2013, 12, 1, tzinfo=UTC)  # they make one that is 2 % better, and 5 % are asked for
SEASON_FLIGHTS = 4000
WINDOW = timedelta(seconds=7)  # of the drift monitor, and a little more
DEPLOYMENT = "closed-loop.yaml"
PIPELINE = "flight-delay-training.yaml"


async def spring_comes(stage: Stage) -> None:
    """Other flights arrive from now on, and the warehouse has them too."""
    stage.say("   meanwhile spring has come: it is warmer than in any flight that the model was trained on")
    await turn_to(stage, END_OF_SPRING)


async def drift_and_retrain(stage: Stage) -> None:
    """Two seasons: one whose retrained model is promoted, one whose retrained model is refused."""
    stage.say("7. the file follows the alias `challenger` from now on, and says itself when to train again")
    atomic_write_text(stage.deployment_file, (stage.files / DEPLOYMENT).read_text(encoding="utf-8"))
    run = await retrained(stage, RunEnd.NEW_VERSION)
    record = await ended(stage, run.version)
    stage.say(f"   {record.outcome}: {record.message}")
    if record.outcome is not Outcome.PROMOTED:
        raise DemoFailed(f"version {run.version} should have been Promoted, but was {record.outcome}: {record.message}")
    await until(stage, is_calm, "the inputs to be as in training")
    stage.say("8. winter comes, the inputs drift again, but a model of the latest 30 days is hardly better")
    await turn_to(stage, BEGIN_OF_WINTER)
    await retrained(stage, RunEnd.NOT_BETTER)


def is_calm(state: RolloutState) -> bool:
    """Whether the version that serves has seen a whole window of what it was trained on."""
    drift = watched(state)
    if drift is None or drift.status != "False" or drift.looked_at is None or drift.traffic_since is None:
        return False
    return drift.looked_at - drift.traffic_since > WINDOW


async def turn_to(stage: Stage, now: datetime) -> None:
    """Let it be `now`: clients ask about the latest month's flights, and the training file reads up to now."""
    training = (stage.files / PIPELINE).read_text(encoding="utf-8")
    lines = [f"asOf: {now:%Y-%m-%dT%H:%M:%SZ}" if line.startswith("asOf:") else line for line in training.splitlines()]
    atomic_write_text(stage.folder / PIPELINE, "\n".join(lines) + "\n")
    config = load_config(stage.files / PIPELINE)
    flights = await asyncio.to_thread(flights_between, config, now - MONTH, now, SEASON_FLIGHTS)
    if stage.replay is None:
        raise DemoFailed("nobody sends requests; the story is out of order")
    stage.replay.play(flights)


async def retrained(stage: Stage, expected: RunEnd) -> PastRun:
    """Wait until drift has started a run by itself, and return what came of it."""
    before = len(_runs(stage.state))
    await until(stage, is_drifted, "the inputs to drift")
    stage.say(f"   drift: {stage.state.drift.message if stage.state and stage.state.drift else ''}")
    await until(stage, lambda state: len(_runs(state)) > before, "a retraining to start and end by itself")
    run = _runs(stage.state)[-1]
    stage.say(f"   retrained because of {', '.join(run.causes)}: {run.message}")
    if run.outcome is not expected:
        raise DemoFailed(f"the retraining should have ended as {expected}, but was {run.outcome}: {run.message}")
    return run


def _runs(state: RolloutState | None) -> tuple[PastRun, ...]:
    return state.retraining.runs if state and state.retraining else ()
