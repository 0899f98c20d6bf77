"""The values that pass between steps: a data card, a gate's decision, a run's outcome. No heavy import."""

from pathlib import Path
from typing import Literal

from serinus.core.model import Frozen

Metrics = dict[str, float]

FIRST_VERSION = "FirstVersion"
BETTER = "BetterThanChampion"
NOT_BETTER = "NotBetterThanChampion"
NOT_COMPARABLE = "NotComparable"
COVERAGE_TOO_LOW = "CoverageTooLow"


class ColumnCard(Frozen):
    """One column of a snapshot."""

    name: str
    type: str
    missing: int
    distinct: int


class DataCard(Frozen):
    """What a snapshot holds. `first` and `last`: ISO 8601 times of the earliest and latest row, empty without rows."""

    source: str
    rows: int
    rows_in_window: int
    first: str
    last: str
    digest: str
    columns: tuple[ColumnCard, ...]


class GateDecision(Frozen):
    """Whether the best variant is registered, with the numbers it was decided on. `metrics` are those of `variant`."""

    better: bool
    variant: str
    reason: str
    message: str
    metrics: Metrics
    champion_version: str | None = None
    champion_metrics: Metrics | None = None


class TrainingOutcome(Frozen):
    """How a pipeline run ended. `not better` is an outcome, not an error: nothing was registered."""

    outcome: Literal["registered", "not better"]
    version: str | None
    variant: str
    metrics: Metrics
    champion_metrics: Metrics | None
    reason: str
    message: str
    run_id: str
    data_digest: str
    snapshot: Path
