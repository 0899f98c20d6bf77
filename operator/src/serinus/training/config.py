"""The schema of `training.yaml`: frozen, camelCase outside, unknown fields refused."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from serinus.core.model import Frozen
from serinus.core.reference import FeatureType
from serinus.training.gates import CLASSIFICATION_METRICS, REGRESSION_METRICS, Column, Gates, Metric
from serinus.training.schema import Schema, Split, Task
from serinus.training.sources import Source
from serinus.training.variants import Name, Variant
from serinus.training.windows import Window, length_of


def _utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Moment = Annotated[datetime, AfterValidator(_utc)]


class TrainingFeature(Frozen):
    """One input column of the model. What it says of values holds for the training data.

    `minimum` and `maximum` bound a number, `categories` are the only values allowed.
    """

    name: Column
    type: FeatureType
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] = ()
    description: str = ""

    @model_validator(mode="after")
    def _range_is_in_order(self) -> "TrainingFeature":
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum:g} is above maximum {self.maximum:g}; exchange them")
        return self

    @model_validator(mode="after")
    def _bounds_are_of_a_number(self) -> "TrainingFeature":
        if (self.minimum is not None or self.maximum is not None) and self.type not in ("double", "integer"):
            raise ValueError(f"minimum and maximum belong to a number, and {self.name} is {self.type}; remove them")
        return self

    @model_validator(mode="after")
    def _categories_are_of_a_string(self) -> "TrainingFeature":
        if self.categories and self.type != "string":
            raise ValueError(f"categories belong to a string, and {self.name} is {self.type}; remove them")
        return self


def _alias(value: str) -> str:
    if not re.fullmatch(r"[\w-]{1,255}", value) or re.fullmatch(r"latest|v\d+", value, re.IGNORECASE):
        raise ValueError(
            f'"{value}" is no alias that MLflow takes; use letters, digits, - and _, and neither latest nor v1'
        )
    return value


Alias = Annotated[str, AfterValidator(_alias)]


class Registry(Frozen):
    """Where versions are registered (empty: where the caller says), and the aliases: the champion's and the newcomer's."""

    uri: str = ""
    alias: Alias = "champion"
    challenger_alias: Alias = "challenger"

    @model_validator(mode="after")
    def _aliases_differ(self) -> "Registry":
        if self.alias == self.challenger_alias:
            raise ValueError(f'alias and challengerAlias are both "{self.alias}"; every new version would be champion')
        return self


class ModelCard(Frozen):
    """What only people can say of the model. Each is Markdown for the model card, which says where one is missing."""

    intended_use: str = ""
    limitations: str = ""
    owners: str = ""
    ethical_considerations: str = ""


class TrainingConfig(Frozen):
    """One training file: from a source of rows to registered model versions.

    The training rows are those in [as_of - window, as_of); without `as_of`, the window ends with the latest row. `all` is the
    whole past. A variant with a window of its own is trained on those of its window, and judged on the same held-out rows.
    `seed` is the random state of every estimator and search that has one and is given none. `descriptions` say what
    columns other than features mean.
    """

    model: Name
    source: Source
    time_column: Column
    target: Column
    task: Task
    features: tuple[TrainingFeature, ...] = Field(min_length=1)
    id_columns: tuple[Column, ...] = ()
    descriptions: dict[Column, str] = Field(default_factory=dict)
    window: Window
    as_of: Moment | None = None
    max_rows: int | None = Field(default=None, ge=10)
    # `schema` is a method of every pydantic model.
    table: Schema = Field(default=Schema(), alias="schema")
    split: Split = Split()
    seed: int = Field(default=0, ge=0, lt=2**32)
    variants: tuple[Variant, ...] = Field(min_length=1)
    gates: Gates = Gates()
    registry: Registry = Registry()
    model_card: ModelCard = ModelCard()

    @property
    def feature_names(self) -> list[str]:
        """The features in the order the model gets them."""
        return [feature.name for feature in self.features]

    @property
    def columns(self) -> list[str]:
        """Every column that the source must have, without repetition."""
        return list(
            dict.fromkeys([self.time_column, *self.id_columns, *self.feature_names, self.target, *self._judged])
        )

    @property
    def metric(self) -> Metric:
        """The metric that variants are compared by."""
        return self.gates.metric or ("logLoss" if self.task == "classification" else "rmse")

    def variant(self, name: str) -> Variant:
        """The variant called `name`. Raises KeyError."""
        return {variant.name: variant for variant in self.variants}[name]

    def window_of(self, variant: Variant) -> timedelta | Literal["all"]:
        """The window that the variant is trained on: its own, or that of the file."""
        return self.window if variant.window is None else variant.window

    @property
    def longest_window(self) -> timedelta | Literal["all"]:
        """What has to be read for all variants."""
        return max(map(self.window_of, self.variants), key=length_of)

    @property
    def shortest_window(self) -> timedelta | Literal["all"]:
        """What the held-out rows are taken from, so that no variant is judged on rows older than its own."""
        return min(map(self.window_of, self.variants), key=length_of)

    def description(self, column: str) -> str:
        """What `column` means, or nothing."""
        described = {feature.name: feature.description for feature in self.features} | self.descriptions
        return described.get(column, "")

    @property
    def _judged(self) -> Iterator[str]:
        """Columns that only the split and the gates look at, such as a sensitive one the model must not see."""
        for part in (self.gates.slices, self.gates.fairness):
            yield from part.columns if part else ()
        yield from (column for columns in self.table.unique for column in columns)
        if self.split.groups:
            yield self.split.groups

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
    def _columns_have_one_role(self) -> "TrainingConfig":
        if self.time_column == self.target:
            raise ValueError(f'timeColumn "{self.time_column}" is also the target; name two columns')
        if self.time_column in self.feature_names:
            raise ValueError(
                f'timeColumn "{self.time_column}" is also a feature; a moment never comes again: make features of it'
            )
        if self.target in self._judged:
            raise ValueError(
                f'target "{self.target}" is also a column to judge by; remove it from split.groups, schema.unique or gates'
            )
        return self

    @model_validator(mode="after")
    def _weights_fit_the_task(self) -> "TrainingConfig":
        weighted = [variant.name for variant in self.variants if variant.class_weight is not None]
        if weighted and self.task != "classification":
            raise ValueError(f"classWeight of {', '.join(weighted)}: a {self.task} has no classes; remove it")
        return self

    @model_validator(mode="after")
    def _metrics_fit_the_task(self) -> "TrainingConfig":
        fitting = CLASSIFICATION_METRICS if self.task == "classification" else REGRESSION_METRICS
        bounded = [metric for gate in (self.gates.golden, self.gates.slices) if gate for metric in gate.metrics]
        for metric in (self.metric, *bounded):
            if metric not in fitting:
                raise ValueError(f"metric {metric} does not fit {self.task}; use one of {', '.join(fitting)}")
        return self

    @model_validator(mode="after")
    def _gates_fit_the_task(self) -> "TrainingConfig":
        asked = {"calibration": self.gates.calibration, "fairness": self.gates.fairness}
        for name, gate in asked.items():
            if gate and self.task != "classification":
                raise ValueError(f"gates.{name} judges a classification, and task is {self.task}; remove it")
        return self
