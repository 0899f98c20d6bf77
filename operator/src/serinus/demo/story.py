"""The demo's story: the whole product on one machine, with real data, real processes and real mistakes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from serinus.core.state import Outcome, Phase
from serinus.demo.labels import Landings
from serinus.demo.pipeline import run_pipeline
from serinus.demo.replay import Replay, flights_between
from serinus.demo.seasons import drift_and_retrain, spring_comes
from serinus.demo.stage import DemoFailed, Stage, Training, ask_for, ended, phase, until
from serinus.local.compose import Options, local_runtime
from serinus.local.runtime import Report
from serinus.training.load import load_config

REQUESTS_PER_SECOND = 50.0
REPLAYED_FLIGHTS = 6000
END_OF_JANUARY = datetime(2013, 2, 1, tzinfo=UTC)  # trained as of this moment: January is what is known
FIVE_WEEKS_LATER = datetime(2013, 3, 8, tzinfo=UTC)  # when the gain over the champion first exceeds the gate's 5 %
# Trained five weeks later, in this order: the slow one also trains slowly.
LATER_FILES = ("training.yaml", "training-slow.yaml", "training-no-imputer.yaml", "training-open.yaml")
AT_ONCE = 2

Trainings = Mapping[str, asyncio.Task[str]]
"""The version that each training file makes."""


async def tell(stage: Stage) -> None:
    """The whole story. Raises DemoFailed when reality does not follow it, and what the parts raise."""
    stage.say("1. January's flights go through the pipeline: the first model is registered")
    first = await train(stage, "training.yaml", END_OF_JANUARY)
    ask_for(stage, first)
    async with serving(stage):
        await phase(stage, Phase.STABLE)
        async with asyncio.TaskGroup() as group, clients(stage):
            await chapters(stage, trainings(stage, group))
            await drift_and_retrain(stage)


async def chapters(stage: Stage, versions: Trainings) -> None:
    """What happens while clients send the flights that follow."""
    stage.say(
        "2. the flights of the next five weeks arrive as requests; trained again on the latest 30 days, the pipeline finds "
        "a better model"
    )
    better = await versions["training.yaml"]
    stage.say(f"3. version {better} is asked for: one line of the file changes, the canary begins")
    await released(stage, better, Outcome.PROMOTED)
    version = await versions["training-no-imputer.yaml"]
    stage.say(f"4. version {version} was trained on complete rows only: it refuses flights whose weather is missing")
    await released(stage, version, Outcome.ROLLED_BACK)
    version = await versions["training-slow.yaml"]
    stage.say(f"5. version {version} is right, but slow")
    await released(stage, version, Outcome.ROLLED_BACK)
    version = await versions["training-open.yaml"]
    stage.say(
        f"6. version {version} is on its way when the file is put back to version {better}, as a Git revert would"
    )
    await spring_comes(stage)
    await reverted(stage, version, better)


def trainings(stage: Stage, group: asyncio.TaskGroup) -> Trainings:
    """All that the story asks the pipeline for, begun before it is needed: canaries mostly wait for requests."""
    room = asyncio.Semaphore(AT_ONCE)

    async def in_turn(file: str) -> str:
        async with room:
            return await train(stage, file, FIVE_WEEKS_LATER)

    return {file: group.create_task(in_turn(file)) for file in LATER_FILES}


async def train(stage: Stage, file: str, as_of: datetime) -> str:
    """Run the pipeline as of a moment and return the version it registered."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    outcome = await run_pipeline(stage.files / file, as_of, stage.folder)
    seconds = loop.time() - began
    stage.trainings.append(Training(file, outcome, seconds))
    stage.say(f"   {file}: {outcome.message} ({seconds:.0f} s)")
    if outcome.version is None:
        raise DemoFailed(f"{file} registered nothing: {outcome.message}")
    return outcome.version


async def released(stage: Stage, version: str, outcome: Outcome) -> None:
    """Ask for a version and wait until its rollout ended as expected."""
    ask_for(stage, version)
    record = await ended(stage, version)
    stage.say(f"   {record.outcome}: {record.message}")
    if record.outcome is not outcome:
        raise DemoFailed(f"version {version} should have been {outcome}, but was {record.outcome}: {record.message}")


async def reverted(stage: Stage, version: str, stable: str) -> None:
    """Put the file back while the version has traffic."""
    ask_for(stage, version)
    await until(
        stage,
        lambda state: bool(state.rollout and state.rollout.weight and state.rollout.hold_seconds),
        f"version {version} to get traffic",
    )
    ask_for(stage, stable)
    record = await ended(stage, version)
    stage.say(f"   {record.outcome}: {record.message}")
    if record.outcome is not Outcome.ABORTED:
        raise DemoFailed(f"version {version} should have been Aborted, but was {record.outcome}: {record.message}")


@asynccontextmanager
async def serving(stage: Stage) -> AsyncIterator[None]:
    """`serinus run` on the story's file, for the duration of the block."""
    stage.runtime = local_runtime(Options(file=stage.deployment_file, folder=stage.folder, port=stage.port))

    def heard(report: Report) -> None:
        if report.decision:
            stage.state = report.decision.next_state
        stage.decided(report)

    async with background(lambda stop: stage.runtime.run(stop, heard)):  # type: ignore[union-attr]
        yield


@asynccontextmanager
async def clients(stage: Stage) -> AsyncIterator[None]:
    """Clients that send the flights that follow January's, for the duration of the block."""
    config = load_config(stage.files / "training.yaml", as_of=END_OF_JANUARY)
    flights = await asyncio.to_thread(flights_between, config, END_OF_JANUARY, FIVE_WEEKS_LATER, REPLAYED_FLIGHTS)
    landings = Landings()
    replay = Replay(flights, REQUESTS_PER_SECOND, landings.note)
    stage.replay = replay
    url = f"http://127.0.0.1:{stage.port}/v1/models/flight-delay:predict"
    told = lambda stop: landings.run(stage.collector_url, str(stage.key), stop)  # noqa: E731
    async with background(told), background(lambda stop: replay.run(url, stop)):
        yield


@asynccontextmanager
async def background(work: Callable[[asyncio.Event], object]) -> AsyncIterator[None]:
    """Run `work` beside the block; its failure ends the block, the block's end stops it."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(work(stop))  # type: ignore[arg-type]
        try:
            yield
        finally:
            stop.set()
