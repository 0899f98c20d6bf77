"""The training pipeline as the replay runs it: a run is over when it has begun, and registers in memory."""

from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd

from components.evaluate.step import best_variant, score
from components.gate.case import Case, Champion
from components.gate.step import judge
from serinus.backtest.clock import ReplayClock
from serinus.backtest.fits import Fits, Fitted
from serinus.backtest.memory import MemoryRegistry
from serinus.backtest.versions import Version
from serinus.core.errors import DataInvalid, PipelineRunNotFound, TrainingFailed
from serinus.core.pipeline_run import PipelineRun, RunOutcome, RunPhase, RunRequest, Training
from serinus.ports import Key
from serinus.training.config import TrainingConfig
from serinus.training.values import GateDecision

MACHINE_GATES = ("parity", "latency", "reproducibility")


@dataclass(frozen=True)
class TrainedRun:
    """What came of one run. `version` is empty where nothing was registered; `seconds` are those of the fits."""

    key: str
    at: datetime
    outcome: str
    variant: str
    version: str
    reason: str
    message: str
    seconds: float


@dataclass
class ReplayPipeline:
    """Implements serinus.ports.PipelineRunner and TrainingSource: fits on what is known now, asks the gates, registers."""

    config: TrainingConfig
    clock: ReplayClock
    fits: Fits
    registry: MemoryRegistry
    runs: dict[str, TrainedRun] = field(default_factory=dict)

    async def read(self, key: Key, pipeline: str) -> Training:
        """The training file of the backtest, whatever `pipeline` is called."""
        return Training(
            model=self.config.model,
            training=self.config.model_dump_json(by_alias=True),
            variants=tuple(variant.name for variant in self.config.variants),
            registry_uri="replay",
            code="replay",
        )

    async def start(self, request: RunRequest) -> str:
        """Run it all; the same key is run once."""
        if request.key not in self.runs:
            self.runs[request.key] = self.run(request.key)
        return request.key

    async def look(self, run: str) -> PipelineRun:
        """How it ended."""
        found = self.runs.get(run)
        if found is None:
            raise PipelineRunNotFound(f"the replay has no run {run}")
        if found.outcome == "failed":
            return PipelineRun(run, RunPhase.FAILED, message=found.message)
        outcome = RunOutcome(found.version or None, found.reason, found.message)
        return PipelineRun(run, RunPhase.SUCCEEDED, outcome=outcome)

    async def cancel(self, run: str) -> None:
        """It has ended."""

    async def retry(self, run: str) -> None:
        """What failed on these rows fails on them again."""

    def run(self, key: str) -> TrainedRun:
        """Fit, evaluate, judge and perhaps register, as of now. Raises TooManyFits."""
        now = self.clock.now()
        try:
            fitted = self.fits.at(now, self.config)
            decision = self._judged(fitted, now)
        except (DataInvalid, TrainingFailed) as error:
            return TrainedRun(key, now, "failed", "", "", type(error).__name__, str(error), 0.0)
        number = self._register(fitted, decision, now) if decision.better else ""
        outcome = "registered" if decision.better else decision.outcome
        return TrainedRun(
            key, now, outcome, decision.variant, number, decision.reason, decision.message, fitted.seconds
        )

    def _judged(self, fitted: Fitted, now: datetime) -> GateDecision:
        config, rows = self.config, fitted.holdout
        names = [variant.name for variant in config.variants]
        metrics = {name: score(rows[config.target], fitted.predictions[name], config) for name in names}
        variant = best_variant(metrics, config)
        return judge(
            Case(
                config=config,
                variant=variant,
                rows=rows,
                predictions=fitted.predictions[variant],
                metrics=metrics[variant],
                train=fitted.train,
                model=fitted.folder / variant,
                now=now,
                golden=self.golden,
                champion=self._champion(rows),
            )
        )

    @property
    def golden(self) -> pd.DataFrame | None:
        """The golden rows, where the training file declares some."""
        from components.ingest.rows import golden_rows

        gate = self.config.gates.golden
        return golden_rows(self.config, gate.source).table.to_pandas() if gate else None

    def _champion(self, rows: pd.DataFrame) -> Champion | None:
        champion = self.registry.named(self.config.registry.alias)
        if champion is None:
            return None
        answers = pd.Series(champion.answers(rows, self.config), index=rows.index)
        return Champion(champion.number, answers, champion.created)

    def _register(self, fitted: Fitted, decision: GateDecision, now: datetime) -> str:
        number = str(len(self.registry.versions) + 1)
        version = Version(
            number=number,
            variant=decision.variant,
            model=fitted.model(decision.variant),
            folder=fitted.folder / decision.variant,
            reference=fitted.reference(decision.variant),
            digest=f"sha256:{fitted.folder.name}/{decision.variant}",
            created=now,
            metrics=decision.metrics,
        )
        self.registry.register(version, self.config.registry.challenger_alias)
        return number


def without_machine_gates(config: TrainingConfig) -> TrainingConfig:
    """`config` without the gates that judge the machine: what they would say here says nothing of history."""
    return config.model_copy(update={"gates": config.gates.model_copy(update=dict.fromkeys(MACHINE_GATES))})
