"""When a new version is trained."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from serinus.core.model import Frozen
from serinus.core.spec.duration import Duration, PositiveDuration
from serinus.core.spec.fields import Name, matching

Cron = Annotated[str, *matching(r"[!-~]+( +[!-~]+){4}", 128, "write five fields, as in 0 3 * * 1 for Mondays at three")]
TimeZone = Annotated[str, *matching("[A-Za-z0-9_+/-]+", 64, "write an IANA time zone, as in Europe/Berlin")]


class DriftTrigger(Frozen):
    """Train when the inputs have drifted."""

    type: Literal["Drift"] = Field(description="Kind of trigger.")


class QualityTrigger(Frozen):
    """Train when the quality against labels has fallen."""

    type: Literal["Quality"] = Field(description="Kind of trigger.")


class NewDataTrigger(Frozen):
    """Train when there is new labelled data."""

    type: Literal["NewData"] = Field(description="Kind of trigger.")


class ScheduleTrigger(Frozen):
    """Train at set times."""

    type: Literal["Schedule"] = Field(description="Kind of trigger.")
    cron: Cron = Field(description="Minute, hour, day of month, month, day of week, as in 0 3 * * 1.")
    time_zone: TimeZone = Field(default="UTC", description="Time zone of the cron fields, as in Europe/Berlin.")


class MaxAgeTrigger(Frozen):
    """Train when the serving model has grown old."""

    type: Literal["MaxAge"] = Field(description="Kind of trigger.")
    age: PositiveDuration = Field(description="Age of the serving model's training data that is too old.")


Trigger = Annotated[
    DriftTrigger | QualityTrigger | NewDataTrigger | ScheduleTrigger | MaxAgeTrigger, Field(discriminator="type")
]


class Retraining(Frozen):
    """The pipeline that trains the next version, and what starts it."""

    pipeline: Name = Field(description="Name of the training pipeline.")
    triggers: tuple[Trigger, ...] = Field(default=(), max_length=16, description="What starts a run.")
    cooldown: Duration = Field(default=timedelta(hours=24), description="Least time between two runs.")
    max_runs: int = Field(
        default=4,
        strict=True,
        ge=1,
        le=1000,
        description="Most runs without a promotion between them; then a person must look.",
    )
