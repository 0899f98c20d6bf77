"""How a candidate is released: the policy that a rollout state takes a snapshot of."""

from datetime import timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from serinus.core.model import Frozen
from serinus.core.spec.duration import Duration, PositiveDuration
from serinus.core.spec.fields import Check, Flag, matching, refusal
from serinus.core.spec.signals import AvailabilitySignal, ErrorsSignal, OnInconclusive, Signal
from serinus.core.spec.steps import Step, WeightStep

MAX_STEPS = 32
MAX_SIGNALS = 16
SHORTEST_INTERVAL = timedelta(seconds=1)


class Strategy(StrEnum):
    """How traffic reaches the candidate."""

    CANARY = "Canary"
    BLUE_GREEN = "BlueGreen"
    SHADOW = "Shadow"
    IMMEDIATE = "Immediate"

    @property
    def mirrors(self) -> bool:
        """Whether the candidate works on copies of requests, whose answers nobody sees, until it is promoted."""
        return self in (Strategy.BLUE_GREEN, Strategy.SHADOW)


class OnFailure(StrEnum):
    """What happens when a signal fails."""

    ROLLBACK = "Rollback"
    PAUSE = "Pause"


class Approval(StrEnum):
    """Who promotes a candidate that passed."""

    AUTOMATIC = "Automatic"
    MANUAL = "Manual"


class WhenSuperseded(StrEnum):
    """What happens to a running rollout when the spec names yet another revision."""

    RESTART = "Restart"
    QUEUE = "Queue"


HeaderName = Annotated[str, *matching(r"[A-Za-z0-9!#$%&'*+.^_|~-]+", 256, "write a header's name, as in X-Tester")]
HeaderValue = Annotated[str, *matching(r"[\x20-\x7e]+", 1024, "use plain ASCII characters, at least one")]


class HeaderRule(Frozen):
    """A request header and the value it must have."""

    name: HeaderName = Field(description="Name of the header.")
    value: HeaderValue = Field(description="Exact value of the header.")


class RequestMatch(Frozen):
    """A rule on the headers of a request."""

    header: HeaderRule = Field(description="The header that such a request carries.")


def _not_below_a_second(value: timedelta) -> timedelta:
    if value < SHORTEST_INTERVAL:
        raise ValueError("an interval below 1s is too short; look at the evidence less often, as in 30s")
    return value


Interval = Annotated[Duration, AfterValidator(_not_below_a_second), Check("not below a second")]


class RolloutPolicy(Frozen):
    """Steps, evidence and deadlines of a rollout. Durations are written as in 1h30m, 10m or 100ms."""

    strategy: Strategy = Field(
        default=Strategy.CANARY,
        description="How traffic reaches the candidate. Canary gives it a growing share. BlueGreen and Shadow copy a share "
        "of the requests to it, whose answers nobody sees; BlueGreen then gives it all requests at once, Shadow only when "
        "somebody promotes it. Immediate sends all of them once it is ready.",
    )
    steps: tuple[Step, ...] = Field(
        default=(
            WeightStep(weight=10, hold=timedelta(minutes=5), min_requests=100),
            WeightStep(weight=50, hold=timedelta(minutes=5), min_requests=100),
        ),
        max_length=MAX_STEPS,
        description="Weights, each greater than the one before, and pauses. After the last, the candidate is promoted "
        "once every required signal has passed. For BlueGreen and Shadow a step's weight is the share that is copied.",
    )
    signals: tuple[Signal, ...] = Field(
        default=(ErrorsSignal(name="errors", type="Errors"),),
        min_length=1,
        max_length=MAX_SIGNALS,
        description="What the candidate is judged on, each with its own name.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    interval: Interval = Field(
        default=timedelta(seconds=30),
        description="Time between two looks at the evidence; what happens within one counts as one burst at most.",
    )
    alpha: float = Field(
        default=0.05,
        strict=True,
        ge=0.0001,
        le=0.5,
        allow_inf_nan=False,
        description="Chance of rejecting a healthy candidate, all signals and attempts together.",
    )
    on_failure: OnFailure = Field(default=OnFailure.ROLLBACK, description="What happens when a signal fails.")
    on_inconclusive: OnInconclusive = Field(
        default=OnInconclusive.PAUSE,
        description="What happens at the deadline when the evidence says neither pass nor fail.",
    )
    approval: Approval = Field(default=Approval.AUTOMATIC, description="Who promotes a candidate that passed.")
    deadline: PositiveDuration = Field(
        default=timedelta(hours=24), description="How long a rollout may wait for evidence or for a person."
    )
    ready_deadline: PositiveDuration = Field(
        default=timedelta(minutes=10), description="How long a revision may take to become ready."
    )
    when_superseded: WhenSuperseded = Field(
        default=WhenSuperseded.RESTART, description="What happens when yet another revision is asked for meanwhile."
    )
    match: RequestMatch | None = Field(
        default=None, description="Requests that always go to the candidate, for testers; its weight counts for others."
    )
    sticky: Flag = Field(default=False, description="Whether a client stays with the revision that first answered it.")

    @field_validator("steps")
    @classmethod
    def _weights_go_up(cls, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        weights = [(index, step.weight) for index, step in enumerate(steps) if isinstance(step, WeightStep)]
        if not weights:
            raise refusal("no step sets a weight; add one, as in {weight: 10, hold: 10m}")
        for (_, before), (index, weight) in pairwise(weights):
            if weight <= before:
                raise refusal("the weights do not go up; make each greater than the one before", index, "weight")
        return steps

    @field_validator("signals")
    @classmethod
    def _names_differ(cls, signals: tuple[Signal, ...]) -> tuple[Signal, ...]:
        seen: set[str] = set()
        for index, signal in enumerate(signals):
            if signal.name in seen:
                raise refusal(f'Duplicate value: {{"name":"{signal.name}"}}; give each signal its own name', index)
            seen.add(signal.name)
        return signals

    @model_validator(mode="after")
    def _one_availability(self) -> Self:
        found = [index for index, signal in enumerate(self.signals) if isinstance(signal, AvailabilitySignal)]
        if len(found) > 1:
            raise refusal("there are two Availability signals, which is one measure; keep one", "signals", found[1])
        return self
