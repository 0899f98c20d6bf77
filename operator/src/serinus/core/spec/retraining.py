"""When a new version is trained."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from serinus.core.model import Frozen
from serinus.core.quality import Loss
from serinus.core.spec.duration import Duration, PositiveDuration
from serinus.core.spec.fields import Name, PositiveCount, Rate, matching

Cron = Annotated[str, *matching(r"[!-~]+( +[!-~]+){4}", 128, "write five fields, as in 0 3 * * 1 for Mondays at three")]
EventType = Annotated[
    str, *matching(r"[!-~]+", 256, "write the CloudEvent's type, as in com.example.features.refreshed")
]
RunBudget = Annotated[
    str, *matching("[1-9][0-9]{0,2} per [1-9][0-9]{0,3}[dh]", 16, "write a number of runs and a time, as in 4 per 30d")
]
TimeZone = Annotated[str, *matching("[A-Za-z0-9_+/-]+", 64, "write an IANA time zone, as in Europe/Berlin")]


class DriftTrigger(Frozen):
    """Train when the inputs have drifted."""

    type: Literal["Drift"] = Field(description="Kind of trigger.")


class QualityTrigger(Frozen):
    """Train when the loss against labels has grown, compared with the first labelled rows of the serving model."""

    type: Literal["Quality"] = Field(description="Kind of trigger.")
    metric: Loss = Field(default="brier", description="Loss that is averaged over the labelled rows.")
    max_increase: float = Field(
        default=0.02, strict=True, ge=0, allow_inf_nan=False, description="Growth of the mean loss that is too much."
    )
    bound: float = Field(
        default=1.0, strict=True, gt=0, allow_inf_nan=False, description="Largest loss of one row that counts."
    )
    label_horizon: PositiveDuration = Field(
        default=timedelta(hours=24), description="Only predictions older than this are judged; fast labels are biased."
    )
    min_labelled: Rate = Field(
        default=0.8, description="Share of the predictions of one time that must have their labels to be judged."
    )


class NewDataTrigger(Frozen):
    """Train when there is new labelled data."""

    type: Literal["NewData"] = Field(description="Kind of trigger.")
    min_rows: PositiveCount = Field(default=10_000, description="Rows labelled since the last run that are enough.")


class CodeTrigger(Frozen):
    """Train when the pipeline's code or the training file has changed."""

    type: Literal["Code"] = Field(description="Kind of trigger.")


class EventTrigger(Frozen):
    """Train when a CloudEvent asks for it at the operator's endpoint."""

    type: Literal["Event"] = Field(description="Kind of trigger.")
    event_type: EventType = Field(description="Type of the event, as in com.example.features.refreshed.")


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
    DriftTrigger | QualityTrigger | NewDataTrigger | ScheduleTrigger | MaxAgeTrigger | CodeTrigger | EventTrigger,
    Field(discriminator="type"),
]


class Retraining(Frozen):
    """The pipeline that trains the next version, and what starts it."""

    pipeline: Name = Field(
        description="The training file: key training.yaml of the ConfigMap of this name beside the ModelDeployment; on one "
        "machine the file of this name (.yaml) beside that of the ModelDeployment."
    )
    triggers: tuple[Trigger, ...] = Field(default=(), max_length=16, description="What starts a run.")
    cooldown: Duration = Field(default=timedelta(hours=24), description="Least time between two runs.")
    max_runs: RunBudget = Field(default="4 per 30d", description="Most runs within a time, as in 4 per 30d.")
    timeout: PositiveDuration = Field(
        default=timedelta(hours=6), description="How long a run may take before it is cancelled and counted as failed."
    )
    give_up_after: PositiveCount = Field(
        default=3, le=100, description="Runs in a row without a better model after which a person is needed."
    )
