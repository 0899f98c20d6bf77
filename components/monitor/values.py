"""What a monitoring report says, as values that are the same in HTML, JSON and metrics."""

from datetime import datetime

from pydantic import Field

from serinus.core.analysis.verdict import Verdict
from serinus.core.model import Frozen
from serinus.training.evaluation import CalibrationBin
from serinus.training.values import Metrics


class Bin(Frozen):
    """One bin of a histogram, as people name it, with the rows of the reference and of the window."""

    label: str
    reference: int
    window: int


class Drift(Frozen):
    """A feature, or the prediction, in the window against the reference; see `serinus.core.drift.DriftVerdict`.

    `unseen_rows`: those with a value that training never saw, None where the reference cannot tell; `unseen`: the most
    frequent of these values, with their rows. `missing_...`: the share of rows without a value.
    """

    name: str
    verdict: Verdict
    reason: str
    message: str
    numbers: dict[str, float]
    bins: tuple[Bin, ...] = ()
    missing_in_reference: float | None = None
    missing_in_window: float | None = None
    unseen_rows: int | None = None
    unseen: dict[str, int] = Field(default_factory=dict)


class LabelDelay(Frozen):
    """How long labels take, from the answer on."""

    median_hours: float
    p90_hours: float


class Quality(Frozen):
    """How good the answers of one version were in a stretch of time, over the rows whose label has come.

    `unanswered`: rows without a prediction. `metrics` are empty where too few rows have a label. `label_delay` is None
    without labels that say when they came.
    """

    version: str
    start: datetime
    end: datetime
    rows: int
    labelled: int
    unanswered: int
    metrics: Metrics
    mean_prediction: float | None = None
    mean_label: float | None = None
    calibration: tuple[CalibrationBin, ...] = ()
    label_delay: LabelDelay | None = None


class MonitoringReport(Frozen):
    """One look at the prediction log. `version`: the one whose rows are compared with `reference`.

    `versions` has every version over the whole window, `periods` every version in each hour or day. `registered_metrics`:
    those of `version` on its held-out rows. `notes`: what could not be said, and why. `message`: the report in a sentence.
    """

    model: str
    version: str
    log: str
    reference: str
    start: datetime
    end: datetime
    rows: int
    drift: tuple[Drift, ...]
    prediction: Drift
    versions: tuple[Quality, ...]
    periods: tuple[Quality, ...]
    registered_metrics: Metrics
    notes: tuple[str, ...]
    message: str

    @property
    def own(self) -> Quality:
        """The quality of `version` over the window."""
        return next(one for one in self.versions if one.version == self.version)

    @property
    def drifted(self) -> tuple[Drift, ...]:
        """What alarms, the prediction included."""
        return tuple(one for one in (*self.drift, self.prediction) if one.verdict is Verdict.FAIL)


def headline(report: MonitoringReport) -> Metrics:
    """The few numbers that are compared from run to run."""
    own, measured = report.own, [one.numbers for one in report.drift if "psi" in one.numbers]
    return {
        "rows": float(report.rows),
        "labelledShare": own.labelled / own.rows,
        "drifted": float(len(report.drifted)),
        "worstPsi": max((numbers["psi"] for numbers in measured), default=0.0),
        "worstTvd": max((numbers["tvd"] for numbers in measured), default=0.0),
        **{
            f"prediction{key.capitalize()}": report.prediction.numbers[key]
            for key in ("psi", "tvd")
            if key in report.prediction.numbers
        },
        **own.metrics,
    }
