"""The steps of a rollout: a weight to hold, or a pause."""

from datetime import timedelta
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from serinus.core.model import Frozen
from serinus.core.spec.duration import Duration, PositiveDuration
from serinus.core.spec.fields import Count


class WeightStep(Frozen):
    """Send `weight` percent of the requests, or copies of them, to the candidate and watch."""

    weight: int = Field(
        strict=True,
        ge=1,
        le=100,
        description="Share of requests for the candidate, in percent; for BlueGreen and Shadow the share that is copied.",
    )
    hold: Duration = Field(default=timedelta(minutes=1), description="Least time watched at this weight.")
    min_requests: Count = Field(default=0, description="Fewest candidate requests seen at this weight before the next.")


class Pause(Frozen):
    """A pause keeps the weight that was reached."""

    duration: PositiveDuration | None = Field(
        default=None, description="Go on after this time; without it, wait until somebody resumes or promotes."
    )


class PauseStep(Frozen):
    """Wait at the weight that was reached."""

    pause: Pause = Field(description="How long to wait; {} waits for a person.")


ONE_KIND = "a step either sets a weight or pauses; write {weight: 10, hold: 10m} or {pause: {}}"


def _kind_of_step(value: Any) -> str | None:
    """The kind that a step is checked as; None for both at once and for neither.

    A step with an unknown field, or that is no map at all, is checked as a weight: the error then names what is wrong.
    """
    if isinstance(value, WeightStep | PauseStep):
        return type(value).__name__
    if not isinstance(value, dict):
        return WeightStep.__name__
    if ("weight" in value) == ("pause" in value) and value.keys() <= {"weight", "pause", "hold", "minRequests"}:
        return None
    return PauseStep.__name__ if "pause" in value else WeightStep.__name__


Step = Annotated[
    Annotated[WeightStep, Tag("WeightStep")] | Annotated[PauseStep, Tag("PauseStep")],
    Discriminator(_kind_of_step, custom_error_type="step", custom_error_message=ONE_KIND),
]
