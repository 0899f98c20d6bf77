"""What a backtest found, as values: the same for the table, the JSON and the page."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from serinus.core.model import Frozen
from serinus.training.values import Metrics


class Period(Frozen):
    """A calendar month, or its part that was replayed: requests that were answered and have a label, and the metrics over them."""

    name: str = Field(description="The month, as in 2013-02.")
    requests: int = Field(description="Requests of the month.")
    labelled: int = Field(description="Of these, the answered ones that have a label.")
    metrics: Metrics = Field(description="Metrics over them by name; empty where there is none.")


class Hindsight(Frozen):
    """A version beside the one that it replaced or challenged, on the rows that it answered itself."""

    beside: str = Field(description="The other version.")
    rows: int = Field(description="Rows with a label.")
    gain: float = Field(description="Relative gain in the metric of the training file, negative where it was worse.")
    low: float | None = Field(default=None, description="Lower end of the interval of the gain.")
    high: float | None = Field(default=None, description="Upper end of the interval of the gain.")
    worse: bool = Field(description="Whether the whole interval lies below 0.")


class VersionHistory(Frozen):
    """What became of one version."""

    version: str
    variant: str
    trained_at: datetime
    requests: int = Field(description="Requests that it answered.")
    outcome: Literal["served first", "promoted", "refused by the canary", "not rolled out"]
    reason: str
    message: str
    hindsight: Hindsight | None = None


class Run(Frozen):
    """A training that was started after the first one."""

    at: datetime
    causes: tuple[str, ...] = Field(description="Types of the triggers that asked for it.")
    outcome: str = Field(description="registered, not better, refused or failed.")
    variant: str
    version: str
    reason: str
    message: str


class Fall(Frozen):
    """A champion whose quality really fell, as labels showed later."""

    version: str
    fell_at: datetime
    detected_at: datetime | None = Field(
        default=None, description="When the next training began while it still served; none where none did."
    )

    @property
    def delay_hours(self) -> float | None:
        """From the fall until a training began."""
        return None if self.detected_at is None else (self.detected_at - self.fell_at).total_seconds() / 3600


class PolicyResult(Frozen):
    """One policy over the whole time."""

    policy: str
    metrics: Metrics = Field(description="Metrics over every request that was answered and has a label.")
    requests: int
    refused_requests: int = Field(description="Requests that the serving version could not answer.")
    retrains: int = Field(description="Trainings that were started after the first one.")
    failed_runs: int
    refused_by_gate: int = Field(description="Trainings whose best variant a gate refused.")
    refused_by_canary: int = Field(description="Candidates whose rollout did not end in a promotion.")
    promotions: int
    rollbacks: int = Field(description="Of the candidates that the canary refused, those that a signal failed.")
    served_by_worse: int = Field(description="Requests that a version answered which later proved worse.")
    falls: tuple[Fall, ...]
    detection_delay_hours: float | None = Field(
        default=None, description="Mean time from a fall until a training began, of the falls that were noticed."
    )
    training_seconds: float = Field(description="Seconds of all fits of this policy when they were done.")
    periods: tuple[Period, ...]
    versions: tuple[VersionHistory, ...]
    runs: tuple[Run, ...]


class BacktestResult(Frozen):
    """A whole backtest."""

    schema_version: Literal[1] = 1
    model: str
    source: str
    data_digest: str
    rows: int
    start: datetime
    end: datetime
    look_seconds: float
    label_delay_seconds: float
    seed: int
    metric: str = Field(description="The metric of the training file, which hindsight judges by.")
    notes: tuple[str, ...]
    policies: tuple[PolicyResult, ...]
    seconds: float = Field(description="How long the backtest took.")
