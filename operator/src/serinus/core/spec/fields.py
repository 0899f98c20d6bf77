"""The small types that several parts of the spec are made of.

Numbers and booleans are strict: `"10"` is not 10 and `yes` in quotes is not true, as the Kubernetes API would say too.
"""

import json
import re
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError

CHECKS = "x-checks"

Flag = Annotated[bool, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000_000)]
PositiveCount = Annotated[int, Field(strict=True, ge=1, le=1_000_000_000)]
Rate = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
PositiveRate = Annotated[float, Field(strict=True, gt=0, le=1, allow_inf_nan=False)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]

SHOWN_CHARACTERS = 70  # of a bad value in a message; a value can be as large as its file


def shown(value: Any) -> str:
    """A value as a message quotes it: in JSON's words, cut off where it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."


def refusal(sentence: str, *at: str | int) -> PydanticCustomError:
    """The error of a rule over several fields. `at` leads from the validated value to the field to blame."""
    return PydanticCustomError("rule", "{sentence}", {"sentence": sentence, "at": list(at)})


@dataclass(frozen=True)
class Check:
    """What a validator of one value looks at, kept in the JSON schema for those who check without Python (serinus.crd).

    `pattern` and `allowed` are those of `matching`.
    """

    name: str
    pattern: str = ""
    allowed: str = ""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        found = handler(schema)
        return {**found, CHECKS: [*found.get(CHECKS, ()), asdict(self)]}


def matching(pattern: str, longest: int, allowed: str) -> Any:
    """The annotations of a text that `pattern` describes; `allowed` says so in words, as an order."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"{shown(value)} is not accepted; {allowed}")
        return value

    return Field(max_length=longest), AfterValidator(check), Check("matches", pattern, allowed)


def _text_of_integer(value: Any) -> Any:
    """An integer as its decimal text (`version: 7` means "7"); everything else as it is, for the type to judge."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def int_or_text(pattern: str, longest: int, allowed: str, kind: str = "matches") -> Any:
    """The annotations of a text that may also be written as a bare integer. `kind` names its Check."""
    length, check, _ = matching(pattern, longest, allowed)
    schema = WithJsonSchema({"x-kubernetes-int-or-string": True, "maxLength": longest})
    return BeforeValidator(_text_of_integer), length, check, schema, Check(kind, pattern, allowed)


NAME_PATTERN = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
QUANTITY_PATTERN = r"[+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?"

Name = Annotated[str, *matching(NAME_PATTERN, 63, "use small letters, digits and dashes, as in flight-delay")]
Hostname = Annotated[
    str, *matching(rf"{NAME_PATTERN}(\.{NAME_PATTERN})*", 253, "write a host name, as in models.example.org")
]
VersionText = Annotated[
    str, *int_or_text("[A-Za-z0-9][-A-Za-z0-9._]*", 63, "write the version as the registry does, as in 7")
]
Quantity = Annotated[
    str, *int_or_text(QUANTITY_PATTERN, 32, "write a Kubernetes quantity, as in 500m or 1Gi", "quantity")
]
