"""What is remembered of drift between two looks."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from serinus.core.analysis.verdict import Verdict
from serinus.core.model import Frozen

Status = Literal["True", "False", "Unknown"]


class MeasuredDrift(Frozen):
    """One distribution held against that of training, as in serinus.core.drift.DriftVerdict."""

    name: str
    verdict: Verdict
    reason: str
    message: str
    numbers: dict[str, float]


class DriftState(Frozen):
    """How far the rows lie from training, and how steadily that was said.

    It is about `revision`, watched since `begun_at`; `traffic_since` is a time before its first row and after the look
    before that. `status` is that of the condition Drifted, since `since`. Of the latest look that had an answer: `looked_at`,
    `rows` in the window, comparisons `compared` and those that `drifted`, the three `worst` inputs and the `prediction`.
    `alarming` looks in a row up to now said that there is drift, the first of them at `alarming_since`; `calm` looks in a
    row that there is clearly none. `asked_at`: when a look was last tried.
    """

    revision: str
    status: Status = "Unknown"
    reason: str
    message: str
    since: datetime
    begun_at: datetime
    traffic_since: datetime | None = None
    asked_at: datetime | None = None
    looked_at: datetime | None = None
    rows: int = 0
    compared: int = 0
    drifted: int = 0
    worst: tuple[MeasuredDrift, ...] = ()
    prediction: MeasuredDrift | None = None
    looks: int = 0
    alarming: int = 0
    alarming_since: datetime | None = None
    calm: int = 0

    @property
    def numbers(self) -> Mapping[str, Mapping[str, float]]:
        """Those of the worst inputs and of the prediction, by name."""
        return {one.name: one.numbers for one in (*self.worst, self.prediction) if one}

    @property
    def face(self) -> tuple[str, str, str]:
        """What a person would notice; the numbers change at every look."""
        return self.revision, self.status, self.reason
