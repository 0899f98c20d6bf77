"""Pydantic's errors as sentences that say what to do: one for each cause."""

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic_core import ErrorDetails

from serinus.core.spec.fields import shown
from serinus.lint.problem import Finding, Location
from serinus.lint.schema import choices, known_fields, schema_at, union_tags

Sentence = Callable[[str, Any, dict[str, Any], dict[str, Any]], str]  # name, value, schema, context


def findings(errors: Sequence[ErrorDetails]) -> list[Finding]:
    """One finding for each cause.

    A field that is missing because its name is misspelt is one, and so is a list that is too short only because its
    entries were refused.
    """
    misspelt = {(*error["loc"][:-1], _meant(error)) for error in errors if error["type"] == "extra_forbidden"}
    return [_finding(error) for error in errors if not _follows_from_another(error, misspelt)]


def _follows_from_another(error: ErrorDetails, misspelt: set[Location]) -> bool:
    if error["type"] == "too_short":
        return len(error["input"]) >= int(error["ctx"]["min_length"])
    return error["type"] == "missing" and error["loc"] in misspelt


def nearest(word: str, known: Sequence[str]) -> str:
    """The known word that was probably meant, or nothing."""
    by_small = {name.lower(): name for name in known}
    close = get_close_matches(word.lower().replace("_", ""), list(by_small), n=1, cutoff=0.6)
    return by_small[close[0]] if close else ""


def one_of(word: Any, known: Sequence[str]) -> str:
    """What to write instead of a word that is not among the known ones."""
    meant = nearest(word, known) if isinstance(word, str) else ""
    return f"did you mean {meant}?" if meant else f"use {_listed(known)}"


def _finding(error: ErrorDetails) -> Finding:
    kind = error["type"]
    loc = _without_tags(error["loc"], keep_last=kind == "extra_forbidden")
    message = _sentence(error, next((part for part in reversed(loc) if isinstance(part, str)), "the file"))
    if kind.startswith("union_tag"):
        loc = (*loc, "type")
    loc = (*loc, *error.get("ctx", {}).get("at", ()))
    return Finding(loc, message, of_key=kind in ("extra_forbidden", "missing", "union_tag_not_found"))


def _sentence(error: ErrorDetails, name: str) -> str:
    schema, value = schema_at(error["loc"]), error["input"]
    if error["type"] == "extra_forbidden":
        return f"unknown field {shown(name)}; {one_of(name, _siblings(error))}"
    if value is None:
        hint = "{} or its fields" if error["type"] in MAP_TYPES else "a value"
        return f"{name} is empty; give it {hint}, or remove the line"
    sentence = SENTENCES.get(error["type"])
    if sentence is None:
        return f"{name} {shown(value)} is not accepted: {error['msg']}"
    return sentence(name, value, schema, {**error.get("ctx", {}), "msg": error["msg"]})


def _siblings(error: ErrorDetails) -> list[str]:
    """The fields that are known where this error's field stands."""
    return known_fields(schema_at(error["loc"][:-1]))


def _meant(error: ErrorDetails) -> str:
    return nearest(str(error["loc"][-1]), _siblings(error))


def _without_tags(loc: Location, keep_last: bool) -> Location:
    """The location in the file: pydantic puts the branch of a union behind the index of its list item."""

    def is_tag(index: int) -> bool:
        last = index == len(loc) - 1
        return index > 0 and isinstance(loc[index - 1], int) and loc[index] in union_tags() and not (last and keep_last)

    return tuple(part for index, part in enumerate(loc) if not is_tag(index))


def _listed(words: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else "none"


def _missing(name: str, value: Any, schema: dict[str, Any], context: dict[str, Any]) -> str:
    return f"{name} is missing; add it: {schema.get('description', '')}".rstrip(": ")


def _out_of_range(name: str, value: Any, schema: dict[str, Any], context: dict[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f"{name} {shown(value)} is not between {low} and {high}"
    above = schema.get("exclusiveMinimum")
    bounds = [f"at least {low}" if low is not None else "", f"greater than {above}" if above is not None else ""]
    bounds.append(f"at most {high}" if high is not None else "")
    return f"{name} {shown(value)} is not {' and '.join(filter(None, bounds))}"


def _not_among(name: str, value: Any, schema: dict[str, Any], context: dict[str, Any]) -> str:
    known = choices(schema)
    return f"{name} {shown(value)} is not {_listed(known)}; {one_of(value, known)}"


def _no_tag(name: str, value: Any, schema: dict[str, Any], context: dict[str, Any]) -> str:
    return f"type is missing; add one of {_listed(_kinds(schema))}"


def _wrong_tag(name: str, value: Any, schema: dict[str, Any], context: dict[str, Any]) -> str:
    return f"type {shown(context['tag'])} is not known; {one_of(context['tag'], _kinds(schema))}"


def _kinds(schema: dict[str, Any]) -> list[str]:
    return list(schema.get("discriminator", {}).get("mapping", {}))


def _not(wanted: str) -> Sentence:
    return lambda name, value, schema, context: f"{name} {shown(value)} is not {wanted}"


def _as_written(name: str, value: Any, schema: dict[str, Any], context: dict[str, Any]) -> str:
    return str(context["msg"]).removeprefix("Value error, ")


def _length(name: str, value: Any, schema: dict[str, Any], context: dict[str, Any]) -> str:
    if "min_length" in context:
        return f"{name} is empty; give at least {context['min_length']}"
    return f"{name} has more than {context['max_length']} characters or entries; shorten it"


_INTEGER = _not("a whole number; write digits without quotes, as in 10")
_NUMBER = _not("a number; write it without quotes, as in 0.05")
_FLAG = _not("true or false; write one of them without quotes")
_MAP = _not("a map; write its fields indented below it, or {}")

MAP_TYPES = ("model_type", "model_attributes_type", "dict_type")
SENTENCES: dict[str, Sentence] = {
    "missing": _missing,
    "greater_than": _out_of_range,
    "greater_than_equal": _out_of_range,
    "less_than": _out_of_range,
    "less_than_equal": _out_of_range,
    "finite_number": _not("a finite number; write one such as 0.05"),
    "int_type": _INTEGER,
    "int_from_float": _INTEGER,
    "int_parsing": _INTEGER,
    "float_type": _NUMBER,
    "bool_type": _FLAG,
    "string_type": _not("a text; put it in quotes"),
    "enum": _not_among,
    "literal_error": _not_among,
    "union_tag_invalid": _wrong_tag,
    "union_tag_not_found": _no_tag,
    **dict.fromkeys(MAP_TYPES, _MAP),
    "tuple_type": _not("a list; begin each entry with a dash"),
    "string_too_long": _length,
    "string_too_short": _length,
    "too_long": _length,
    "too_short": _length,
    "value_error": _as_written,
    "rule": _as_written,
    "step": _as_written,
}
