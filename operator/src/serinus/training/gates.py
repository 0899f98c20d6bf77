"""What a variant must show to be registered: the `gates` of a training file. A gate that is not declared is not asked."""

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, model_validator

from serinus.core.model import Frozen
from serinus.core.spec.duration import PositiveDuration
from serinus.training.sources import Source

Metric = Literal["logLoss", "brier", "auc", "accuracy", "rmse", "mae"]
CLASSIFICATION_METRICS: tuple[Metric, ...] = ("logLoss", "brier", "auc", "accuracy")
REGRESSION_METRICS: tuple[Metric, ...] = ("rmse", "mae")
GREATER_IS_BETTER: tuple[Metric, ...] = ("auc", "accuracy")

Column = Annotated[str, Field(min_length=1, max_length=100)]


class Gate(Frozen):
    """What every gate has. One that does not block is told in the report card and refuses nothing."""

    blocking: bool = True


class Bounds(Gate):
    """Metrics that must be reached: at least, for those that grow as a model gets better, at most for the others."""

    metrics: dict[Metric, FiniteFloat] = Field(min_length=1)


class Golden(Bounds):
    """Rows that are never trained on and stay the same from run to run, and what every version must reach on them."""

    source: Source


class Slices(Bounds):
    """What must be reached in each value of `columns` with at least `min_rows` held-out rows."""

    columns: tuple[Column, ...] = Field(min_length=1)
    min_rows: int = Field(default=100, ge=1)


class Fairness(Gate):
    """The largest difference allowed between the groups of each sensitive column; groups of `min_rows` rows count.

    Demographic parity: the share of rows that get the label 1. Equalised odds: the larger of the differences in true
    and false positive rate.
    """

    columns: tuple[Column, ...] = Field(min_length=1)
    max_demographic_parity_difference: float | None = Field(default=None, ge=0, le=1)
    max_equalized_odds_difference: float | None = Field(default=None, ge=0, le=1)
    min_rows: int = Field(default=100, ge=1)

    @model_validator(mode="after")
    def _asks_something(self) -> "Fairness":
        if self.max_demographic_parity_difference is None and self.max_equalized_odds_difference is None:
            raise ValueError("allows any difference; set maxDemographicParityDifference or maxEqualizedOddsDifference")
        return self


class Calibration(Gate):
    """The largest expected calibration error: the mean distance of probability and frequency over ten bins."""

    max_error: float = Field(gt=0, le=1)


class Latency(Gate):
    """What the candidate's own predictor must hold under load: `p99` at `requests_per_second` for `duration`."""

    p99: PositiveDuration
    requests_per_second: float = Field(default=20, gt=0, le=10_000)
    duration: PositiveDuration = Field(default="10s", validate_default=True)
    rows_per_request: int = Field(default=1, ge=1, le=1000)


class Reproducibility(Gate):
    """Trained again from the snapshot, in another process, the model's answers differ by `tolerance` at most."""

    tolerance: float = Field(default=0.0, ge=0)


class Parity(Gate):
    """The predictor's answers to `rows` held-out rows differ from those of the pipeline by `tolerance` at most."""

    rows: int = Field(default=200, ge=1, le=10_000)
    tolerance: float = Field(default=1e-6, ge=0)


class Staleness(Gate):
    """From a champion older than `after` no more is asked than `min_relative_improvement`."""

    after: PositiveDuration
    min_relative_improvement: float = Field(default=0.0, ge=-1, lt=1)


class Size(Gate):
    """The largest artifact allowed."""

    max_mebibytes: float = Field(gt=0)


class Gates(Frozen):
    """What a variant must show to be registered.

    `min_relative_improvement`: relative gain over the champion in `metric` on the same held-out rows. At `confidence`
    the gain must be more than luck: the lower end of its interval is above 0, or above `min_relative_improvement`
    where that is negative; at -1 this gate is open. `min_coverage`: the share of held-out rows that the variant answers
    at all.
    """

    metric: Metric | None = None
    min_relative_improvement: float = Field(default=0.05, ge=-1, lt=1)
    confidence: float = Field(default=0.95, ge=0.5, lt=1)
    min_coverage: float = Field(default=1.0, ge=0, le=1)
    stale_champion: Staleness | None = None
    golden: Golden | None = None
    slices: Slices | None = None
    fairness: Fairness | None = None
    calibration: Calibration | None = None
    latency: Latency | None = None
    reproducibility: Reproducibility | None = None
    parity: Parity | None = None
    size: Size | None = None
