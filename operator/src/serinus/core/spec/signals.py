"""The signals a rollout is judged on: each compares the candidate with stable, or with an absolute limit."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from serinus.core.model import Frozen
from serinus.core.spec.duration import Duration

Rate = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]


class OnInconclusive(StrEnum):
    """What happens at the deadline when the evidence says neither pass nor fail."""

    PAUSE = "Pause"
    PROCEED = "Proceed"
    ROLLBACK = "Rollback"


class _Signal(Frozen):
    name: Name
    required: bool = Field(default=True, description="Whether promotion waits until this signal passes.")
    on_inconclusive: OnInconclusive | None = Field(
        default=None, description="Overrides rollout.onInconclusive for this signal."
    )


class ErrorsSignal(_Signal):
    """Share of failed requests: 5xx, timeouts, refused connections, and 4xx other than 401, 403 and 429."""

    type: Literal["Errors"]
    max_increase: Rate = Field(
        default=0.01, description="Largest acceptable candidate rate minus stable rate, in points of rate."
    )
    max: Rate | None = Field(default=None, description="Largest acceptable candidate rate, whatever stable's rate is.")


class LatencySignal(_Signal):
    """Share of requests slower than the threshold, compared interval by interval."""

    type: Literal["Latency"]
    threshold: Duration = Field(description="A request slower than this is slow.")
    max_increase: Rate = Field(
        default=0.02, description="Largest acceptable share of slow requests of the candidate minus that of stable."
    )
    max: Rate | None = Field(default=None, description="Largest acceptable share of slow requests of the candidate.")
    warmup: Duration = Field(
        default=timedelta(seconds=30), description="Observed time at the start of the rollout that is left out."
    )


class AvailabilitySignal(_Signal):
    """Restarts, unready time, and the share of requests that arrived against the weight set. Always on."""

    type: Literal["Availability"] = "Availability"
    max_increase: Rate = Field(
        default=0.01,
        description="Largest acceptable share of intervals in which the candidate restarted or was unready, minus stable's.",
    )
    min_share: Rate = Field(
        default=0.8, description="Smallest acceptable share of requests observed, relative to the weight set."
    )


class QualitySignal(_Signal):
    """Loss against real labels, compared on the same rows."""

    type: Literal["Quality"]
    metric: Literal["brier", "logLoss", "absoluteError", "squaredError"] = "brier"
    max_increase: float = Field(default=0.01, ge=0, allow_inf_nan=False)
    label_horizon: Duration = Field(description="Only predictions older than this are judged; fast labels are biased.")


class DriftSignal(_Signal):
    """Distance of the candidate's predictions from stable's on the same traffic. Pauses, never rolls back by itself."""

    type: Literal["Drift"]
    psi: float = Field(default=0.2, gt=0, allow_inf_nan=False)


class QuerySignal(_Signal):
    """The value of a PromQL expression."""

    type: Literal["Query"]
    promql: str = Field(min_length=1)
    min: float | None = Field(default=None, allow_inf_nan=False)
    max: float | None = Field(default=None, allow_inf_nan=False)


Signal = Annotated[
    ErrorsSignal | LatencySignal | AvailabilitySignal | QualitySignal | DriftSignal | QuerySignal,
    Field(discriminator="type"),
]
