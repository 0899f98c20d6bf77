"""A run of the training pipeline as its runners tell it: what is asked for, how far it is, how it ended."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

PIPELINE_NAME = "serinus-training"


class RunPhase(StrEnum):
    """Where a run, or one of its steps, is. The last four are ends; only a step is skipped."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    SKIPPED = "Skipped"

    @property
    def ended(self) -> bool:
        """Whether nothing more happens by itself."""
        return self not in (RunPhase.PENDING, RunPhase.RUNNING)


@dataclass(frozen=True)
class RunRequest:
    """One run of the training pipeline. The same `key` is the same run, however often it is asked for.

    `training` is a TrainingConfig as JSON, `images` the image of each step as JSON, where steps have one. `snapshot_root`
    may be empty where the runner has a place of its own.
    """

    key: str
    model: str
    training: str
    variants: tuple[str, ...]
    registry_uri: str
    snapshot_root: str = ""
    git_sha: str = ""
    images: str = ""

    @property
    def arguments(self) -> dict[str, str | list[str]]:
        """The pipeline's parameters by name."""
        return {
            "training": self.training,
            "variants": list(self.variants),
            "registry_uri": self.registry_uri,
            "snapshot_root": self.snapshot_root,
            "run_key": self.key,
            "git_sha": self.git_sha,
            "images": self.images,
        }


@dataclass(frozen=True)
class Training:
    """What a retraining run is started with, but for its key. `code` is the digest of pipeline and training file."""

    model: str
    training: str
    variants: tuple[str, ...]
    registry_uri: str
    code: str
    snapshot_root: str = ""
    git_sha: str = ""
    images: str = ""

    def request(self, key: str) -> RunRequest:
        """The run called `key`."""
        return RunRequest(
            key=key,
            model=self.model,
            training=self.training,
            variants=self.variants,
            registry_uri=self.registry_uri,
            snapshot_root=self.snapshot_root,
            git_sha=self.git_sha,
            images=self.images,
        )


@dataclass(frozen=True)
class StepRun:
    """One step of a run. `seconds` it took, or has taken until now; None where nobody knows when it began."""

    name: str
    phase: RunPhase
    seconds: float | None = None
    message: str = ""


@dataclass(frozen=True)
class RunOutcome:
    """What came of a run that succeeded: a `version`, or none because a gate refused or the champion is as good.

    `reason` and `message` are the gate's; both are empty where the runner cannot tell them.
    """

    version: str | None
    reason: str = ""
    message: str = ""


@dataclass(frozen=True)
class PipelineRun:
    """A run as it is now. `message` says why it failed; `link` is where people look at it."""

    id: str
    phase: RunPhase
    steps: tuple[StepRun, ...] = ()
    outcome: RunOutcome | None = None
    message: str = ""
    link: str = ""


def version_name(compiled: bytes) -> str:
    """What a compiled pipeline is called among its versions: the beginning of its digest, so the same is uploaded once."""
    return f"sha256-{hashlib.sha256(compiled).hexdigest()[:16]}"


def numbered(names: Sequence[str]) -> list[str]:
    """The names, those that stand there twice with a number: `train 1`, `train 2`."""
    seen: dict[str, int] = {}
    told = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        told.append(f"{name} {seen[name]}" if names.count(name) > 1 else name)
    return told
