"""The schema of `training.yaml`: frozen, camelCase outside, unknown fields refused."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from serinus.core.model import Frozen
from serinus.core.reference import FeatureType
from serinus.core.spec.duration import PositiveDuration

ALLOWED_LIBRARIES = ("sklearn", "lightgbm", "xgboost")
ALLOWED_FUNCTIONS = ("serinus.training.flights:load",)

Metric = Literal["logLoss", "brier", "auc", "accuracy", "rmse", "mae"]
CLASSIFICATION_METRICS = ("logLoss", "brier", "auc", "accuracy")
REGRESSION_METRICS = ("rmse", "mae")
GREATER_IS_BETTER = ("auc", "accuracy")


def _utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _allowed_estimator(value: str) -> str:
    library = value.partition(".")[0]
    if library not in ALLOWED_LIBRARIES or "." not in value:
        raise ValueError(
            f'"{value}" is not an estimator of {", ".join(ALLOWED_LIBRARIES)}; '
            "name one by its import path, as in sklearn.linear_model.LogisticRegression"
        )
    return value


def _allowed_function(value: str) -> str:
    if value not in ALLOWED_FUNCTIONS:
        raise ValueError(f'"{value}" may not be called as a source; use one of {", ".join(ALLOWED_FUNCTIONS)}')
    return value


Moment = Annotated[datetime, AfterValidator(_utc)]
EstimatorPath = Annotated[str, AfterValidator(_allowed_estimator)]
FunctionPath = Annotated[str, AfterValidator(_allowed_function)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$")]
Column = Annotated[str, Field(min_length=1, max_length=100)]


class FileSource(Frozen):
    """A file of rows. A relative path is relative to the training file."""

    type: Literal["csv", "parquet"]
    path: str


class FunctionSource(Frozen):
    """A function `module:name` that returns a data frame."""

    type: Literal["python"]
    function: FunctionPath


class TrainingFeature(Frozen):
    """One input column of the model. `minimum` and `maximum` bound a number in the training data."""

    name: Column
    type: FeatureType
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None


class Split(Frozen):
    """`holdout` is the share of rows held out: the latest ones (`time`) or drawn with `seed` (`random`)."""

    by: Literal["time", "random"] = "time"
    holdout: float = Field(default=0.3, gt=0, lt=1)
    seed: int = Field(default=0, ge=0)


class Variant(Frozen):
    """One candidate estimator. `missing` says what becomes of a missing value in a nullable feature.

    `impute` fills it in, in training and in serving; `drop` leaves the row out of training, so that the served model
    refuses it; `reject` fails the training.
    """

    name: Name
    estimator: EstimatorPath
    parameters: dict[str, Any] = Field(default_factory=dict)
    missing: Literal["impute", "drop", "reject"] = "impute"


class Gates(Frozen):
    """What a variant must show to be registered.

    `min_relative_improvement`: relative gain over the champion in `metric` on the same held-out rows.
    `min_coverage`: the share of held-out rows that the variant answers at all.
    """

    metric: Metric | None = None
    min_relative_improvement: float = Field(default=0.05, ge=-1, lt=1)
    min_coverage: float = Field(default=1.0, ge=0, le=1)


class Registry(Frozen):
    """Where versions are registered (empty: where the caller says), and the alias that names the champion."""

    uri: str = ""
    alias: str = "champion"


class TrainingConfig(Frozen):
    """One training file: from a source of rows to registered model versions.

    The training rows are those in [as_of - window, as_of); without `as_of`, the window ends with the latest row.
    """

    model: Name
    source: Annotated[FileSource | FunctionSource, Field(discriminator="type")]
    time_column: Column
    target: Column
    task: Literal["classification", "regression"]
    features: tuple[TrainingFeature, ...] = Field(min_length=1)
    id_columns: tuple[Column, ...] = ()
    window: PositiveDuration
    as_of: Moment | None = None
    max_rows: int | None = Field(default=None, ge=10)
    split: Split = Split()
    variants: tuple[Variant, ...] = Field(min_length=1)
    gates: Gates = Gates()
    registry: Registry = Registry()

    @property
    def feature_names(self) -> list[str]:
        """The features in the order the model gets them."""
        return [feature.name for feature in self.features]

    @property
    def columns(self) -> list[str]:
        """Every column that the source must have, without repetition."""
        return list(dict.fromkeys([self.time_column, *self.id_columns, *self.feature_names, self.target]))

    @property
    def metric(self) -> Metric:
        """The metric that variants are compared by."""
        return self.gates.metric or ("logLoss" if self.task == "classification" else "rmse")

    def variant(self, name: str) -> Variant:
        """The variant called `name`. Raises KeyError."""
        return {variant.name: variant for variant in self.variants}[name]

    @model_validator(mode="after")
    def _names_are_unique(self) -> "TrainingConfig":
        for kind, names in (("features", self.feature_names), ("variants", [v.name for v in self.variants])):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{kind} {', '.join(twice)} named twice; give each its own name")
        if self.target in self.feature_names:
            raise ValueError(f'target "{self.target}" is also a feature; the model would read the answer: remove it')
        return self

    @model_validator(mode="after")
    def _metric_fits_the_task(self) -> "TrainingConfig":
        fitting = CLASSIFICATION_METRICS if self.task == "classification" else REGRESSION_METRICS
        if self.metric not in fitting:
            raise ValueError(f"metric {self.metric} does not fit {self.task}; use one of {', '.join(fitting)}")
        return self
