"""The small types that several parts of the spec are made of.

Numbers and booleans are strict: `"10"` is not 10 and `yes` in quotes is not true, as the Kubernetes API would say too.
"""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

Flag = Annotated[bool, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000_000)]
Rate = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
Hostname = Annotated[
    str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$", max_length=253)
]


def refusal(sentence: str, *at: str | int) -> PydanticCustomError:
    """The error of a rule over several fields. `at` leads from the validated value to the field to blame."""
    return PydanticCustomError("rule", "{sentence}", {"sentence": sentence, "at": list(at)})


def text_of_integer(value: Any) -> Any:
    """An integer as its decimal text (`version: 7` means "7"); everything else as it is, for the type to judge."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        raise refusal(f'{value} is a fraction; put it in quotes, as in "{value}"')
    return value


def int_or_string(pattern: str) -> Any:
    """The annotations of a text that may also be written as a bare integer."""
    schema = {
        "anyOf": [{"type": "integer"}, {"type": "string", "pattern": pattern}],
        "x-kubernetes-int-or-string": True,
    }
    return BeforeValidator(text_of_integer), Field(pattern=pattern), WithJsonSchema(schema)


VERSION_PATTERN = r"^[A-Za-z0-9][-A-Za-z0-9._]{0,62}$"
QUANTITY_PATTERN = r"^([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$"

VersionText = Annotated[str, *int_or_string(VERSION_PATTERN)]
Quantity = Annotated[str, *int_or_string(QUANTITY_PATTERN)]
