"""Plain text for terminals, files and pipes: lines that fit, no colours."""

import shutil
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

NARROWEST: Final = 40
WIDEST: Final = 100
NO_BREAK: Final = "\u00a0"


def width() -> int:
    """Characters in a line: those of the terminal, 100 at most and where there is none."""
    return max(NARROWEST, min(WIDEST, shutil.get_terminal_size((WIDEST, 0)).columns))


def wrapped(text: str, indent: str = "", hang: str | None = None) -> list[str]:
    """The text in lines; nothing is cut, a word that is too long stands out."""
    further = indent if hang is None else hang
    flat = " ".join(text.split()).replace(" %", NO_BREAK + "%")
    lines = textwrap.wrap(
        flat,
        width(),
        initial_indent=indent,
        subsequent_indent=further,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(NO_BREAK, " ") for line in lines]


def items(sentences: Iterable[str], indent: str = "  ") -> list[str]:
    """Each sentence as an item of a list."""
    return [line for text in sentences for line in wrapped(text, f"{indent}- ", f"{indent}  ")]


def section(title: str, lines: list[str]) -> list[str]:
    """A title over its lines; nothing where there are none."""
    return ["", title, *lines] if lines else []


def number(value: float) -> str:
    """`0.13`, `4.2`, `1,234`, and no more digits than say something."""
    if value >= 0.999e9:  # what messages.odds ends at
        return "over a billion"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2g}"


COUNTS: Final = (
    ("{} rows old enough, {} labelled, {} judged", ("rows", "labelled", "judged")),
    ("spread of their differences {}", ("spread",)),
    ("{} answers of the candidate, {} of stable, {} looks", ("candidateRows", "stableRows", "looks")),
    ("outside at {} looks in a row, inside at {}", ("looksOutside", "looksInside")),
)


def numbers(values: Mapping[str, float]) -> str:
    """A signal's numbers in one line: the counts that its sentence does not have, then evidence as odds to 1."""
    parts = [] if "safetyEvidence" in values else [_counts(values, "candidate"), _counts(values, "stable")]
    if "requestsExpected" in values:
        arrived, expected = (values[f"requests{name}"] for name in ("Arrived", "Expected"))
        parts.append(f"{number(arrived)} requests arrived, {number(round(expected))} expected")
    parts += [words.format(*map(number, told)) for words, names in COUNTS if (told := _all(values, names))]
    for words, name in (("harm {} to 1, fails at {}", "harm"), ("no harm {} to 1, passes at {}", "safety")):
        if f"{name}Evidence" in values:
            parts.append(words.format(number(values[f"{name}Evidence"]), number(values[f"{name}Needed"])))
    return "; ".join(filter(None, parts))


def _all(values: Mapping[str, float], names: Sequence[str]) -> tuple[float, ...]:
    """The values of all names; nothing where one is missing."""
    return tuple(values[name] for name in names) if all(name in values for name in names) else ()


def _counts(values: Mapping[str, float], side: str) -> str:
    """The intervals in which a revision was not up."""
    if f"{side}Total" not in values:
        return ""
    return f"{side} not up in {number(values[f'{side}Bad'])} of {number(values[f'{side}Total'])} intervals"
