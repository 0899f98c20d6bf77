"""Markdown of values that others chose: a name or a message is shown as it is, and never becomes markup."""

import re
from collections.abc import Iterable, Sequence

MARKUP = re.compile(r"([\\`*_\[\]|<>#~!])")


def cell(value: object) -> str:
    """`value` as text of one line."""
    return MARKUP.sub(r"\\\1", " ".join(str(value).split()))


def as_text(markdown: str) -> str:
    """A team's own Markdown, without HTML, and without headings that would end the section it stands in."""
    return re.sub(r"^(\s*)#", r"\1\\#", markdown.strip().replace("<", "\\<"), flags=re.MULTILINE)


def table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """A table of plain values."""
    rule = "|---" * len(head) + "|"
    return "\n".join([_line(head), rule, *map(_line, rows)])


def _line(cells: Iterable[object]) -> str:
    return "| " + " | ".join(map(cell, cells)) + " |"
