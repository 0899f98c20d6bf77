"""What is remembered of retraining: the run under way, what asks for the next one, and the runs before."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import Field

from serinus.core.analysis.wealth import Wealth
from serinus.core.model import Frozen

RUNS_KEPT: Final = 20
EVENTS_KEPT: Final = 64
LONGEST_MESSAGE: Final = 1000  # characters; what a pipeline says of its failure may be as long as a log


class RunEnd(StrEnum):
    """How a retraining run ended. Only the first is a better model."""

    NEW_VERSION = "NewVersion"
    NOT_BETTER = "NotBetter"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


class Cause(Frozen):
    """What asks for a run: a trigger by its type (or Manual), why, and since when."""

    trigger: str
    message: str
    since: datetime


class TrainingRun(Frozen):
    """The run under way. It waits for its turn until `started_at`, and was started for sure once it has an `id`.

    `key` is what the runner starts it by, so that it is one run however often it is started. `cancelled`: it took too long,
    and is being ended. `problem` is why the runner cannot be asked.
    """

    key: str
    causes: tuple[Cause, ...]
    asked_at: datetime
    started_at: datetime | None = None
    id: str = ""
    link: str = ""
    cancelled: bool = False
    problem: str = ""


class PastRun(Frozen):
    """A run that has ended. `causes` are the types of the triggers; `version` is what it registered.

    `rollout` is how the rollout of that version ended, once it has. `without_better` counts the runs in a row before this
    one that brought no better model, in case its own turns out to be none.
    """

    key: str
    causes: tuple[str, ...]
    outcome: RunEnd
    reason: str
    message: str
    version: str = ""
    started_at: datetime
    ended_at: datetime
    link: str = ""
    rollout: str = ""
    without_better: int = 0


class Hold(Frozen):
    """Why a run that is asked for is not started now, and until when where that is known."""

    reason: str
    message: str
    until: datetime | None = None


class QualityWatch(Frozen):
    """The sequential test of one revision's loss (serinus.core.retraining.quality). Losses are shares of the bound.

    `about` names the question that was asked; another question begins anew. Cohorts up to `folded_until` are in.
    """

    revision: str
    about: str
    looked_at: datetime | None = None
    folded_until: datetime
    baseline_rows: int = 0
    baseline_loss: float = 0.0
    rows: float = 0.0
    loss: float = 0.0
    wealth: Wealth
    problem: str = ""


class LabelledRows(Frozen):
    """Rows answered since `since` that have a label, as of `looked_at`."""

    since: datetime
    rows: int = 0
    looked_at: datetime | None = None
    problem: str = ""


class HandledEvent(Frozen):
    """An event that was taken; the same one is never taken again. `time` is the event's own."""

    id: str
    time: datetime


class RetrainingState(Frozen):
    """The whole memory of retraining. `reason` and `message` say how it stands.

    `counter` numbers the runs. `starts` are those within the budget's time. `without_better` counts the runs in a row that
    brought no better model. `code` is the digest of pipeline and training file of the latest run, or as first seen.
    `schedules` has the last moment that was considered by cron and time zone. `serving` is the revision that serves since
    `serving_since`; `trained_at` is when its training began, where that is known, else the same.
    """

    reason: str = ""
    message: str = ""
    since: datetime
    run: TrainingRun | None = None
    wanted: tuple[Cause, ...] = ()
    hold: Hold | None = None
    runs: tuple[PastRun, ...] = ()
    without_better: int = 0
    counter: int = 0
    starts: tuple[datetime, ...] = ()
    code: str = ""
    schedules: dict[str, datetime] = Field(default_factory=dict)
    serving: str = ""
    serving_since: datetime | None = None
    trained_at: datetime | None = None
    quality: QualityWatch | None = None
    labelled: LabelledRows | None = None
    events: tuple[HandledEvent, ...] = ()

    @property
    def last(self) -> PastRun | None:
        """The run that ended last."""
        return self.runs[-1] if self.runs else None

    def changed(self, **changes: object) -> "RetrainingState":
        """The same with some fields replaced."""
        return self.model_copy(update=changes)


def shortened(message: str) -> str:
    """A message that a status has room for twenty times."""
    return message if len(message) <= LONGEST_MESSAGE else message[: LONGEST_MESSAGE - 3] + "..."
