"""What the schema says at a place: the names known there, the limits of a number, the choices of a text."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from serinus.core.spec import ModelDeployment
from serinus.crd.union import MARKED
from serinus.lint.problem import Location


@dataclass(frozen=True)
class Entry:
    """Kinds of entries of a list, as `noun` and one of `kinds` name them: `type Latency`, `an entry with weight`."""

    noun: str
    kinds: tuple[str, ...]


@cache
def _root() -> dict[str, Any]:
    return ModelDeployment.model_json_schema()


def schema_at(loc: Location) -> dict[str, Any]:
    """The JSON schema at a location that may contain tags of unions, as pydantic writes it; {} where there is none."""
    schema = _plain(_root())
    for part in loc:
        schema = _plain(_below(schema, part))
    return schema


def known_fields(schema: dict[str, Any]) -> list[str]:
    """The field names of an object's schema."""
    return list(schema.get("properties", {}))


def choices(schema: dict[str, Any]) -> list[str]:
    """The values of an enumeration or a constant."""
    return list(schema["enum"]) if "enum" in schema else [schema["const"]] if "const" in schema else []


def kinds_of(schema: dict[str, Any]) -> list[str]:
    """The kinds of entries that a union tells apart by a field."""
    found = map(_plain, schema.get("oneOf", ()))
    return [kind for branch in found for kind in choices(branch["properties"].get("type", {}))]


def entry_at(loc: Location) -> Entry | None:
    """The kind of the entry at a location that ends with the tag of a union."""
    branches = [branch for branch in _branches(loc) if loc[-1] in _tags(branch)]
    return _entry(branches) if branches else None


def only_here(loc: Location, field: str) -> bool:
    """Whether the entry at such a location needs a field that other kinds do not need."""
    needing = [field in branch.get("required", ()) for branch in _branches(loc)]
    return any(needing) and not all(needing)


def entries_with(loc: Location, field: str) -> Entry | None:
    """The kinds of entries that could stand at such a location and have the field."""
    branches = [branch for branch in _branches(loc) if field in known_fields(branch)]
    return _entry(branches) if branches else None


def union_tags() -> frozenset[str]:
    """The names by which pydantic marks the branch of a union that was taken."""
    return frozenset(name for definition in _root()["$defs"].values() for name in _tags(definition))


def _branches(loc: Location) -> list[dict[str, Any]]:
    return [_plain(branch) for branch in schema_at(loc[:-1]).get("oneOf", ())] if loc else []


def _entry(branches: list[dict[str, Any]]) -> Entry:
    typed = all("type" in known_fields(branch) for branch in branches)
    kinds = (choices(branch["properties"]["type"])[0] if typed else branch["required"][0] for branch in branches)
    return Entry("type" if typed else MARKED, tuple(kinds))


def _tags(definition: dict[str, Any]) -> list[str]:
    kind = definition.get("properties", {}).get("type", {})
    return [definition.get("title", ""), *choices(kind)]


def _below(schema: dict[str, Any], part: str | int) -> dict[str, Any]:
    if isinstance(part, int):
        found: dict[str, Any] = schema.get("items", {})
        return found
    if "oneOf" in schema:
        return next((branch for branch in map(_plain, schema["oneOf"]) if part in _tags(branch)), {})
    found = schema.get("properties", {}).get(part) or schema.get("additionalProperties") or {}
    return found if isinstance(found, dict) else {}


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema behind a reference, an optional, or both. What is said beside a reference is kept."""
    if "$ref" in schema:
        target: dict[str, Any] = _root()["$defs"][schema["$ref"].rpartition("/")[2]]
        return _plain({**target, **{name: item for name, item in schema.items() if name != "$ref"}})
    options = [option for option in schema.get("anyOf", []) if option.get("type") != "null"]
    if len(options) == 1:
        return _plain({**{name: item for name, item in schema.items() if name != "anyOf"}, **options[0]})
    return schema
