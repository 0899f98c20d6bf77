"""What a rule says of the rows."""

from typing import Literal

import numpy as np

from serinus.core.model import Frozen

TABLE = "*"  # in place of a column, where a rule is about the whole table
SHOWN_CHARACTERS = 40


class RuleCheck(Frozen):
    """One rule and whether the rows keep it. `asked`: what the rule asks for.

    `rows`: how many break it, 0 where the rule is about the table. A rule that could not be checked is `Skipped`, with
    the cause as its message; it refuses nothing.
    """

    column: str
    rule: str
    asked: str
    verdict: Literal["Pass", "Fail", "Skipped"] = "Pass"
    rows: int = 0
    message: str = ""

    def broken(self, message: str, rows: int = 0) -> "RuleCheck":
        """The rule as one that `rows` rows break."""
        return self.model_copy(update={"verdict": "Fail", "rows": rows, "message": message})

    def skipped(self, message: str) -> "RuleCheck":
        """The rule as one that could not be checked."""
        return self.model_copy(update={"verdict": "Skipped", "message": message})

    def told(self, message: str) -> "RuleCheck":
        """The rule as kept, with what was seen."""
        return self.model_copy(update={"message": message})


def broken_of(checks: list[RuleCheck]) -> list[RuleCheck]:
    """The broken rules."""
    return [check for check in checks if check.verdict == "Fail"]


def shown(value: object) -> str:
    """A value as a message quotes it: a number as it is, anything else as text, cut off where it is long."""
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        return f"{value:.12g}"
    return repr(str(value)[:SHOWN_CHARACTERS])
