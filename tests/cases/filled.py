"""A state in which every field has a value, however many fields there will be."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from serinus.core.analysis import Evidence, begin
from serinus.core.model import Frozen
from serinus.core.spec import RolloutPolicy
from serinus.core.state import RolloutState

AT = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
JUDGED = [
    {"name": "errors", "type": "Errors", "max": 0.5, "required": False, "onInconclusive": "Proceed"},
    {"name": "latency", "type": "Latency", "threshold": "100ms", "max": 1},
    {"name": "up", "type": "Availability"},
]
NOT_YET_JUDGED = [
    {"name": "quality", "type": "Quality", "labelHorizon": "6h"},
    {"name": "drift", "type": "Drift"},
    {"name": "query", "type": "Query", "promql": "up", "min": -1, "max": 2},
]
POLICY = RolloutPolicy.model_validate(
    {
        "steps": [{"weight": 5}, {"pause": {"duration": "1m"}}, {"weight": 100}],
        "signals": [*JUDGED, *NOT_YET_JUDGED],
        "match": {"header": {"name": "X-Tester", "value": "1"}},
    }
)
EVIDENCE = begin(
    RolloutPolicy.model_validate({"signals": JUDGED}).signals,
    alpha=0.05,
    attempt=1,
    candidate="b",
    stable="a",
    since=AT,
)
VALUES: Mapping[Any, Any] = {
    str: "a text",
    int: 7,
    float: 0.25,
    bool: True,
    datetime: AT,
    timedelta: timedelta(minutes=90),
    Any: {"nested": [1, None, {"x": 0.5}]},
    RolloutPolicy: POLICY,
    Evidence: EVIDENCE,
}


def full_state() -> RolloutState:
    """Every field set, every list with an entry."""
    state: RolloutState = _value(RolloutState)
    return state


def _value(kind: Any) -> Any:
    if kind in VALUES:
        return VALUES[kind]
    arguments = [part for part in get_args(kind) if part not in (NoneType, ...)]
    origin = get_origin(kind)
    if origin in (Annotated, Union, UnionType):
        return _value(arguments[0])
    if origin in (Literal, tuple):
        return arguments[0] if origin is Literal else (_value(arguments[0]),)
    if origin is dict:
        return {"a key": _value(arguments[1])}
    if issubclass(kind, Enum):
        return next(iter(kind))
    assert issubclass(kind, Frozen), f"no value is known for {kind}"
    return kind(**{name: _value(field.annotation) for name, field in kind.model_fields.items()})
