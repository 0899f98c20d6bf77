"""Validation rules in CEL, as the API server evaluates them."""

from dataclasses import dataclass
from typing import Any, Literal

from serinus.core.spec.fields import SHOWN_CHARACTERS

Reason = Literal["FieldValueInvalid", "FieldValueRequired", "FieldValueForbidden"]


@dataclass(frozen=True)
class Rule:
    """`rule` is true of `self` where nothing is wrong; `message` says what is wrong and what to do.

    `expression` is a message in CEL where it needs the value; `message` then stands for it where it cannot be evaluated.
    `field` is the property of `self` to blame. `when` narrows the rule to the objects of which it is true.
    """

    rule: str
    message: str
    expression: str = ""
    field: str = ""
    reason: Reason = "FieldValueInvalid"
    when: str = ""

    def written(self) -> dict[str, Any]:
        """The rule as it stands in a CRD."""
        content: dict[str, Any] = {"rule": f"!({self.when}) || ({self.rule})" if self.when else self.rule}
        content["message"] = self.message
        if self.expression:
            content["messageExpression"] = self.expression
        if self.reason != "FieldValueInvalid":
            content["reason"] = self.reason
        if self.field:
            content["fieldPath"] = f".{self.field}"
        return content


def literal(text: str) -> str:
    """A text in CEL, with nothing in it escaped. Raises ValueError where it holds both kinds of quotes."""
    raw = "r" if "\\" in text else ""
    if "'" not in text:
        return f"{raw}'{text}'"
    if '"' not in text:
        return f'{raw}"{text}"'
    raise ValueError(f"{text} holds both kinds of quotes, which no raw text of CEL can")


def shown(value: str, longest: int) -> str:
    """The expression that quotes a text of at most `longest` characters as `serinus.core.spec.fields.shown` does."""
    quoted = f"strings.quote({value})"
    if longest + 2 <= SHOWN_CHARACTERS:
        return quoted
    return f"(size({quoted}) <= {SHOWN_CHARACTERS} ? {quoted} : {quoted}.substring(0, {SHOWN_CHARACTERS}) + '...')"


def matching(pattern: str, value: str = "self") -> str:
    """The expression that is true where the whole value matches a regular expression."""
    return f"{value}.matches({literal(f'^({pattern})$')})"
