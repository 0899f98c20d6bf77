"""What the schema says at a place: the names known there, the limits of a number, the choices of a text."""

from functools import cache
from typing import Any

from serinus.core.spec import ModelDeployment
from serinus.lint.problem import Location


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


def union_tags() -> frozenset[str]:
    """The names by which pydantic marks the branch of a union that was taken."""
    return frozenset(name for definition in _root()["$defs"].values() for name in _tags(definition))


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
