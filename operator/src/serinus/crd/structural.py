"""From a model's JSON schema to a structural schema, as a CustomResourceDefinition must have it.

Nothing refers to anything, a union of objects is one object with rules, every default is written out, and rules are
in CEL.
"""

from collections.abc import Callable

from serinus.core.spec.fields import CHECKS, Check
from serinus.crd import rules, texts, union, words
from serinus.crd.cel import Rule
from serinus.crd.descriptions import described, first_paragraph
from serinus.crd.schema import Json

TAKEN_OVER = (
    "type",
    "format",
    "enum",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "maxProperties",
    "nullable",
)
INT_OR_STRING = "x-kubernetes-int-or-string"
VALIDATIONS = "x-kubernetes-validations"
BOUNDS = {"minimum": (">=", words.at_least), "maximum": ("<=", words.at_most)}
NOT_A_CHOICE = "anyOf with more than one branch has no structural schema; use a union with a discriminator"


def structural(schema: Json, defs: Json) -> Json:
    """The structural form of a JSON schema. Raises ValueError for what has none."""
    plain = _resolved(schema, defs)
    if "oneOf" in plain:
        content = _union(plain, defs)
    elif plain.get("type") == "array":
        content = _list(plain, defs)
    elif "properties" in plain:
        content = with_rules(_object(plain, defs), rules.of_model(plain["title"]))
    else:
        content = _value(plain, defs)
    return described(plain, content | _default(plain, content))


def nodes(content: Json, change: Callable[[Json], Json]) -> Json:
    """The schema with `change` made to it and to every schema inside."""
    below: Json = {}
    if "properties" in content:
        below["properties"] = {name: nodes(item, change) for name, item in content["properties"].items()}
    for inner in ("items", "additionalProperties"):
        if inner in content:
            below[inner] = nodes(content[inner], change)
    return change(content | below)


def without_default(content: Json) -> Json:
    """The schema without its default: in items of lists a default would make Argo CD see a difference for ever."""
    return {name: item for name, item in content.items() if name != "default"}


def _resolved(schema: Json, defs: Json) -> Json:
    """The schema behind a reference or an optional; what is said beside a reference is kept, also what describes it."""
    if "$ref" in schema:
        target = defs[schema["$ref"].rpartition("/")[2]]
        beside = {name: item for name, item in schema.items() if name != "$ref"}
        return _resolved({"x-class-description": target.get("description", ""), **target, **beside}, defs)
    if "anyOf" in schema:
        branches = [branch for branch in schema["anyOf"] if branch != {"type": "null"}]
        if len(branches) != 1:
            raise ValueError(NOT_A_CHOICE)
        outside = {name: item for name, item in schema.items() if name != "anyOf"}
        return _resolved({**branches[0], **outside, "nullable": True}, defs)
    return schema


def _value(plain: Json, defs: Json) -> Json:
    """A number, a text, or a map."""
    content = {name: plain[name] for name in TAKEN_OVER if name in plain}
    if "const" in plain:
        content["enum"] = [plain["const"]]
    if "exclusiveMinimum" in plain:
        content |= {"minimum": plain["exclusiveMinimum"], "exclusiveMinimum": True}
    if plain.get("type") == "object":
        content |= _map(plain, defs)
    if INT_OR_STRING in plain:
        content[INT_OR_STRING] = True
    return with_rules(_with_whole_bounds(content), _of_checks(plain))


def _of_checks(plain: Json) -> tuple[Rule, ...]:
    text = "string(self)" if INT_OR_STRING in plain else "self"
    checks = [Check(**check) for check in plain.get(CHECKS, ())]
    return tuple(rule for check in checks for rule in texts.rules_of(check, texts.Value(text, plain["maxLength"])))


def _with_whole_bounds(content: Json) -> Json:
    """The schema with rules in place of bounds that are fractions.

    Of an integer the API server compares whole numbers, so 0 would be as large as 0.0001, and 1 larger than "0".
    """
    fractions = {name: content[name] for name in BOUNDS if not float(content.get(name, 0)).is_integer()}
    rest = {name: item for name, item in content.items() if name not in fractions}
    return with_rules(rest, tuple(_bound(*BOUNDS[name], fraction) for name, fraction in fractions.items()))


def _bound(sign: str, said: Callable[[float], str], number: float) -> Rule:
    return Rule(f"self {sign} {number}", said(number))


def _map(plain: Json, defs: Json) -> Json:
    items = plain.get("additionalProperties")
    if isinstance(items, dict):
        return {"additionalProperties": structural(items, defs)}
    return {"x-kubernetes-preserve-unknown-fields": True}


def _list(plain: Json, defs: Json) -> Json:
    kept = {name: item for name, item in plain.items() if name in TAKEN_OVER or name.startswith("x-kubernetes-list")}
    items = structural(plain["items"], defs)
    return {"x-kubernetes-list-type": "atomic", **kept, "items": nodes(items, without_default)}


def _object(plain: Json, defs: Json) -> Json:
    """An object without the rules over several of its fields."""
    content: Json = {name: plain[name] for name in ("type", "nullable", "required") if name in plain}
    content["properties"] = {
        name: with_rules(structural(item, defs), rules.of_field(plain["title"], name))
        for name, item in plain["properties"].items()
    }
    return content


def _union(plain: Json, defs: Json) -> Json:
    branches = [_resolved(branch, defs) for branch in plain["oneOf"]]
    kinds = [
        (_object(branch, defs), first_paragraph(branch["description"]), rules.of_model(branch["title"]))
        for branch in branches
    ]
    field = plain.get("discriminator", {}).get("propertyName")
    content, found = union.typed(field, kinds) if field else union.marked(kinds)
    return with_rules(content, found)


def _default(plain: Json, content: Json) -> Json:
    """The default, unless it is null, or empty where nothing below it has one: then what is absent means the same."""
    default = plain.get("default")
    if default is None or (default in ({}, []) and "properties" not in content):
        return {}
    return {"default": {} if "properties" in content else default}


def with_rules(content: Json, found: tuple[Rule, ...]) -> Json:
    """The schema with these rules beside those that it has."""
    written = [*content.get(VALIDATIONS, ()), *(rule.written() for rule in found)]
    return content | {VALIDATIONS: written} if written else content
