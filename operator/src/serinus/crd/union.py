"""A union of objects as one object: every field of each kind, and rules that say which fields a kind has.

A structural schema has no unions. The kinds are told apart by a field that all have (`type`), or by one that only they
have (`weight` or `pause` of a step).
"""

from dataclasses import dataclass, replace

from serinus.core.spec.steps import ONE_KIND
from serinus.crd import words
from serinus.crd.cel import Rule
from serinus.crd.schema import Json

LOOSE = ("minimum", "maximum")
OWN_OF_A_KIND = (*LOOSE, "description", "default")
MARKED = "an entry with"


@dataclass(frozen=True)
class Kind:
    """One kind of entry. `label` names it, `condition` is the CEL expression that is true of its entries."""

    label: str
    condition: str
    content: Json
    description: str
    rules: tuple[Rule, ...]

    @property
    def fields(self) -> Json:
        """Its fields and their schemas."""
        found: Json = self.content["properties"]
        return found


def typed(field: str, kinds: list[tuple[Json, str, tuple[Rule, ...]]]) -> tuple[Json, tuple[Rule, ...]]:
    """The kinds (their content, description and rules) that the value of `field` tells apart, as one object."""
    labels = [content["properties"][field]["enum"][0] for content, _, _ in kinds]
    found = [Kind(label, f"self.{field} == '{label}'", *kind) for label, kind in zip(labels, kinds, strict=True)]
    merged = _merged(found)
    merged["properties"][field] = _telling(field, found)
    merged["required"] = [field, *(name for name in found[0].fields if all(_requires(kind, name) for kind in found))]
    merged["required"] = list(dict.fromkeys(merged["required"]))
    needed = [rule for kind in found for rule in _needed(kind, field, merged["required"])]
    return merged, (*needed, *_rules(found, field))


def marked(kinds: list[tuple[Json, str, tuple[Rule, ...]]]) -> tuple[Json, tuple[Rule, ...]]:
    """The same for two kinds that each require one field that the other does not have."""
    (one,), (other,) = (content["required"] for content, _, _ in kinds)
    conditions = [f"has(self.{one}) && !has(self.{other})", f"has(self.{other}) && !has(self.{one})"]
    found = [
        Kind(label, condition, *kind) for label, condition, kind in zip((one, other), conditions, kinds, strict=True)
    ]
    return _merged(found), (
        Rule(f"has(self.{one}) != has(self.{other})", ONE_KIND),
        *_rules(found, MARKED, (one, other)),
    )


def _telling(field: str, kinds: list[Kind]) -> Json:
    """The field that tells the kinds apart, with what each of them is."""
    own: str = kinds[0].fields[field]["description"]
    described = " ".join([own, *(f"{kind.label}: {kind.description}" for kind in kinds)])
    return {"description": described, "type": "string", "enum": [kind.label for kind in kinds]}


def _requires(kind: Kind, field: str) -> bool:
    return field in kind.content.get("required", ())


def _merged(kinds: list[Kind]) -> Json:
    names = dict.fromkeys(name for kind in kinds for name in kind.fields)
    return {"type": "object", "properties": {name: _field(name, kinds) for name in names}}


def _field(name: str, kinds: list[Kind]) -> Json:
    """A field as loose as its loosest kind. Raises ValueError where kinds differ in more than their bounds."""
    having = [kind for kind in kinds if name in kind.fields]
    contents = [kind.fields[name] for kind in having]
    cores = [{key: item for key, item in content.items() if key not in OWN_OF_A_KIND} for content in contents]
    if any(core | {"enum": ()} != cores[0] | {"enum": ()} for core in cores):
        raise ValueError(f"{name} differs between the kinds of a union by more than its bounds")
    bounds = {}
    if all("minimum" in content for content in contents):
        bounds["minimum"] = min(content["minimum"] for content in contents)
    if all("maximum" in content for content in contents):
        bounds["maximum"] = max(content["maximum"] for content in contents)
    return {"description": _description(name, having, len(having) == len(kinds))} | cores[0] | bounds


def _description(name: str, having: list[Kind], everywhere: bool) -> str:
    texts: dict[str, list[str]] = {}
    for kind in having:
        texts.setdefault(kind.fields[name]["description"], []).append(kind.label)
    if len(texts) == 1 and (everywhere or having[0].label in having[0].fields):
        return next(iter(texts))
    return " ".join(f"{words.listed(labels)}: {text}" for text, labels in texts.items())


def _rules(kinds: list[Kind], noun: str, markers: tuple[str, ...] = ()) -> list[Rule]:
    names = dict.fromkeys(name for kind in kinds for name in kind.fields if name not in markers)
    foreign = [rule for name in names for rule in _foreign(name, kinds, noun)]
    bounded = [rule for name in names for rule in _bounded(name, kinds)]
    own = [replace(rule, when=kind.condition) for kind in kinds for rule in kind.rules]
    return [*foreign, *bounded, *own]


def _needed(kind: Kind, noun: str, everywhere: list[str]) -> list[Rule]:
    missing = [name for name in kind.content.get("required", ()) if name not in everywhere]
    return [
        Rule(
            f"has(self.{name})",
            words.needs(name, noun, kind.label, kind.fields[name]["description"]),
            field=name,
            reason="FieldValueRequired",
            when=kind.condition,
        )
        for name in missing
    ]


def _foreign(name: str, kinds: list[Kind], noun: str) -> list[Rule]:
    having = [kind.label for kind in kinds if name in kind.fields]
    without = [kind for kind in kinds if name not in kind.fields]
    if not without:
        return []
    said = words.belongs(name, noun, having)
    return [Rule(f"!has(self.{name})", said, field=name, reason="FieldValueForbidden", when=_any(without))]


def _bounded(name: str, kinds: list[Kind]) -> list[Rule]:
    """Rules for the kinds whose bounds are tighter than those of the merged field."""
    loose = _field(name, kinds)
    having = [kind for kind in kinds if name in kind.fields]
    return [
        rule
        for bound in LOOSE
        for number in sorted({kind.fields[name][bound] for kind in having if bound in kind.fields[name]})
        if loose.get(bound) != number
        for rule in [_bound(name, bound, number, [kind for kind in having if kind.fields[name].get(bound) == number])]
    ]


def _bound(name: str, bound: str, number: float, kinds: list[Kind]) -> Rule:
    sign, said = (">=", words.at_least(number)) if bound == "minimum" else ("<=", words.at_most(number))
    written = float(number) if kinds[0].fields[name]["type"] == "number" else number
    return Rule(f"!has(self.{name}) || self.{name} {sign} {written}", said, field=name, when=_any(kinds))


def _any(kinds: list[Kind]) -> str:
    return " || ".join(f"({kind.condition})" if "&&" in kind.condition else kind.condition for kind in kinds)
