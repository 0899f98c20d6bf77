"""What is trained: the `variants` of a training file."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, FiniteFloat, Tag, model_validator

from serinus.core.model import Frozen
from serinus.training.windows import Window

ALLOWED_LIBRARIES = ("sklearn", "lightgbm", "xgboost")


def _allowed_estimator(value: str) -> str:
    library = value.partition(".")[0]
    if library not in ALLOWED_LIBRARIES or "." not in value:
        raise ValueError(
            f'"{value}" is not an estimator of {", ".join(ALLOWED_LIBRARIES)}; '
            "name one by its import path, as in sklearn.linear_model.LogisticRegression"
        )
    return value


EstimatorPath = Annotated[str, AfterValidator(_allowed_estimator)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$")]


class Range(Frozen):
    """Values of a parameter to draw from: between `low` and `high`, evenly or evenly in the logarithm.

    Whole numbers are drawn where both ends are whole, real ones otherwise.
    """

    low: int | float
    high: int | float
    scale: Literal["linear", "log"] = "linear"

    @model_validator(mode="after")
    def _in_order(self) -> "Range":
        if self.low >= self.high:
            raise ValueError(f"low {self.low:g} is not below high {self.high:g}; exchange them")
        if self.scale == "log" and self.low <= 0:
            raise ValueError(f"low {self.low:g} has no logarithm; set a low above 0 or scale: linear")
        return self


def _values_to_try(value: Any) -> Any:
    if not isinstance(value, list | tuple | dict | Range):
        raise ValueError("write a list of values to try, or a range: {low: 0.01, high: 1, scale: log}")
    return value


def _kind_of_values(value: Any) -> str:
    return "list" if isinstance(value, list | tuple) else "range"


Values = Annotated[
    Annotated[list[Any], Tag("list")] | Annotated[Range, Tag("range")],
    Discriminator(_kind_of_values),
    BeforeValidator(_values_to_try),
]


class Search(Frozen):
    """Parameters to choose by cross-validation: every combination of lists, or `candidates` drawn ones.

    A list gives the values to try, a range what to draw from; a range needs `candidates`.
    """

    parameters: dict[str, Values] = Field(min_length=1)
    candidates: int | None = Field(default=None, ge=1, le=1000)
    folds: int = Field(default=3, ge=2, le=20)

    @model_validator(mode="after")
    def _drawn_where_endless(self) -> "Search":
        ranges = [name for name, values in self.parameters.items() if isinstance(values, Range)]
        if ranges and self.candidates is None:
            raise ValueError(f"{', '.join(ranges)} has endless values; say how many to draw by candidates")
        empty = [name for name, values in self.parameters.items() if values == []]
        if empty:
            raise ValueError(f"{', '.join(empty)} has no value to try; list some or remove it")
        return self


class EarlyStopping(Frozen):
    """Stop fitting when the score on a held-out `share` of the training rows has not improved for `rounds`."""

    rounds: int = Field(default=10, ge=1)
    share: float = Field(default=0.1, gt=0, lt=1)


def _weights_or_balanced(value: Any) -> Any:
    if value != "balanced" and not isinstance(value, dict):
        raise ValueError('write balanced, or the weight of each class: {"0": 1, "1": 5}')
    return value


def _kind_of_weight(value: Any) -> str:
    return "weights" if isinstance(value, dict) else "balanced"


ClassWeight = Annotated[
    Annotated[Literal["balanced"], Tag("balanced")] | Annotated[dict[str, FiniteFloat], Tag("weights")],
    Discriminator(_kind_of_weight),
    BeforeValidator(_weights_or_balanced),
]


class Variant(Frozen):
    """One candidate estimator. `missing` says what becomes of a missing value in a nullable feature.

    `impute` fills it in, in training and in serving; `drop` leaves the row out of training, so that the served model
    refuses it; `reject` fails the training. `class_weight`: `balanced`, or the weight of each class by its name. `window`: the
    rows that it is trained on, those of the file's window by default.
    """

    name: Name
    estimator: EstimatorPath
    parameters: dict[str, Any] = Field(default_factory=dict)
    missing: Literal["impute", "drop", "reject"] = "impute"
    class_weight: ClassWeight | None = None
    early_stopping: EarlyStopping | None = None
    search: Search | None = None
    window: Window | None = None

    @model_validator(mode="after")
    def _set_or_searched(self) -> "Variant":
        both = sorted(set(self.parameters) & set(self.search.parameters if self.search else ()))
        if both:
            raise ValueError(f"{', '.join(both)} is set and searched for; remove one of the two")
        return self
