"""The order in which the runtime does things, with a serving backend that only writes down what it is told."""

import asyncio
from pathlib import Path
from typing import cast

import pytest

from serinus.core.collecting import Collecting
from serinus.core.errors import StateUnreadable
from serinus.local.collector import LocalCollector
from serinus.local.folder import StateFolder
from serinus.local.runtime import LocalRuntime
from serinus.local.serving import LocalServing
from serinus.local.source import DeploymentFile
from serinus.reconcile import Reconciler
from tests.fakes.world import World, deployment

pytestmark = pytest.mark.anyio


class RecordingServing:
    def __init__(self) -> None:
        self.calls: list[str] = []

    async def start(self) -> None:
        self.calls.append("start")

    async def close(self) -> None:
        self.calls.append("close")


class RecordingCollector:
    def __init__(self, calls: list[str]) -> None:
        self.calls = calls

    problem = ""

    async def follow(self, wanted: Collecting | None) -> None:
        self.calls.append(f"follow {wanted}")

    async def close(self) -> None:
        self.calls.append("close collector")


def new_runtime_of(folder: Path, serving: RecordingServing, reconciler: Reconciler) -> LocalRuntime:
    file = folder / "modeldeployment.yaml"
    file.write_text(deployment().model_dump_json(by_alias=True, exclude_none=True))
    state = StateFolder(folder / "state")
    collector = cast("LocalCollector", RecordingCollector(serving.calls))
    source, local = DeploymentFile(file), cast("LocalServing", serving)
    return LocalRuntime(state, source, reconciler, local, collector, url="http://here")


async def run_stopped(runtime: LocalRuntime) -> None:
    stop = asyncio.Event()
    stop.set()
    await runtime.run(stop, lambda _: None)


async def test_a_state_that_cannot_be_read_is_said_before_what_serves_is_touched(tmp_path: Path) -> None:
    serving = RecordingServing()
    runtime = new_runtime_of(tmp_path, serving, World().reconciler)
    path = runtime.folder.state(runtime.key)
    path.parent.mkdir(parents=True)
    path.write_text("{half")
    with pytest.raises(StateUnreadable, match=r"state\.json cannot be read"):
        await run_stopped(runtime)
    assert serving.calls == []
    assert path.read_text() == "{half"
    assert not runtime.folder.is_worked_on(), "the next run finds the folder free"


async def test_without_a_state_the_backend_is_started_and_closed(tmp_path: Path) -> None:
    serving = RecordingServing()
    await run_stopped(new_runtime_of(tmp_path, serving, World().reconciler))
    assert serving.calls == ["start", "close", "close collector"]
