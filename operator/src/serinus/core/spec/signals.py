"""The signals a rollout is judged on: each compares the candidate with stable, or with an absolute limit."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from serinus.core.model import Frozen
from serinus.core.quality import Loss
from serinus.core.spec.duration import Duration, PositiveDuration
from serinus.core.spec.fields import Count, Flag, Name, Number, PositiveRate, Rate, refusal


class OnInconclusive(StrEnum):
    """What happens at the deadline when the evidence says neither pass nor fail."""

    PAUSE = "Pause"
    PROCEED = "Proceed"
    ROLLBACK = "Rollback"


class _Signal(Frozen):
    name: Name = Field(description="Name of the signal in status, events and plots.")
    required: Flag = Field(default=True, description="Whether promotion waits until this signal passes.")
    on_inconclusive: OnInconclusive | None = Field(
        default=None, description="Overrides rollout.onInconclusive for this signal."
    )


class ErrorsSignal(_Signal):
    """Share of failed requests: 5xx, timeouts, refused connections, and 4xx other than 401, 403 and 429."""

    type: Literal["Errors"] = Field(description="Kind of signal.")
    max_increase: Rate = Field(
        default=0.01, description="Largest acceptable candidate rate minus stable rate, in points of rate."
    )
    max: Rate | None = Field(default=None, description="Largest acceptable candidate rate, whatever stable's rate is.")


class LatencySignal(_Signal):
    """Share of requests slower than the threshold, compared interval by interval."""

    type: Literal["Latency"] = Field(description="Kind of signal.")
    threshold: PositiveDuration = Field(description="A request slower than this is slow.")
    max_increase: Rate = Field(
        default=0.02, description="Largest acceptable share of slow requests of the candidate minus that of stable."
    )
    max: Rate | None = Field(default=None, description="Largest acceptable share of slow requests of the candidate.")
    warmup: Duration = Field(
        default=timedelta(seconds=30), description="Observed time at the start of the rollout that is left out."
    )


class AvailabilitySignal(_Signal):
    """Restarts, unready time, and the share of requests that arrived against the weight set. Always on."""

    type: Literal["Availability"] = Field(default="Availability", description="Kind of signal.")
    max_increase: Rate = Field(
        default=0.01,
        description="Largest acceptable share of intervals with a restart or unready time, minus that of stable.",
    )
    min_share: Rate = Field(
        default=0.8, description="Smallest acceptable share of requests observed, relative to the weight set."
    )


class QualitySignal(_Signal):
    """Loss against real labels, on the same rows where both revisions can be asked for an answer."""

    type: Literal["Quality"] = Field(description="Kind of signal.")
    metric: Loss = Field(default="brier", description="Loss that is averaged over the labelled rows.")
    max_increase: float = Field(
        default=0.01,
        strict=True,
        ge=0,
        allow_inf_nan=False,
        description="Largest acceptable loss of the candidate minus that of stable.",
    )
    bound: float = Field(
        default=1.0,
        strict=True,
        gt=0,
        allow_inf_nan=False,
        description="Largest loss of one row that counts; a larger one counts as this. Brier needs no more than 1.",
    )
    label_horizon: PositiveDuration = Field(
        description="Only predictions older than this are judged; fast labels are biased."
    )
    min_labelled: Rate = Field(
        default=0.8, description="Share of the predictions of one time that must have their labels to be judged."
    )
    sample_rate: PositiveRate = Field(
        default=1.0, description="Share of the requests that both revisions are asked about, while the rollout lasts."
    )

    @model_validator(mode="after")
    def _margin_is_below_bound(self) -> Self:
        if self.max_increase >= self.bound:
            raise refusal(
                "maxIncrease is not below bound, the largest difference of two losses, so nothing can fail; "
                "lower it, or raise bound",
                "maxIncrease",
            )
        return self


class DriftSignal(_Signal):
    """Distance of the candidate's predictions from stable's on the same traffic. Pauses, never rolls back by itself."""

    type: Literal["Drift"] = Field(description="Kind of signal.")
    psi: float = Field(
        default=0.2, strict=True, gt=0, allow_inf_nan=False, description="Population stability index that is too much."
    )
    min_samples: Count = Field(default=500, description="Fewest predictions of each revision before drift is judged.")


class QuerySignal(_Signal):
    """The value of a PromQL expression."""

    type: Literal["Query"] = Field(description="Kind of signal.")
    promql: str = Field(min_length=1, max_length=4096, description="Expression that answers one number.")
    min: Number | None = Field(default=None, description="Smallest acceptable value.")
    max: Number | None = Field(default=None, description="Largest acceptable value.")

    @model_validator(mode="after")
    def _has_a_limit(self) -> Self:
        if self.min is None and self.max is None:
            raise refusal("the query has no limit, so nothing can fail; give min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise refusal("min is greater than max; swap them", "min")
        return self


Signal = Annotated[
    ErrorsSignal | LatencySignal | AvailabilitySignal | QualitySignal | DriftSignal | QuerySignal,
    Field(discriminator="type"),
]
