"""What the demo's story works with: the files, the running parts, and waiting for what should happen."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from serinus.core.errors import SerinusError
from serinus.core.state import Phase, RolloutRecord, RolloutState
from serinus.demo.replay import ClientCounts, Replay
from serinus.local.files import atomic_write_text
from serinus.local.journal import read_records
from serinus.local.runtime import LocalRuntime, Report
from serinus.ports import Key
from serinus.training.values import TrainingOutcome

POLL_SECONDS = 0.1
STEP_SECONDS = 90.0


class DemoFailed(SerinusError):
    """A step of the story did not come out as it should."""


@dataclass(frozen=True)
class Training:
    """One training run of the story."""

    file: str
    outcome: TrainingOutcome
    seconds: float


@dataclass
class Stage:
    """What the story works with. `say` tells the audience; `decided` hears every decision of the runtime."""

    files: Path
    folder: Path
    port: int
    say: Callable[[str], None]
    decided: Callable[[Report], None]
    runtime: LocalRuntime | None = None
    replay: Replay | None = None
    trainings: list[Training] = field(default_factory=list)
    state: RolloutState | None = None

    @property
    def deployment_file(self) -> Path:
        """The working copy of the ModelDeployment, which the story edits."""
        return self.folder / "modeldeployment.yaml"

    @property
    def key(self) -> Key:
        """The deployment of the story."""
        if self.runtime is None:
            raise DemoFailed("the story ended before anything was deployed")
        return self.runtime.key

    def collector_url(self) -> str:
        """Where labels go."""
        if self.runtime is None:
            raise DemoFailed("the story ended before anything was deployed")
        return self.runtime.collector_url

    @property
    def counts(self) -> ClientCounts:
        """What the clients saw so far."""
        return self.replay.counts if self.replay else ClientCounts()

    def records(self) -> tuple[RolloutRecord, ...]:
        """The rollouts that are over."""
        if self.runtime is None:
            return ()
        return tuple(read_records(self.runtime.folder.rollouts(self.runtime.key)))


def ask_for(stage: Stage, version: str) -> None:
    """Change the one line that a data scientist changes."""
    source = stage.deployment_file if stage.deployment_file.exists() else stage.files / "modeldeployment.yaml"
    lines = source.read_text(encoding="utf-8").splitlines()
    changed = [f'    version: "{version}"' if line.startswith("    version:") else line for line in lines]
    atomic_write_text(stage.deployment_file, "\n".join(changed) + "\n")


async def ended(stage: Stage, version: str) -> RolloutRecord:
    """The record of the version's rollout, once it is over."""

    def found() -> RolloutRecord | None:
        return next((record for record in stage.records() if record.to_version == version), None)

    await until(stage, lambda _: found() is not None, f"the rollout of version {version} to end")
    record = found()
    if record is None:
        raise DemoFailed(f"the record of version {version} is gone")
    return record


async def phase(stage: Stage, wanted: Phase) -> None:
    """Wait for a phase."""
    await until(stage, lambda state: state.phase is wanted, f"phase {wanted}")


async def until(stage: Stage, happened: Callable[[RolloutState], bool], what: str) -> None:
    """Wait until something is true of the state. Raises DemoFailed when it takes too long."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + STEP_SECONDS
    while stage.state is None or not happened(stage.state):
        if loop.time() > deadline:
            said = f"{stage.state.reason}: {stage.state.message}" if stage.state else "nothing was decided yet"
            raise DemoFailed(f"waited {STEP_SECONDS:.0f} s for {what}; last: {said}")
        await asyncio.sleep(POLL_SECONDS)
