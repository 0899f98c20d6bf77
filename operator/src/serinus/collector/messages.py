"""What senders say: predictions and labels, each item checked by itself, so that a bad one does not cost the others."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Generic, TypeVar

import orjson
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr
from pydantic import ValidationError as Invalid

from serinus.collector.settings import DeploymentName
from serinus.core.errors import SerinusError
from serinus.core.model import Frozen

MAX_PROBLEMS: Final = 100  # that an answer lists


class BodyInvalid(SerinusError):
    """A body is not what its endpoint takes, as a whole."""


def _without_null(text: str) -> str:
    if "\0" in text:
        raise ValueError("a text holds the character NUL, which databases do not keep; remove it")
    return text


Text = Annotated[StrictStr, Field(max_length=4096), AfterValidator(_without_null)]
Id = Annotated[StrictStr, Field(min_length=1, max_length=256), AfterValidator(_without_null)]
FiniteFloat = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Value = Annotated[StrictBool | StrictInt | FiniteFloat | Text | None, Field(union_mode="left_to_right")]
Answer = Annotated[StrictBool | FiniteFloat | Text, Field(union_mode="left_to_right")]


class _Item(Frozen):
    """Fields that are not known are ignored: a newer sender may have more."""

    model_config = ConfigDict(extra="ignore")


class Event(_Item):
    """One answered row. `is_copy`: the answer was not the client's."""

    request_id: Id
    time: AwareDatetime
    prediction: Answer
    features: dict[Id, Value] = Field(default_factory=dict, max_length=5000)
    is_copy: StrictBool = Field(default=False, alias="copy")


class Label(_Item):
    """What was right for one row. `time`: when it was known; when it comes, where it is not given."""

    request_id: Id
    label: Answer
    time: AwareDatetime | None = None


class _Predictions(_Item):
    deployment: DeploymentName
    model: Text = ""
    revision: Id
    version: Text = ""
    events: list[Any]


class _Labels(_Item):
    deployment: DeploymentName
    labels: list[Any]


Item = TypeVar("Item", bound=BaseModel)


@dataclass(frozen=True)
class Problem:
    """What is wrong with an item, or was found about it, in a sentence."""

    index: int
    request_id: str
    sentence: str


@dataclass(frozen=True)
class Items(Generic[Item]):
    """The good items with their place in the list, and what is wrong with the others."""

    good: tuple[tuple[int, Item], ...]
    problems: tuple[Problem, ...] = ()

    def __len__(self) -> int:
        return len(self.good)


@dataclass(frozen=True)
class PredictionBatch:
    """Predictions of one revision of one deployment."""

    deployment: str
    revision: str
    events: Items[Event]
    model: str = ""
    version: str = ""


@dataclass(frozen=True)
class LabelBatch:
    """Labels of one deployment."""

    deployment: str
    labels: Items[Label] = field(default_factory=lambda: Items(()))


def parse_predictions(body: bytes) -> PredictionBatch:
    """The batch in a body. Raises BodyInvalid where it is none; bad events are told in the batch."""
    given = _checked(_Predictions, _object(body))
    return PredictionBatch(given.deployment, given.revision, _items(Event, given.events), given.model, given.version)


def parse_labels(body: bytes) -> LabelBatch:
    """As `parse_predictions`; a body without `labels` is one label itself."""
    content = _object(body)
    if "labels" not in content:
        content = {"deployment": content.get("deployment"), "labels": [content]}
    given = _checked(_Labels, content)
    return LabelBatch(given.deployment, _items(Label, given.labels))


def _object(body: bytes) -> dict[str, Any]:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BodyInvalid(f"the body is not JSON ({error}); NaN and Infinity are none, leave such values out") from None
    if not isinstance(content, dict):
        raise BodyInvalid("the body is not a JSON object; docs/collector.md shows one")
    return content


def _checked(kind: type[Item], content: Mapping[str, Any]) -> Item:
    try:
        return kind.model_validate(content)
    except Invalid as error:
        raise BodyInvalid(sentence_of(error)) from None


def _items(kind: type[Item], values: list[Any]) -> Items[Item]:
    good: list[tuple[int, Item]] = []
    problems: list[Problem] = []
    for index, value in enumerate(values):
        try:
            good.append((index, kind.model_validate(value)))
        except Invalid as error:
            problems.append(Problem(index, _id_in(value), sentence_of(error)))
    return Items(tuple(good), tuple(problems))


def _id_in(value: object) -> str:
    found = value.get("requestId") if isinstance(value, dict) else None
    return found[:256] if isinstance(found, str) else ""


def sentence_of(error: Invalid) -> str:
    """The first thing that is wrong: the field and why."""
    one = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, one["loc"]))
    return f"{place}: {one['msg']}" if place else str(one["msg"])
