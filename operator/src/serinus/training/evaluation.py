"""What the evaluation of the variants on the held-out rows found. No heavy import."""

from serinus.core.model import Frozen
from serinus.training.gates import Metric
from serinus.training.values import Metrics, SliceMetrics

EVALUATION_FILE, REPORT_FILE = "evaluation.json", "report.html"


class PeriodMetrics(Frozen):
    """The metrics over the held-out rows from `start` until before `end`, both ISO 8601."""

    start: str
    end: str
    rows: int
    metrics: Metrics


class CalibrationBin(Frozen):
    """The rows whose probability of class 1 lies above `low` and up to `high`; the first bin holds `low` too.

    `predicted` is the mean of their probabilities, `observed` the share of them that are of class 1.
    """

    low: float
    high: float
    rows: int
    predicted: float
    observed: float


class Confusion(Frozen):
    """Rows by class and by answer; a probability of `threshold` or more answers 1."""

    threshold: float
    true_negatives: int
    false_positives: int
    false_negatives: int
    true_positives: int


class Importance(Frozen):
    """How much worse the metric gets where the values of `feature` are shuffled: mean and standard deviation."""

    feature: str
    mean: float
    deviation: float


class VariantEvaluation(Frozen):
    """One variant on the held-out rows. A regression has no calibration and no confusion.

    `calibration_error` is the expected one; `importance` is sorted, the most important feature first.
    """

    variant: str
    metrics: Metrics
    slices: tuple[SliceMetrics, ...] = ()
    periods: tuple[PeriodMetrics, ...] = ()
    calibration: tuple[CalibrationBin, ...] = ()
    calibration_error: float | None = None
    confusion: Confusion | None = None
    importance: tuple[Importance, ...] = ()


class Evaluation(Frozen):
    """All variants of one run on the same held-out rows. `best` names the best one by `metric`."""

    model: str
    metric: Metric
    rows: int
    best: str
    variants: tuple[VariantEvaluation, ...]

    @property
    def summary(self) -> str:
        """Each variant's main metric, in one line."""
        measured = ((one.variant, one.metrics.get(self.metric, float("nan"))) for one in self.variants)
        return ", ".join(f"{variant} {self.metric} {value:.4f}" for variant, value in measured)

    def variant(self, name: str) -> VariantEvaluation:
        """The evaluation of the variant called `name`. Raises KeyError."""
        return {variant.variant: variant for variant in self.variants}[name]
