"""The sentences that the CRD and `serinus lint` must say alike, where no validator of a model says them."""

from collections.abc import Sequence


def listed(words: Sequence[str]) -> str:
    """`a, b or c`."""
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else "none"


def belongs(field: str, noun: str, kinds: Sequence[str]) -> str:
    """That a field is one of other kinds of entries. `noun` with a kind names such an entry."""
    return f"{field} belongs to {noun} {listed(kinds)}; remove it, or change the entry"


def needs(field: str, noun: str, kind: str, description: str) -> str:
    """That an entry of a kind lacks a field."""
    return f"{noun} {kind} needs {field}: {description}"


def at_least(number: float) -> str:
    """The API server's words for a number below its minimum."""
    return f"should be greater than or equal to {_plain(number)}"


def at_most(number: float) -> str:
    """The API server's words for a number above its maximum."""
    return f"should be less than or equal to {_plain(number)}"


def more_than(number: float) -> str:
    """The API server's words for a number that is not above its exclusive minimum."""
    return f"should be greater than {_plain(number)}"


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)
