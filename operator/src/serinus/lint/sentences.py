"""A sentence for each kind of error that pydantic knows: what the API server says of the same value, and what to do."""

import json
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any

from serinus.core.spec.duration import NO_DURATION
from serinus.core.spec.fields import shown
from serinus.crd import words
from serinus.lint.schema import choices, kinds_of

Sentence = Callable[[Any, dict[str, Any], dict[str, Any]], str]  # value, schema, context


def nearest(word: str, known: Sequence[str]) -> str:
    """The known word that was probably meant, or nothing."""
    by_small = {name.lower(): name for name in known}
    close = get_close_matches(word.lower().replace("_", ""), list(by_small), n=1, cutoff=0.6)
    return by_small[close[0]] if close else ""


def one_of(word: str, known: Sequence[str]) -> str:
    """What to write instead of a word that is not among the known ones."""
    meant = nearest(word, known)
    return f"did you mean {meant}?" if meant else f"use {words.listed(known)}"


def _out_of_range(value: Any, schema: dict[str, Any], context: dict[str, Any]) -> str:
    bound = next(bound for bound in BOUNDS if bound in context)
    said = f"{BOUNDS[bound](context[bound])}, not {shown(value)}"
    low, high = schema.get("minimum"), schema.get("maximum")
    return said if low is None or high is None else f"{said}; write a number between {low} and {high}"


def _not_among(value: Any, schema: dict[str, Any], context: dict[str, Any]) -> str:
    return _unsupported(value, choices(schema)) if isinstance(value, str) else _text(value, schema, context)


def _wrong_tag(value: Any, schema: dict[str, Any], context: dict[str, Any]) -> str:
    found = value[context["discriminator"].strip("'")]
    if found is None:
        return _no_tag(value, schema, context)
    return _unsupported(found, kinds_of(schema)) if isinstance(found, str) else _text(found, {}, context)


def _unsupported(value: str, known: Sequence[str]) -> str:
    supported = ", ".join(json.dumps(word) for word in known)
    meant = nearest(value, known)
    then = f"did you mean {meant}?" if meant else "write one of them"
    return f"Unsupported value: {shown(value)}: supported values: {supported}; {then}"


def _no_tag(value: Any, schema: dict[str, Any], context: dict[str, Any]) -> str:
    return f"Required value; add one of {words.listed(kinds_of(schema))}"


def _type(wanted: str, then: str) -> Sentence:
    return lambda value, schema, context: _of_type(wanted, value, then)


def _text(value: Any, schema: dict[str, Any], context: dict[str, Any]) -> str:
    wanted = "integer,string" if schema.get("x-kubernetes-int-or-string") else "string"
    plain = isinstance(value, bool | int | float)
    return _of_type(wanted, value, f'put it in quotes, as in "{json.dumps(value)}"' if plain else "write a text")


def _duration(value: Any, schema: dict[str, Any], context: dict[str, Any]) -> str:
    return _of_type("string", value, NO_DURATION.partition("; ")[2])


def _of_type(wanted: str, value: Any, then: str) -> str:
    return f'must be of type {wanted}: "{json_type(value)}"; {then}'


def json_type(value: Any) -> str:
    """What the API server calls the type of a value."""
    return next(name for kind, name in JSON_TYPES.items() if isinstance(value, kind))


def _as_written(value: Any, schema: dict[str, Any], context: dict[str, Any]) -> str:
    return str(context["msg"]).removeprefix("Value error, ")


def _long_text(value: Any, schema: dict[str, Any], context: dict[str, Any]) -> str:
    return (
        f"Too long: may not be more than {context['max_length']} bytes; shorten it, it has {len(str(value))} characters"
    )


def _short_text(value: Any, schema: dict[str, Any], context: dict[str, Any]) -> str:
    return f"should be at least {context['min_length']} chars long; write a text"


def _long(value: Any, schema: dict[str, Any], context: dict[str, Any]) -> str:
    if not isinstance(value, list | dict):
        return _long_text(value, schema, context)
    return f"Too many: {len(value)}: must have at most {context['max_length']} items; remove some"


def _short_list(value: Any, schema: dict[str, Any], context: dict[str, Any]) -> str:
    return f"should have at least {context['min_length']} items; add one, or remove the line"


_INTEGER = _type("integer", "write a whole number without quotes, as in 10")
_NUMBER = _type("number", "write it without quotes, as in 0.05")
_MAP = _type("object", "write its fields indented below it, or {}")

JSON_TYPES: dict[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
    object: "null",
}
BOUNDS: dict[str, Callable[[float], str]] = {
    "gt": words.more_than,
    "ge": words.at_least,
    "le": words.at_most,
}
MAP_TYPES = ("model_type", "model_attributes_type", "dict_type")
SENTENCES: dict[str, Sentence] = {
    "greater_than": _out_of_range,
    "greater_than_equal": _out_of_range,
    "less_than_equal": _out_of_range,
    "finite_number": lambda value, schema, context: f"{shown(value)} is not a finite number; write one such as 0.05",
    "int_type": _INTEGER,
    "int_from_float": _INTEGER,
    "int_parsing": _INTEGER,
    "float_type": _NUMBER,
    "bool_type": _type("boolean", "write true or false without quotes"),
    "string_type": _text,
    "duration_type": _duration,
    "enum": _not_among,
    "literal_error": _not_among,
    "union_tag_invalid": _wrong_tag,
    "union_tag_not_found": _no_tag,
    **dict.fromkeys(MAP_TYPES, _MAP),
    "tuple_type": _type("array", "begin each entry with a dash"),
    "string_too_long": _long_text,
    "string_too_short": _short_text,
    "too_long": _long,
    "too_short": _short_list,
    "value_error": _as_written,
    "rule": _as_written,
    "step": _as_written,
}
