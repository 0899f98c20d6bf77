"""The values that pass between steps: a data card, a gate's decision, a run's outcome. No heavy import."""

from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from serinus.core.model import Frozen

Metrics = dict[str, float]

FIRST_VERSION = "FirstVersion"
BETTER = "BetterThanChampion"
NOT_BETTER = "NotBetterThanChampion"
NOT_COMPARABLE = "NotComparable"
CHAMPION_FRESH = "ChampionFresh"
CHAMPION_STALE = "ChampionStale"
TOO_FEW_BLOCKS = "TooFewToCompare"
COVERED = "CoverageReached"
COVERAGE_TOO_LOW = "CoverageTooLow"
GOLDEN_REACHED = "GoldenReached"
GOLDEN_NOT_REACHED = "GoldenNotReached"
GOLDEN_TRAINED_ON = "GoldenTrainedOn"
NO_GOLDEN_ROWS = "NoGoldenRows"
SLICES_REACHED = "SlicesReached"
SLICE_NOT_REACHED = "SliceNotReached"
SLICES_TOO_SMALL = "SlicesTooSmall"
FAIR = "GroupsTreatedAlike"
NOT_FAIR = "FairnessGapTooLarge"
TOO_FEW_GROUPS = "TooFewGroups"
CALIBRATED = "Calibrated"
NOT_CALIBRATED = "NotCalibrated"
SMALL_ENOUGH = "SmallEnough"
TOO_LARGE = "TooLarge"
SAME_ANSWERS = "PredictorAgrees"
OTHER_ANSWERS = "PredictorDisagrees"
PREDICTOR_FAILED = "PredictorFailed"
FAST_ENOUGH = "FastEnough"
TOO_SLOW = "TooSlow"
REQUESTS_FAILED = "RequestsFailed"
LOAD_NOT_REACHED = "LoadNotReached"
REPRODUCIBLE = "Reproducible"
NOT_REPRODUCIBLE = "NotReproducible"
RETRAINING_FAILED = "RetrainingFailed"
REFUSED_ALREADY = "RefusedAlready"


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
    `undeclared` are columns of the source that the training file does not name: where a declared one is missing, one of
    them may be it by another name.
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
    undeclared: tuple[str, ...] = ()

    @property
    def latest(self) -> datetime:
        """The time of the latest row. Raises ValueError without rows."""
        return datetime.fromisoformat(self.last)


class SearchCandidate(Frozen):
    """One set of estimator parameters that a search tried, with its `metric` over the folds.

    `score` and `deviation`: mean and standard deviation. Rank 1 is the best; `chosen` is the one that was refitted.
    """

    parameters: dict[str, Any]
    metric: str
    score: float
    deviation: float
    rank: int
    chosen: bool


class SliceMetrics(Frozen):
    """The metrics over the held-out rows with one `value` in `column`."""

    column: str
    value: str
    rows: int
    metrics: Metrics


Verdict = Literal["Pass", "Fail", "Inconclusive", "NotAsked"]


class GateCheck(Frozen):
    """What one gate says of the variant. `Inconclusive`: the rows do not suffice to say; it refuses like `Fail`.

    `NotAsked`: another gate has refused the variant already, so that this one is not worth its cost. `numbers` are what
    it was decided on. A check that is not `blocking` is told and refuses nothing.
    """

    name: str
    verdict: Verdict
    reason: str
    message: str
    numbers: dict[str, float] = Field(default_factory=dict)
    blocking: bool = True

    @property
    def refuses(self) -> bool:
        """Whether the variant is not registered because of this."""
        return self.blocking and self.verdict in ("Fail", "Inconclusive")


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

    @property
    def outcome(self) -> Literal["passed", "not better", "refused"]:
        """How the run ends before register: only a variant that passed is registered."""
        if self.better:
            return "passed"
        return "not better" if self.reason == NOT_BETTER else "refused"


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
