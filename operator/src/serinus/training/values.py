"""The values that pass between steps: a data card, a gate's decision, a run's outcome. No heavy import."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from serinus.core.model import Frozen

Metrics = dict[str, float]

FIRST_VERSION = "FirstVersion"
BETTER = "BetterThanChampion"
NOT_BETTER = "NotBetterThanChampion"
NOT_COMPARABLE = "NotComparable"
COVERAGE_TOO_LOW = "CoverageTooLow"


class ColumnCard(Frozen):
    """One column of a snapshot; `meaning` is the training file's description of it."""

    name: str
    type: str
    missing: int
    distinct: int
    meaning: str = ""


class DataCard(Frozen):
    """What a snapshot holds. `first` and `last`: ISO 8601 times of the earliest and latest row, empty without rows.

    `query` is what was asked of the source: SQL, or the window and columns read from files. Secrets are not in it.
    `unlabelled` rows of the window had no label yet and were left out; `rows_in_window` does not count them.
    """

    source: str
    query: str = ""
    rows: int
    rows_in_window: int
    unlabelled: int = 0
    first: str
    last: str
    digest: str
    columns: tuple[ColumnCard, ...]


class SliceMetrics(Frozen):
    """The metrics over the held-out rows with one `value` in `column`."""

    column: str
    value: str
    rows: int
    metrics: Metrics


class GateCheck(Frozen):
    """What one gate says of the variant. `Inconclusive`: the rows do not suffice to say; it refuses like `Fail`.

    `numbers` are what it was decided on. A check that is not `blocking` is told and refuses nothing.
    """

    name: str
    verdict: Literal["Pass", "Fail", "Inconclusive"]
    reason: str
    message: str
    numbers: dict[str, float] = Field(default_factory=dict)
    blocking: bool = True

    @property
    def refuses(self) -> bool:
        """Whether the variant is not registered because of this."""
        return self.blocking and self.verdict != "Pass"


class GateDecision(Frozen):
    """Whether the best variant is registered, with the numbers it was decided on. `metrics` are those of `variant`.

    `reason` and `message` are those of the first check that refuses, or of the comparison with the champion.
    """

    better: bool
    variant: str
    reason: str
    message: str
    metrics: Metrics
    champion_version: str | None = None
    champion_metrics: Metrics | None = None
    checks: tuple[GateCheck, ...] = ()


class TrainingOutcome(Frozen):
    """How a pipeline run ended. Only `registered` made a version; the others are outcomes, not errors.

    `not better`: the champion is as good. `refused`: another gate refuses the variant.
    """

    outcome: Literal["registered", "not better", "refused"]
    version: str | None
    variant: str
    metrics: Metrics
    champion_metrics: Metrics | None
    reason: str
    message: str
    run_id: str
    data_digest: str
    snapshot: Path
