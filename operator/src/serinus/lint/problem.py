"""One thing that is wrong with a file, or worth knowing about it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from serinus.core.spec.fields import SHOWN_CHARACTERS, shown

Location = tuple[str | int, ...]


class Level(StrEnum):
    """Whether the file is refused."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Problem:
    """A sentence about one field. `line` and `column` count from 1; 0 where the value did not come from a text."""

    message: str
    path: str = ""
    line: int = 0
    column: int = 0
    level: Level = Level.ERROR
    source: str = ""

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}: " if self.line else f"{self.source}: " if self.source else ""
        level = "warning: " if self.level is Level.WARNING else ""
        return place + level + (f"{self.path}: " if self.path else "") + self.message


@dataclass(frozen=True)
class Finding:
    """A problem whose place in the text is still to be found. `of_key`: the field's name is to blame, not its value."""

    loc: Location
    message: str
    level: Level = Level.ERROR
    of_key: bool = False


def dotted(loc: Location) -> str:
    """`spec.rollout.steps[1].weight`; a name that would not be read back that way is quoted, as in labels["a.b"]."""
    path = ""
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part.isidentifier() and len(part) <= SHOWN_CHARACTERS:
            path += f".{part}" if path else part
        else:
            path += f"[{shown(part)}]"
    return path


def joined(problems: Iterable[Problem]) -> str:
    """The problems one below the other."""
    return "\n".join(str(problem) for problem in problems)


def errors_of(problems: Iterable[Problem]) -> Sequence[Problem]:
    """Those for which the file is refused."""
    return [problem for problem in problems if problem.level is Level.ERROR]
