"""The rules over several fields, in CEL: the twin of each validator of the spec models, in the same words."""

from collections.abc import Mapping
from typing import Final

from serinus.crd.cel import Rule

WEIGHTS = "self.filter(step, has(step.weight)).map(step, step.weight)"
GOES_UP = f"{WEIGHTS}.isSorted() && {WEIGHTS}.all(one, {WEIGHTS}.exists_one(other, other == one))"
FEWEST = "(has(self.minReplicas) && self.minReplicas > 1 ? self.minReplicas : 1)"

ONE_SOURCE = (
    Rule(
        "has(self.version) || has(self.alias) || has(self.uri)",
        "nothing says which version to serve; give one of version, alias or uri",
    ),
    Rule(
        "!(has(self.version) && has(self.alias))",
        "version and alias are both given; keep exactly one of them",
        field="alias",
    ),
    Rule(
        "!(has(self.version) && has(self.uri)) || has(self.alias)",
        "version and uri are both given; keep exactly one of them",
        field="uri",
    ),
    Rule(
        "!(has(self.alias) && has(self.uri)) || has(self.version)",
        "alias and uri are both given; keep exactly one of them",
        field="uri",
    ),
)

FOLLOWED = (
    "is also the alias that is followed, so a promotion would start the next rollout; "
    "use two different aliases, as in challenger and champion"
)
ALIAS_MOVES_FORWARD = (
    Rule(
        "!has(self.promoteAlias) || !has(self.alias) || self.promoteAlias != self.alias",
        f"promoteAlias {FOLLOWED}",
        f"'promoteAlias ' + self.promoteAlias + ' {FOLLOWED}'",
        field="promoteAlias",
    ),
    Rule(
        "!has(self.promoteAlias) || !has(self.uri) || has(self.alias) || has(self.version)",
        "promoteAlias needs a registered version, and uri names none; remove it, or give version or alias",
        field="promoteAlias",
    ),
)

SCALE_HAS_ROOM = (
    Rule(
        f"!has(self.maxReplicas) || self.maxReplicas >= {FEWEST}",
        "maxReplicas is less than minReplicas or 1, the fewest that must run; raise it, or lower minReplicas",
        field="maxReplicas",
    ),
)

WEIGHTS_GO_UP = (
    Rule("self.exists(step, has(step.weight))", "no step sets a weight; add one, as in {weight: 10, hold: 10m}"),
    Rule(GOES_UP, "the weights do not go up; make each greater than the one before"),
)

# A validator of a field stands as Model.field.validator; one of the whole model as Model.validator.
TWINS: Final[Mapping[str, tuple[Rule, ...]]] = {
    "ModelSource._one_source": ONE_SOURCE,
    "ModelSource._alias_moves_forward": ALIAS_MOVES_FORWARD,
    "Serving._scale_has_room": SCALE_HAS_ROOM,
    "Serving._only_knative_scales_to_zero": (
        Rule(
            "!has(self.minReplicas) || self.minReplicas > 0 || !has(self.mode) || self.mode != 'Standard'",
            "minReplicas 0 needs Knative, which wakes a model on request; use mode Knative or minReplicas 1",
            field="minReplicas",
        ),
    ),
    "RolloutPolicy.steps._weights_go_up": WEIGHTS_GO_UP,
    "RolloutPolicy._one_availability": (
        Rule(
            "!has(self.signals) || self.signals.filter(signal, signal.type == 'Availability').size() <= 1",
            "there are two Availability signals, which is one measure; keep one",
            field="signals",
        ),
    ),
    "QualitySignal._margin_is_below_bound": (
        Rule(
            "(has(self.maxIncrease) ? self.maxIncrease : 0.01) < (has(self.bound) ? self.bound : 1.0)",
            "maxIncrease is not below bound, the largest difference of two losses, so nothing can fail; "
            "lower it, or raise bound",
            field="maxIncrease",
        ),
    ),
    "QuerySignal._has_a_limit": (
        Rule(
            "has(self.min) || has(self.max)",
            "the query has no limit, so nothing can fail; give min, max or both",
        ),
        Rule(
            "!has(self.min) || !has(self.max) || self.min <= self.max",
            "min is greater than max; swap them",
            field="min",
        ),
    ),
}

BY_LIST_TYPE: Final = frozenset({"RolloutPolicy.signals._names_differ"})
"""Validators whose twin is the list's type: a list of type `map` refuses a key given twice."""


def of_model(model: str) -> tuple[Rule, ...]:
    """The rules of a whole object, by the name of its class."""
    return tuple(rule for name, rules in TWINS.items() for rule in rules if name.split(".")[:-1] == [model])


def of_field(model: str, field: str) -> tuple[Rule, ...]:
    """The rules of one field of a class."""
    return tuple(rule for name, rules in TWINS.items() for rule in rules if name.split(".")[:-1] == [model, field])
