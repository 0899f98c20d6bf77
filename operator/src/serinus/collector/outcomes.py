"""What can become of a prediction or a label, and what is told of a batch.

No StrEnum: outcomes of the same name are not the same.
"""

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum

from serinus.collector.messages import Problem


class PredictionOutcome(Enum):
    """Of one event."""

    STORED = "stored"
    DUPLICATE = "duplicate"  # the same revision has answered this request: nothing changes
    NOT_SAMPLED = "notSampled"
    INVALID = "invalid"  # also a time before the retention, or in the future


class LabelOutcome(Enum):
    """Of one label."""

    JOINED = "joined"
    LATE = "late"  # in the log, in no cohort
    DUPLICATE = "duplicate"
    CONTRADICTORY = "contradictory"  # another value than the first one, which stands
    UNKNOWN = "unknown"  # kept for a while: it may have overtaken its prediction
    EXPIRED = "expired"  # unknown, and its prediction never came
    NOT_SAMPLED = "notSampled"
    INVALID = "invalid"


class LoggedOutcome(Enum):
    """Of one CloudEvent of KServe's logger."""

    WAITING = "waiting"  # for the other half of the request
    COMPLETE = "complete"
    REPEATED = "repeated"
    COPY = "copy"  # of a request that the collector made itself: dropped
    INVALID = "invalid"
    EXPIRED = "expired"  # the other half never came


Kind = PredictionOutcome | LabelOutcome | LoggedOutcome


@dataclass(frozen=True)
class Judged:
    """A client's row whose answer and label are both known. `lag_seconds`: from the answer to the label."""

    deployment: str
    revision: str
    prediction: float | None
    label: float
    lag_seconds: float


@dataclass
class Written:
    """What became of a batch: told to its sender, counted, and which minutes of which deployment have changed."""

    counts: Counter[Kind] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    touched: set[tuple[str, int]] = field(default_factory=set)

    def add(self, other: "Written") -> None:
        """Take over what another part of the same batch did."""
        self.counts += other.counts
        self.problems += other.problems
        self.judged += other.judged
        self.touched |= other.touched
