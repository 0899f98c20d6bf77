"""The rules of single values, in CEL: what the validators of `serinus.core.spec` look at in a text or a duration."""

from collections.abc import Callable
from dataclasses import dataclass

from serinus.core.spec.duration import NO_DURATION, PATTERN
from serinus.core.spec.fields import Check
from serinus.crd.cel import Rule, literal, matching, shown

A_DURATION = matching(PATTERN)


@dataclass(frozen=True)
class Value:
    """How a rule speaks of the value it looks at: as a text, which an int-or-string must be made first."""

    text: str
    longest: int

    def said(self, rule: str, sentence: str, when: str = "") -> Rule:
        """A rule whose sentence begins with the value."""
        expression = f"{shown(self.text, self.longest)} + {literal(f' {sentence}')}"
        return Rule(rule, f"the value {sentence}", expression, when=when)


def rules_of(check: Check, value: Value) -> tuple[Rule, ...]:
    """The CEL rules for what a model checks of one value. Raises KeyError for a check that has none."""
    return RULES[check.name](check, value)


def _matches(check: Check, value: Value) -> tuple[Rule, ...]:
    return (value.said(matching(check.pattern, value.text), f"is not accepted; {check.allowed}"),)


def _quantity(check: Check, value: Value) -> tuple[Rule, ...]:
    rule = "type(self) == int ? self >= 0 : isQuantity(self) && self.matches('^[+]?[.]?[0-9]')"
    return (value.said(rule, f"is not accepted; {check.allowed}"),)


def _not_reserved(check: Check, value: Value) -> tuple[Rule, ...]:
    said = " is a name that MLflow keeps for itself; choose another alias, as in champion"
    rule = f"!{matching(f'(?i){check.pattern}', value.text)}"
    return (Rule(rule, f"the value{said}", f"{value.text} + {literal(said)}"),)


def _duration(check: Check, value: Value) -> tuple[Rule, ...]:
    too_long = "is longer than ten years; write a shorter duration, as in 24h"
    return (
        value.said(A_DURATION, NO_DURATION),
        value.said("duration(self) <= duration('87600h')", too_long, when=A_DURATION),
    )


def _longer_than_zero(check: Check, value: Value) -> tuple[Rule, ...]:
    said = "0s is too short; write a duration longer than zero, as in 10m"
    return (Rule("duration(self) > duration('0s')", said, when=A_DURATION),)


def _not_below_a_second(check: Check, value: Value) -> tuple[Rule, ...]:
    said = "an interval below 1s is too short; look at the evidence less often, as in 30s"
    return (Rule("duration(self) >= duration('1s')", said, when=A_DURATION),)


RULES: dict[str, Callable[[Check, Value], tuple[Rule, ...]]] = {
    "matches": _matches,
    "quantity": _quantity,
    "not reserved": _not_reserved,
    "duration": _duration,
    "longer than zero": _longer_than_zero,
    "not below a second": _not_below_a_second,
}
