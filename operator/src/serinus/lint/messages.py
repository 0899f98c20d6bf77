"""Pydantic's errors as sentences that say what to do: one for each cause.

A sentence begins with what the API server would say of the same object, and goes on with what to do.
"""

from collections.abc import Sequence

from pydantic_core import ErrorDetails

from serinus.core.spec.fields import shown
from serinus.crd import words
from serinus.lint.problem import Finding, Location, dotted
from serinus.lint.schema import entries_with, entry_at, known_fields, only_here, schema_at, union_tags
from serinus.lint.sentences import MAP_TYPES, SENTENCES, nearest, one_of


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
    return error["type"] == "missing" and (error["loc"] in misspelt or _is_marker(error["loc"]))


def _finding(error: ErrorDetails) -> Finding:
    kind = error["type"]
    loc = _without_tags(error["loc"], keep_last=kind == "extra_forbidden")
    if kind.startswith("union_tag"):
        loc = (*loc, "type")
    loc = (*loc, *error.get("ctx", {}).get("at", ()))
    return Finding(loc, _sentence(error, loc), of_key=kind in ("extra_forbidden", "missing", "union_tag_not_found"))


def _sentence(error: ErrorDetails, loc: Location) -> str:
    kind, value = error["type"], error["input"]
    if kind == "extra_forbidden":
        return _unknown(error, loc)
    if kind == "missing" or (value is None and _is_required(error["loc"])):
        return _required(error)
    name = next((part for part in reversed(loc) if isinstance(part, str)), "the file")
    if value is None and isinstance(loc[-1], str):
        hint = "{} or its fields" if kind in MAP_TYPES else "a value"
        return f"{name} is empty; give it {hint}, or remove the line"
    sentence = SENTENCES.get(kind)
    if sentence is None:
        return f"{name} {shown(value)} is not accepted: {error['msg']}"
    return sentence(value, schema_at(error["loc"]), {**error.get("ctx", {}), "msg": error["msg"]})


def _unknown(error: ErrorDetails, loc: Location) -> str:
    """The sentence for a field that is not known where it stands, or known of other entries of the list only."""
    *place, name = error["loc"]
    having = entries_with(tuple(place), str(name))
    if having is not None:
        return f"Forbidden: {words.belongs(str(name), having.noun, having.kinds)}"
    return f"unknown field {shown(dotted(loc))}; {one_of(str(name), _siblings(error))}"


def _required(error: ErrorDetails) -> str:
    *place, name = error["loc"]
    description = schema_at(error["loc"]).get("description", "")
    entry = entry_at(tuple(place))
    if entry is not None and only_here(tuple(place), str(name)):
        return f"Required value: {words.needs(str(name), entry.noun, entry.kinds[0], description)}"
    return f"Required value; add it: {description}".rstrip(": ")


def _is_required(loc: Location) -> bool:
    return loc[-1] in schema_at(loc[:-1]).get("required", ()) and not _is_marker(loc)


def _is_marker(loc: Location) -> bool:
    """Whether the field would tell the kind of a step: where it is missing, an unknown field stands in its place."""
    entry = entry_at(loc[:-1])
    return entry is not None and loc[-1] in entry.kinds


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
