"""What the evidence says about one signal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    """Never collapsed into one another: worse, not worse, not known yet, and could not be asked are four things."""

    PASS = "Pass"
    FAIL = "Fail"
    INCONCLUSIVE = "Inconclusive"
    ERROR = "Error"


Finding = tuple[Verdict, str, str]
"""A verdict, its reason and its message."""


@dataclass(frozen=True)
class SignalVerdict:
    """The verdict on one signal: `reason` for machines, `message` for people, `numbers` for plots (camelCase keys).

    Evidence is given as odds: `harmEvidence` 80 means that what was seen is 80 times less likely than a bet against
    harm pays; the signal fails when it reaches `harmNeeded`. `safetyEvidence` and `safetyNeeded` are the same for
    passing.
    """

    name: str
    type: str
    verdict: Verdict
    required: bool
    reason: str
    message: str
    numbers: Mapping[str, float] = field(default_factory=dict)

    @property
    def only_pauses(self) -> bool:
        """Whether failing is for a person to look at: other answers are not worse answers, after a retraining least of all."""
        return self.type == "Drift"
