"""What the rows must keep as a table, and how they are split: `schema` and `split` of a training file."""

from typing import Annotated, Literal

from pydantic import Field

from serinus.core.model import Frozen
from serinus.core.spec.duration import PositiveDuration
from serinus.training.gates import Column

Task = Literal["classification", "regression"]


class Schema(Frozen):
    """Rules over the whole table, beside those of each feature.

    `unique`: sets of columns whose values together name one row. `max_age`: how old the latest row may be at the end of
    the window (`asOf`, or now). `max_row_change`: by what share the number of rows may differ from the last snapshot of
    this model that kept these rules. `max_single_feature_auc`: a feature that alone ranks the label better than this (in a
    regression: whose rank correlation with it is larger) is taken for a leak.
    """

    unique: tuple[Annotated[tuple[Column, ...], Field(min_length=1)], ...] = ()
    min_rows: int = Field(default=1, ge=1)
    max_age: PositiveDuration | None = None
    max_row_change: float | None = Field(default=None, gt=0)
    max_single_feature_auc: float = Field(default=0.99, gt=0.5, le=1)


class Split(Frozen):
    """`holdout` is the share of rows held out: the latest ones (`time`) or drawn with `seed` (`random`).

    Rows with one value in the column `groups` stay on one side.
    """

    by: Literal["time", "random"] = "time"
    holdout: float = Field(default=0.3, gt=0, lt=1)
    seed: int = Field(default=0, ge=0)
    groups: Column | None = None
