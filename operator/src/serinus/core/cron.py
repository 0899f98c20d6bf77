"""Five-field cron expressions: minute, hour, day of month, month, day of week."""

import re

from serinus.core.errors import SpecInvalid

FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 6))
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
NAMES = {
    "month": {name: index + 1 for index, name in enumerate(MONTHS)},
    "day of week": dict(zip(WEEKDAYS, range(7), strict=True)),
}
PART = re.compile(r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\w+))?")
EXAMPLE = 'write five fields, as in "0 6 * * 1" for Mondays at six'


def checked_cron(text: str) -> str:
    """`text` with single spaces. Raises SpecInvalid, naming the field that is wrong."""
    fields = text.split()
    if len(fields) != len(FIELDS):
        raise SpecInvalid(f'"{text}" has {len(fields)} fields and a cron expression five; {EXAMPLE}')
    for field, (name, low, high) in zip(fields, FIELDS, strict=True):
        problem = next(filter(None, (_problem(part, name, low, high) for part in field.split(","))), "")
        if problem:
            raise SpecInvalid(f'the {name} "{field}" of the cron expression "{text}" {problem}; {EXAMPLE}')
    return " ".join(fields)


def _problem(part: str, name: str, low: int, high: int) -> str:
    """What is wrong with one part of a field's list, or nothing."""
    found = PART.fullmatch(part)
    if not found or (found["first"] == "*" and found["last"]):
        return "is none of *, a value, a range such as 1-5, a step such as */10, or a list of them"
    ends = [_value(end, name) for end in (found["first"], found["last"]) if end and end != "*"]
    if any(end is None or not low <= end <= high for end in ends):
        return f"is not between {low} and {high}"
    first, last = (ends[0] or 0, ends[-1] or 0) if ends else (low, high)
    if first > last:
        return "is a range that ends before it begins"
    if found["step"] and not (found["step"].isdecimal() and int(found["step"]) > 0):
        return "has a step that is not a number above 0"
    return ""


def _value(text: str, name: str) -> int | None:
    return int(text) if text.isdecimal() else NAMES.get(name, {}).get(text.lower())
