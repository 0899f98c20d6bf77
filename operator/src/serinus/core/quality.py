"""Quality against labels: what the collector is asked, and what it answers. Counts and sums only, so answers add up.

A cohort is all rows that were answered in one stretch of time. A row is one prediction of a revision; its label comes later,
or never. A row's loss is cut off at the question's `bound`, and the difference of two losses, candidate minus stable, lies
between -bound and bound. It is kept as a point of a grid, rounded to one of its two neighbours at random so that its mean
stays what it was: a test of the mean stays as valid as on the differences themselves.
"""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, Field

from serinus.core.model import Frozen

Loss = Literal["brier", "logLoss", "absoluteError", "squaredError"]

GRID: Final = 64
"""A difference of `g` on the grid is `bound * g / GRID`; g runs from -GRID to GRID."""

OnGrid = Annotated[int, Field(ge=-GRID, le=GRID)]
Rows = Annotated[int, Field(ge=0)]
Sum = Annotated[float, Field(allow_inf_nan=False)]


class Party(Frozen):
    """A revision that is compared. `address`: where its predictor answers, as in http://host:port; empty if unknown."""

    revision: str
    address: str = ""


class Question(Frozen):
    """What the collector is asked of one deployment. Cohorts begin at `since` and last `cohort_seconds` each."""

    loss: Loss = "brier"
    bound: float = Field(default=1.0, gt=0)
    since: AwareDatetime
    cohort_seconds: float = Field(gt=0)


class CompareQuestion(Question):
    """Asks for candidate against stable. While it is asked again and again, both score a `sample_rate` of the requests.

    `model`: the model's name in a predictor's URL. `copied`: the candidate is sent copies of requests alone, whose clients
    stable answers.
    """

    model: str
    candidate: Party
    stable: Party
    copied: bool = False
    sample_rate: float = Field(default=1.0, ge=0, le=1)


class ComparedCohort(Frozen):
    """Rows answered in [start, end). `rows` could be compared, `labelled` of them have their label.

    Sums of losses are over the labelled rows. `differences`: rows by candidate's loss minus stable's, on the grid.
    """

    start: AwareDatetime
    end: AwareDatetime
    rows: Rows
    labelled: Rows
    candidate_loss: Sum = 0.0
    stable_loss: Sum = 0.0
    differences: dict[OnGrid, Rows] = Field(default_factory=dict)


class Comparison(Frozen):
    """The answer: cohorts from the oldest, those without any row left out, at the collector's time `at`.

    `paired`: both revisions answered the same rows. Else rows of one are matched with rows of the other at random within a
    cohort, which is as valid and needs more labels. `problem`: why rows are not paired, in a sentence.
    """

    at: AwareDatetime
    paired: bool
    cohorts: tuple[ComparedCohort, ...] = ()
    problem: str = ""


class WatchQuestion(Question):
    """Asks how well one revision did; every revision's rows together where `revision` is empty."""

    revision: str = ""


class WatchedCohort(Frozen):
    """Rows answered in [start, end), and the sum of the losses of those that are labelled."""

    start: AwareDatetime
    end: AwareDatetime
    rows: Rows
    labelled: Rows
    loss: Sum = 0.0


class Watched(Frozen):
    """The answer, as in Comparison. `newest_label`: when the latest label came, None where there is none."""

    at: AwareDatetime
    cohorts: tuple[WatchedCohort, ...] = ()
    newest_label: AwareDatetime | None = None


def mean_losses(cohort: ComparedCohort) -> Mapping[str, float]:
    """The mean loss of both; nothing where no row is labelled."""
    if not cohort.labelled:
        return {}
    return {"candidate": cohort.candidate_loss / cohort.labelled, "stable": cohort.stable_loss / cohort.labelled}
