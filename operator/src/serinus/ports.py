"""The outside world as the reconciler sees it. Each but Clock has one contract suite (tests/adapters) that every adapter passes."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from serinus.core.decision import Decision, Note
from serinus.core.observation import BinWindow, MetricsSnapshot, ServingObservation
from serinus.core.pipeline_run import PipelineRun, RunRequest, Training
from serinus.core.plan import ServingPlan
from serinus.core.quality import CompareQuestion, Comparison, Watched, WatchQuestion
from serinus.core.revision import Artifact
from serinus.core.state import RolloutRecord, RolloutState


@dataclass(frozen=True, order=True)
class Key:
    """Names one ModelDeployment."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Clock(Protocol):
    """The time. Core never asks for it; it is handed in."""

    def now(self) -> datetime:
        """The current time, timezone-aware, UTC."""
        ...


class ServingBackend(Protocol):
    """Runs revisions and splits requests between them."""

    async def observe(self, key: Key) -> ServingObservation:
        """What runs and how requests are split now. Raises ServingUnavailable."""
        ...

    async def apply(self, key: Key, plan: ServingPlan) -> None:
        """Start making the world match `plan`; returns without waiting for readiness.

        Applying twice is applying once. Revisions that are not in the plan are drained, then removed.
        Raises ServingUnavailable.
        """
        ...


class MetricsSource(Protocol):
    """Cumulative request counters, as near to the client as they can be had."""

    async def read(self, key: Key) -> MetricsSnapshot:
        """Counters per (revision, instance) at this moment. Raises MetricsUnavailable; no traffic is not an error."""
        ...


class Quarantine(NamedTuple):
    """A version that a rollout has put into quarantine, and the reason."""

    version: str
    reason: str


class ModelRegistry(Protocol):
    """Model versions and the aliases that point at them."""

    async def resolve(self, model: str, *, version: str = "", alias: str = "", uri: str = "") -> Artifact:
        """The artifact that exactly one of version, alias or uri names, with its registered digest.

        Raises ModelVersionNotFound, RegistryUnavailable, ArtifactCorrupted.
        """
        ...

    async def alias_version(self, model: str, alias: str) -> str | None:
        """The version that `alias` points at, or None. Raises RegistryUnavailable."""
        ...

    async def move_alias(self, model: str, alias: str, version: str, owner: str) -> None:
        """Point `alias` at `version` and tag it with its owner (`namespace/name`). Moving it twice is moving it once.

        Raises AliasConflict when another owner holds it or a person moved it, RegistryUnavailable, ModelVersionNotFound.
        """
        ...

    async def record_rollout(self, owner: str, record: RolloutRecord, *, quarantine: Quarantine | None = None) -> None:
        """Keep one finished rollout of `owner` (`namespace/name`) beside the model version it was about, once.

        A promotion takes the owner's mark from the version that was promoted; `quarantine` marks one.
        Raises RegistryUnavailable, ModelVersionNotFound.
        """
        ...


class StateStore(Protocol):
    """Where a ModelDeployment's memory is kept."""

    async def load(self, key: Key) -> RolloutState | None:
        """The saved state, or None if there is none. Raises StateUnreadable."""
        ...

    async def save(self, key: Key, state: RolloutState, expected: int) -> RolloutState:
        """Save `state` under the next sequence number and return it so.

        Raises StateConflict when the stored sequence is not `expected`, StateUnwritable when it cannot be written; the
        former state is intact then.
        """
        ...


class Journal(Protocol):
    """The history of decisions and rollouts, for people."""

    def decided(self, key: Key, at: datetime, decision: Decision) -> None:
        """Append one decision that a person would notice. Raises StateUnwritable."""
        ...

    def noted(self, key: Key, at: datetime, note: Note) -> None:
        """Append what happened beside the rollout. Raises StateUnwritable."""
        ...

    def finished(self, key: Key, record: RolloutRecord) -> None:
        """Keep the whole record of a finished rollout; the same record twice is kept once. Raises StateUnwritable."""
        ...


class PipelineRunner(Protocol):
    """Runs the training pipeline somewhere, and tells how far it is. A run outlives who started it."""

    async def start(self, request: RunRequest) -> str:
        """Start a run and return its id; a run with the request's key that is there already is returned as it is.

        Raises PipelinesUnavailable, PipelinesRefused.
        """
        ...

    async def look(self, run: str) -> PipelineRun:
        """How far it is. Raises PipelineRunNotFound, PipelinesUnavailable, PipelinesRefused."""
        ...

    async def cancel(self, run: str) -> None:
        """End it; a run that has ended stays as it is. Raises as `look` does."""
        ...

    async def retry(self, run: str) -> None:
        """Go on with a run that failed or was cancelled: what is complete is not done again. Others stay as they are.

        Raises as `look` does.
        """
        ...


class QualitySource(Protocol):
    """Losses against labels, as the collector joins them."""

    async def compare(self, key: Key, question: CompareQuestion) -> Comparison:
        """Candidate against stable by cohort; asking keeps both scoring the sample. Raises QualityUnavailable."""
        ...

    async def watch(self, key: Key, question: WatchQuestion) -> Watched:
        """One revision's losses by cohort. Raises QualityUnavailable; no rows are not an error."""
        ...


class BinSource(Protocol):
    """Rows by bin, as the predictors count them."""

    async def window(self, key: Key, revision: str, since: datetime) -> BinWindow:
        """What was counted from `since` until now. Raises MetricsUnavailable; no traffic is not an error."""
        ...


class QuerySource(Protocol):
    """Answers PromQL."""

    async def evaluate(self, promql: str) -> float:
        """The one finite number that the expression is now. Raises MetricsUnavailable, QueryInvalid."""
        ...


class TrainingSource(Protocol):
    """Where the training file of a retraining is found."""

    async def read(self, key: Key, pipeline: str) -> Training:
        """What a run is started with. Raises TrainingUnavailable (it cannot be asked), SpecInvalid (what is wrong in it)."""
        ...


@dataclass(frozen=True)
class Ports:
    """The outside world, one adapter for each port. Those that are None were not set up: who needs them says so."""

    store: StateStore
    serving: ServingBackend
    metrics: MetricsSource
    registry: ModelRegistry
    journal: Journal
    clock: Clock
    quality: QualitySource | None = None
    bins: BinSource | None = None
    queries: QuerySource | None = None
    trainings: TrainingSource | None = None
    runner: PipelineRunner | None = None
